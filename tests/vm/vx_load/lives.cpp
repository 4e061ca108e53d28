// SPDX-License-Identifier: Apache-2.0
// What an actor's rounds do.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "vm/vx_load/actor.hpp"

namespace vexfs::vm {

namespace {

constexpr std::uint64_t kKept = 64;      // files that a process keeps
constexpr std::uint64_t kDeepEvery = 64;  // rounds
constexpr unsigned kDepth = 24;
constexpr std::size_t kDeepName = 100;  // bytes: 2,400 of the 4,095 that a path may have
constexpr std::uint32_t kFailuresShown = 5;

std::array<char, 4096> buffer;

}  // namespace

Actor::Actor(const Workload& load, unsigned number, ProcessTruth& truth)
    : load_(load),
      own_(load.directory + "/p" + std::to_string(number)),
      shared_(load.directory + "/shared"),
      random_(load.seed * 0x9e3779b97f4a7c15ull + number + 1),
      truth_(truth),
      caller_(load.thread_a_call) {}

void Actor::begin() {
    make_directory(own_);
}

std::uint64_t Actor::round() {
    file_life();
    directory_life();
    read_back();
    switch (random() % 8) {
        case 0: exchange_life(); break;
        case 1: unnamed_life(); break;
        case 2: uring_file_life(); break;
        case 3: uring_tree_life(); break;
        case 4: copy_life(); break;
        default: break;
    }
    if (round_ % kDeepEvery == kDeepEvery - 1) {
        deep_life();
    }
    for (int i = 0; i < 4; ++i) {
        contend();
    }
    round_++;
    return done_;
}

long Actor::must(std::initializer_list<unsigned> ops, const Call& call) {
    const long result = may(ops, call);
    if (result < 0) {
        failed(vx_op_name(*ops.begin()), errno);
    }
    return result;
}

long Actor::must_uring(std::initializer_list<unsigned> ops, const Request& prepare, bool worker) {
    return must(ops, [&] {
        const long result = uring_(prepare, worker);
        errno = result < 0 ? static_cast<int>(-result) : 0;
        return result;
    });
}

long Actor::may(std::initializer_list<unsigned> ops, const Call& call) {
    const long result = caller_(call);
    if (result >= 0) {
        for (const unsigned op : ops) {
            truth_.done[op]++;
            done_++;
        }
    }
    return result;
}

void Actor::failed(const char* how, long error) {
    if (truth_.failed++ < kFailuresShown) {
        fmt::print("    {} in round {} of {}: {}\n", how, round_, own_,
                   std::strerror(static_cast<int>(error)));
    }
    done_++;  // a workload in which nothing works ends too
}

void Actor::made(const std::string& path, long result) {
    if (result >= 0 && load_.made_directory) {
        load_.made_directory(path);
    }
}

void Actor::make_directory(const std::string& path) {
    made(path, must(VX_OP_DIR_CREATE, [&] { return ::mkdir(path.c_str(), 0755); }));
}

std::uint64_t Actor::random() {
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    return random_;
}

std::string Actor::own(const char* stem, std::uint64_t number) const {
    return own_ + "/" + stem + std::to_string(number);
}

// Made, written, changed, moved, linked, deleted under its second name later.
void Actor::file_life() {
    const std::string made = own("new", round_ % 4);
    const std::string kept = own("kept", round_ % kKept);
    const std::string link = own("link", round_ % kKept);
    const int fd = static_cast<int>(must({VX_OP_FILE_CREATE, VX_OP_FILE_OPEN}, [&] {
        return ::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644);
    }));
    must(VX_OP_FILE_WRITE, [&] { return ::write(fd, "0123456789", 10); });
    must(VX_OP_FILE_WRITE, [&] { return ::pwrite(fd, "abc", 3, 100); });
    must(VX_OP_FILE_TRUNCATE, [&] { return ::ftruncate(fd, 50); });
    must(VX_OP_FILE_CLOSE, [&] { return ::close(fd); });
    must(VX_OP_FILE_CHMOD, [&] { return ::chmod(made.c_str(), round_ % 2 == 0 ? 0600 : 0640); });
    // Replaces what an earlier round has kept.
    must(VX_OP_FILE_RENAME, [&] { return ::rename(made.c_str(), kept.c_str()); });
    if (round_ >= kKept) {
        must(VX_OP_FILE_DELETE, [&] { return ::unlink(link.c_str()); });
    }
    must(VX_OP_HARDLINK_CREATE, [&] { return ::link(kept.c_str(), link.c_str()); });
}

void Actor::directory_life() {
    const std::string a = own("dir", round_ % 2);
    const std::string b = own("moved", round_ % 2);
    const std::string node = b + "/node";
    make_directory(a);
    must(VX_OP_SYMLINK_CREATE, [&] { return ::symlink("target", (a + "/symlink").c_str()); });
    must(VX_OP_FILE_RENAME, [&] { return ::rename(a.c_str(), b.c_str()); });
    // Below its new path.
    must(VX_OP_FILE_CREATE, [&] { return ::mknod(node.c_str(), S_IFREG | 0600, 0); });
    must(VX_OP_FILE_CHOWN, [&] { return ::chown(node.c_str(), 1, 2); });
    if (random() % 2 == 0) {
        // A directory onto an empty one, and its attributes.
        const std::string empty = own("empty", 0);
        make_directory(empty);
        must(VX_OP_FILE_CHMOD, [&] { return ::chmod(empty.c_str(), 0700); });
        must(VX_OP_FILE_RENAME, [&] { return ::rename(b.c_str(), empty.c_str()); });
        must(VX_OP_FILE_RENAME, [&] { return ::rename(empty.c_str(), b.c_str()); });
    }
    must(VX_OP_FILE_DELETE, [&] { return ::unlink(node.c_str()); });
    must(VX_OP_FILE_DELETE, [&] { return ::unlink((b + "/symlink").c_str()); });
    must(VX_OP_DIR_DELETE, [&] { return ::rmdir(b.c_str()); });
}

// What this round has kept, and the directory that it is in.
void Actor::read_back() {
    const std::string kept = own("kept", round_ % kKept);
    const int fd = static_cast<int>(
        must(VX_OP_FILE_OPEN, [&] { return ::open(kept.c_str(), O_RDONLY); }));
    must(VX_OP_FILE_READ, [&] { return ::read(fd, buffer.data(), 20); });
    must(VX_OP_FILE_READ, [&] { return ::pread(fd, buffer.data(), 20, 0); });
    must(VX_OP_FILE_CLOSE, [&] { return ::close(fd); });
    const int directory = static_cast<int>(must(
        VX_OP_FILE_OPEN, [&] { return ::open(own_.c_str(), O_RDONLY | O_DIRECTORY); }));
    must(VX_OP_DIR_READ,
         [&] { return ::syscall(SYS_getdents64, directory, buffer.data(), buffer.size()); });
    must(VX_OP_FILE_CLOSE, [&] { return ::close(directory); });
}

// A file and a directory change places, and change them back.
void Actor::exchange_life() {
    const std::string file = own("left", 0);
    const std::string directory = own("right", 0);
    const auto exchange = [&] {
        return ::renameat2(AT_FDCWD, file.c_str(), AT_FDCWD, directory.c_str(), RENAME_EXCHANGE);
    };
    must(VX_OP_FILE_CREATE, [&] { return ::mknod(file.c_str(), S_IFREG | 0600, 0); });
    make_directory(directory);
    must({VX_OP_FILE_RENAME, VX_OP_FILE_RENAME}, exchange);
    must(VX_OP_FILE_CREATE,
         [&] { return ::mknod((file + "/below").c_str(), S_IFREG | 0600, 0); });
    must({VX_OP_FILE_RENAME, VX_OP_FILE_RENAME}, exchange);
    // Across directories, onto what is there.
    must(VX_OP_FILE_RENAME,
         [&] { return ::rename(file.c_str(), (directory + "/below").c_str()); });
    must(VX_OP_FILE_DELETE, [&] { return ::unlink((directory + "/below").c_str()); });
    must(VX_OP_DIR_DELETE, [&] { return ::rmdir(directory.c_str()); });
}

// A file without a name gets one; one that has lost it is still written.
void Actor::unnamed_life() {
    const std::string name = own("named", 0);
    if (!unnamed_works_) {
        return;
    }
    const int fd = static_cast<int>(may(
        {VX_OP_FILE_OPEN}, [&] { return ::open(own_.c_str(), O_TMPFILE | O_RDWR, 0600); }));
    if (fd < 0) {
        unnamed_works_ = false;  // some file systems do not have it
        return;
    }
    must(VX_OP_FILE_WRITE, [&] { return ::write(fd, "0123456789", 10); });
    must(VX_OP_FILE_CREATE, [&] {
        return ::linkat(AT_FDCWD, fmt::format("/proc/self/fd/{}", fd).c_str(), AT_FDCWD,
                        name.c_str(), AT_SYMLINK_FOLLOW);
    });
    must(VX_OP_FILE_DELETE, [&] { return ::unlink(name.c_str()); });
    must(VX_OP_FILE_CLOSE, [&] { return ::close(fd); });
}

void Actor::uring_file_life() {
    const std::string name = own("ring", 0);
    const std::string moved = own("ring", 1);
    const std::string link = own("ring", 2);
    const bool worker = random() % 2 == 0;
    const int fd = static_cast<int>(
        must_uring({VX_OP_FILE_CREATE, VX_OP_FILE_OPEN}, [&](io_uring_sqe* sqe) {
            ::io_uring_prep_openat(sqe, AT_FDCWD, name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
        }));
    must_uring({VX_OP_FILE_WRITE},
               [&](io_uring_sqe* sqe) { ::io_uring_prep_write(sqe, fd, "0123456789", 10, 0); },
               worker);
    must_uring({VX_OP_FILE_READ},
               [&](io_uring_sqe* sqe) { ::io_uring_prep_read(sqe, fd, buffer.data(), 5, 0); },
               worker);
    must_uring({VX_OP_SYNC}, [&](io_uring_sqe* sqe) { ::io_uring_prep_fsync(sqe, fd, 0); });
    must_uring({VX_OP_FILE_RENAME}, [&](io_uring_sqe* sqe) {
        ::io_uring_prep_renameat(sqe, AT_FDCWD, name.c_str(), AT_FDCWD, moved.c_str(), 0);
    });
    must_uring({VX_OP_HARDLINK_CREATE}, [&](io_uring_sqe* sqe) {
        ::io_uring_prep_linkat(sqe, AT_FDCWD, moved.c_str(), AT_FDCWD, link.c_str(), 0);
    });
    for (const std::string& it : {moved, link}) {
        must_uring({VX_OP_FILE_DELETE}, [&](io_uring_sqe* sqe) {
            ::io_uring_prep_unlinkat(sqe, AT_FDCWD, it.c_str(), 0);
        });
    }
    must_uring({VX_OP_FILE_CLOSE}, [&](io_uring_sqe* sqe) { ::io_uring_prep_close(sqe, fd); });
}

void Actor::uring_tree_life() {
    const std::string directory = own("ringdir", 0);
    const std::string link = directory + "/symlink";
    made(directory, must_uring({VX_OP_DIR_CREATE}, [&](io_uring_sqe* sqe) {
             ::io_uring_prep_mkdirat(sqe, AT_FDCWD, directory.c_str(), 0755);
         }));
    must_uring({VX_OP_SYMLINK_CREATE}, [&](io_uring_sqe* sqe) {
        ::io_uring_prep_symlinkat(sqe, "target", AT_FDCWD, link.c_str());
    });
    must_uring({VX_OP_FILE_DELETE}, [&](io_uring_sqe* sqe) {
        ::io_uring_prep_unlinkat(sqe, AT_FDCWD, link.c_str(), 0);
    });
    must_uring({VX_OP_DIR_DELETE}, [&](io_uring_sqe* sqe) {
        ::io_uring_prep_unlinkat(sqe, AT_FDCWD, directory.c_str(), AT_REMOVEDIR);
    });
}

// From file to file, and the ways to cut one.
void Actor::copy_life() {
    const std::string from = own("kept", round_ % kKept);
    const std::string to = own("copy", 0);
    const int in = static_cast<int>(
        must(VX_OP_FILE_OPEN, [&] { return ::open(from.c_str(), O_RDONLY); }));
    const int out = static_cast<int>(must({VX_OP_FILE_CREATE, VX_OP_FILE_OPEN}, [&] {
        return ::open(to.c_str(), O_RDWR | O_CREAT, 0600);
    }));
    must({VX_OP_FILE_READ, VX_OP_FILE_WRITE}, [&] { return ::sendfile(out, in, nullptr, 10); });
    must(VX_OP_FILE_CLOSE, [&] { return ::close(in); });
    must(VX_OP_SYNC, [&] { return ::fdatasync(out); });
    must(VX_OP_FILE_CHMOD, [&] { return ::fchmod(out, 0644); });
    must(VX_OP_FILE_CHOWN, [&] { return ::fchown(out, 1, 1); });
    must(VX_OP_FILE_CLOSE, [&] { return ::close(out); });
    must(VX_OP_FILE_TRUNCATE, [&] { return ::truncate(to.c_str(), 1000); });
    const int again = static_cast<int>(must({VX_OP_FILE_TRUNCATE, VX_OP_FILE_OPEN}, [&] {
        return ::open(to.c_str(), O_WRONLY | O_TRUNC);
    }));
    must(VX_OP_FILE_DELETE, [&] { return ::unlink(to.c_str()); });
    // Without a name.
    must(VX_OP_FILE_WRITE, [&] { return ::write(again, "0123456789", 10); });
    must(VX_OP_FILE_CLOSE, [&] { return ::close(again); });
}

// Down to where the path is 2,400 bytes long, and out of there.
void Actor::deep_life() {
    const std::string top = own("deep", 0);
    const std::string moved = own("sunk", 0);
    const std::string up = own("up", 0);
    std::string below;
    make_directory(top);
    for (unsigned i = 0; i < kDepth; ++i) {
        below += "/" + std::string(kDeepName, static_cast<char>('a' + i));
        make_directory(top + below);
    }
    must(VX_OP_FILE_CREATE,
         [&] { return ::mknod((top + below + "/bottom").c_str(), S_IFREG | 0600, 0); });
    must(VX_OP_FILE_RENAME, [&] { return ::rename(top.c_str(), moved.c_str()); });
    must(VX_OP_FILE_CHMOD, [&] { return ::chmod((moved + below + "/bottom").c_str(), 0644); });
    must(VX_OP_FILE_RENAME,
         [&] { return ::rename((moved + below + "/bottom").c_str(), up.c_str()); });
    must(VX_OP_FILE_DELETE, [&] { return ::unlink(up.c_str()); });
    for (unsigned i = 0; i < kDepth; ++i) {
        must(VX_OP_DIR_DELETE, [&] { return ::rmdir((moved + below).c_str()); });
        below.resize(below.size() - kDeepName - 1);
    }
    must(VX_OP_DIR_DELETE, [&] { return ::rmdir(moved.c_str()); });
}

// Sixteen names, two directories, everybody.
std::string Actor::contended() {
    const std::uint64_t n = random() % 16;
    return shared_ + (random() % 2 == 0 ? "/x/n" : "/y/n") + std::to_string(n);
}

void Actor::contend() {
    const std::string a = contended();
    const std::string b = contended();
    switch (random() % 4) {
        case 0:
            may({VX_OP_FILE_CREATE}, [&] { return ::mknod(a.c_str(), S_IFREG | 0600, 0); });
            break;
        case 1:
            // A rename between two names of one file does nothing, and says that it worked: whether
            // it was one is known when the second name must not exist.
            may({VX_OP_FILE_RENAME}, [&] {
                return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_NOREPLACE);
            });
            break;
        case 2:
            may({VX_OP_FILE_DELETE}, [&] { return ::unlink(a.c_str()); });
            break;
        default:
            may({VX_OP_HARDLINK_CREATE}, [&] { return ::link(a.c_str(), b.c_str()); });
            break;
    }
}

}  // namespace vexfs::vm
