// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "vm/vx_load/truth.hpp"

namespace vexfs::vm {

namespace {

class Actor {
  public:
    Actor(const std::string& directory, unsigned number, std::uint64_t seed, ProcessTruth& truth)
        : own_(directory + "/p" + std::to_string(number)),
          shared_(directory + "/shared"),
          random_(seed * 0x9e3779b97f4a7c15ull + number + 1),
          truth_(truth) {}

    void run(std::uint64_t operations) {
        must(VX_OP_DIR_CREATE, ::mkdir(own_.c_str(), 0755));
        for (std::uint64_t round = 0; done_ < operations; ++round) {
            file_life(round);
            directory_life(round);
            read_back(round);
            for (int i = 0; i < 4; ++i) {
                contend();
            }
        }
    }

  private:
    // Nobody else is here: it works, or it is a mistake.
    bool must(unsigned op, long result) {
        if (result < 0) {
            truth_.failed++;
            return false;
        }
        return may(op, result);
    }
    // Others may have been faster.
    bool may(unsigned op, long result) {
        if (result < 0) {
            return false;
        }
        truth_.done[op]++;
        done_++;
        return true;
    }
    std::uint64_t random() {
        random_ ^= random_ << 13U;
        random_ ^= random_ >> 7U;
        random_ ^= random_ << 17U;
        return random_;
    }
    [[nodiscard]] std::string own(const char* stem, std::uint64_t number) const {
        return own_ + "/" + stem + std::to_string(number);
    }

    // Made, written, changed, moved, linked, deleted under its second name later.
    void file_life(std::uint64_t round) {
        const std::string made = own("new", round % 4);
        const std::string kept = own("kept", round % 64);
        const std::string link = own("link", round % 64);
        const int fd = ::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644);
        must(VX_OP_FILE_CREATE, fd);
        must(VX_OP_FILE_OPEN, fd);
        must(VX_OP_FILE_WRITE, ::write(fd, "0123456789", 10));
        must(VX_OP_FILE_WRITE, ::pwrite(fd, "abc", 3, 100));
        must(VX_OP_FILE_TRUNCATE, ::ftruncate(fd, 50));
        must(VX_OP_FILE_CLOSE, ::close(fd));
        must(VX_OP_FILE_CHMOD, ::chmod(made.c_str(), round % 2 == 0 ? 0600 : 0640));
        // Replaces what an earlier round has kept.
        must(VX_OP_FILE_RENAME, ::rename(made.c_str(), kept.c_str()));
        if (round >= 64) {
            must(VX_OP_FILE_DELETE, ::unlink(link.c_str()));
        }
        must(VX_OP_HARDLINK_CREATE, ::link(kept.c_str(), link.c_str()));
    }

    void directory_life(std::uint64_t round) {
        const std::string a = own("dir", round % 2);
        const std::string b = own("moved", round % 2);
        must(VX_OP_DIR_CREATE, ::mkdir(a.c_str(), 0755));
        must(VX_OP_SYMLINK_CREATE, ::symlink("target", (a + "/symlink").c_str()));
        must(VX_OP_FILE_RENAME, ::rename(a.c_str(), b.c_str()));
        // Below its new path.
        must(VX_OP_FILE_CREATE, ::mknod((b + "/node").c_str(), S_IFREG | 0600, 0));
        must(VX_OP_FILE_CHOWN, ::chown((b + "/node").c_str(), 1, 2));
        must(VX_OP_FILE_DELETE, ::unlink((b + "/node").c_str()));
        must(VX_OP_FILE_DELETE, ::unlink((b + "/symlink").c_str()));
        must(VX_OP_DIR_DELETE, ::rmdir(b.c_str()));
    }

    // What this round has kept, and the directory that it is in.
    void read_back(std::uint64_t round) {
        std::array<char, 4096> buffer{};
        const int fd = ::open(own("kept", round % 64).c_str(), O_RDONLY);
        must(VX_OP_FILE_OPEN, fd);
        must(VX_OP_FILE_READ, ::read(fd, buffer.data(), 20));
        must(VX_OP_FILE_READ, ::pread(fd, buffer.data(), 20, 0));
        must(VX_OP_FILE_CLOSE, ::close(fd));
        const int directory = ::open(own_.c_str(), O_RDONLY | O_DIRECTORY);
        must(VX_OP_FILE_OPEN, directory);
        must(VX_OP_DIR_READ,
             ::syscall(SYS_getdents64, directory, buffer.data(), buffer.size()));
        must(VX_OP_FILE_CLOSE, ::close(directory));
    }

    // Sixteen names, two directories, everybody.
    [[nodiscard]] std::string contended() {
        const std::uint64_t n = random() % 16;
        return shared_ + (random() % 2 == 0 ? "/x/n" : "/y/n") + std::to_string(n);
    }
    void contend() {
        const std::string a = contended();
        const std::string b = contended();
        switch (random() % 4) {
            case 0:
                may(VX_OP_FILE_CREATE, ::mknod(a.c_str(), S_IFREG | 0600, 0));
                break;
            case 1:
                rename_counted(a, b);
                break;
            case 2:
                may(VX_OP_FILE_DELETE, ::unlink(a.c_str()));
                break;
            default:
                may(VX_OP_HARDLINK_CREATE, ::link(a.c_str(), b.c_str()));
                break;
        }
    }
    // A rename between two names of one file does nothing, and says that it worked: whether it was
    // one is known when the second name must not exist.
    void rename_counted(const std::string& a, const std::string& b) {
        may(VX_OP_FILE_RENAME,
            ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_NOREPLACE));
    }

    std::string own_;
    std::string shared_;
    std::uint64_t random_;
    std::uint64_t done_ = 0;
    ProcessTruth& truth_;
};

}  // namespace

std::vector<ProcessTruth> work(const std::string& directory, unsigned processes,
                               std::uint64_t operations, std::uint64_t seed) {
    const std::size_t bytes = processes * sizeof(ProcessTruth);
    auto* shared = static_cast<ProcessTruth*>(
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ProcessTruth self{.pid = static_cast<std::uint32_t>(::getpid())};
    for (const char* name : {"/shared", "/shared/x", "/shared/y"}) {
        if (::mkdir((directory + name).c_str(), 0755) == 0) {
            self.done[VX_OP_DIR_CREATE]++;
        } else {
            self.failed++;
        }
    }
    std::vector<pid_t> children;
    for (unsigned i = 0; i < processes; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            shared[i].pid = static_cast<std::uint32_t>(::getpid());
            Actor(directory, i, seed, shared[i]).run(operations / processes);
            ::_exit(0);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        self.failed += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
    }
    std::vector<ProcessTruth> all(shared, shared + processes);
    all.push_back(self);
    ::munmap(shared, bytes);
    return all;
}

bool save(const std::vector<ProcessTruth>& truth, const std::string& file) {
    std::ofstream out(file);
    for (const ProcessTruth& it : truth) {
        out << it.pid << ' ' << it.failed;
        for (const std::uint64_t n : it.done) {
            out << ' ' << n;
        }
        out << '\n';
    }
    out.flush();
    return out.good();
}

std::vector<ProcessTruth> load(const std::string& file) {
    std::ifstream in(file);
    std::vector<ProcessTruth> all;
    for (ProcessTruth it; in >> it.pid >> it.failed;) {
        for (std::uint64_t& n : it.done) {
            in >> n;
        }
        all.push_back(it);
    }
    return all;
}

}  // namespace vexfs::vm
