// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_tinyring/work.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vexfs::vm {

namespace {

constexpr unsigned kMountEvery = 16;  // rounds: a mount costs as much as hundreds of the others

class Worker {
  public:
    Worker(const std::string& directory, unsigned number)
        : stem_(fmt::format("{}/w{}-", directory, number)) {}

    bool round(unsigned number, unsigned reads) {
        return file(reads) && links() && directory() && (number % kMountEvery != 0 || mount());
    }

  private:
    [[nodiscard]] std::string at(const char* name) const { return stem_ + name; }

    bool file(unsigned reads) {
        const int fd = ::open(at("f").c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
        char byte = 'x';
        bool right = fd >= 0 && ::pwrite(fd, &byte, 1, 0) == 1 && ::pread(fd, &byte, 1, 0) == 1;
        for (unsigned i = 0; i < reads && right; ++i) {
            right = ::pread(fd, &byte, 1, 0) == 1;
        }
        right = right && ::fchmod(fd, 0640) == 0 && ::fchown(fd, 1, 2) == 0 &&
                ::ftruncate(fd, 100) == 0 && ::fsync(fd) == 0;
        return ::close(fd) == 0 && right;
    }

    bool links() {
        return ::link(at("f").c_str(), at("g").c_str()) == 0 &&
               ::symlink("target", at("s").c_str()) == 0 && ::unlink(at("f").c_str()) == 0 &&
               ::unlink(at("g").c_str()) == 0 && ::unlink(at("s").c_str()) == 0;
    }

    bool directory() {
        std::array<char, 256> entries{};
        if (::mkdir(at("d").c_str(), 0700) != 0 ||
            ::rename(at("d").c_str(), at("e").c_str()) != 0) {
            return false;
        }
        const int fd = ::open(at("e").c_str(), O_RDONLY | O_DIRECTORY);
        const bool right = ::syscall(SYS_getdents64, fd, entries.data(), entries.size()) > 0;
        return ::close(fd) == 0 && ::rmdir(at("e").c_str()) == 0 && right;
    }

    bool mount() {
        const std::string point = at("m");
        return ::mkdir(point.c_str(), 0700) == 0 &&
               ::mount("source", point.c_str(), "tmpfs", 0, nullptr) == 0 &&
               ::umount(point.c_str()) == 0 && ::rmdir(point.c_str()) == 0;
    }

    std::string stem_;
};

}  // namespace

bool work_in_flood(const std::string& directory, unsigned worker, unsigned rounds, unsigned reads,
                   const std::function<bool()>& wait) {
    Worker it(directory, worker);
    bool right = true;
    for (unsigned i = 0; i < rounds && right; ++i) {
        right = it.round(i, reads) && wait();
    }
    return right;
}

bool work(const std::string& directory, unsigned worker, unsigned rounds) {
    return work_in_flood(directory, worker, rounds, 0, [] { return true; });
}

PerOp attempts(std::uint64_t rounds, std::uint64_t reads) {
    const std::uint64_t mounts = (rounds + kMountEvery - 1) / kMountEvery;
    PerOp n{};
    for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
        n[op] = rounds;
    }
    n[VX_OP_FILE_OPEN] = n[VX_OP_FILE_CLOSE] = 2 * rounds;  // the file, the directory
    n[VX_OP_FILE_READ] = rounds * (1 + reads);
    n[VX_OP_FILE_DELETE] = 3 * rounds;
    n[VX_OP_DIR_CREATE] = n[VX_OP_DIR_DELETE] = rounds + mounts;
    n[VX_OP_MOUNT] = n[VX_OP_UNMOUNT] = mounts;
    return n;
}

}  // namespace vexfs::vm
