// SPDX-License-Identifier: Apache-2.0
// Coverage: reading files and directories.
#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>

#include "abi/event.h"
#include "vm/vx_coverage/scene.hpp"

namespace vexfs::vm {

namespace {

constexpr std::size_t kSize = 4096;
std::array<char, kSize> buffer;

iovec vector() {
    return {buffer.data(), 100};
}

std::array<int, 2> make_pipe(Scene& s) {
    std::array<int, 2> ends{};
    s.ok(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    s.keep(ends[0]);
    s.keep(ends[1]);
    return ends;
}

void getdents(Scene& s) {
    s.make_dir("d");
    s.make("d/a");
    s.make("d/b");
    const int fd = s.open("d", O_RDONLY | O_DIRECTORY);
    s.begin();
    s.ok(::syscall(SYS_getdents64, fd, buffer.data(), buffer.size()), "getdents64");
    s.want(VX_OP_DIR_READ, "d", VX_F_DIRECTORY);
    s.ok(::syscall(SYS_getdents64, fd, buffer.data(), buffer.size()), "getdents64 at the end");
    s.want(VX_OP_DIR_READ, "d", VX_F_DIRECTORY);
}

void readdir(Scene& s) {
    s.make_dir("d");
    s.make("d/a");
    s.begin();
    DIR* dir = ::opendir(s.at("d").c_str());
    s.want(VX_OP_FILE_OPEN, "d", VX_F_DIRECTORY);
    while (dir != nullptr && ::readdir(dir) != nullptr) {
    }
    s.want(VX_OP_DIR_READ, "d", VX_F_DIRECTORY);  // the names
    s.want(VX_OP_DIR_READ, "d", VX_F_DIRECTORY);  // the end
    ::closedir(dir);
    s.want(VX_OP_FILE_CLOSE, "d", VX_F_DIRECTORY);
}

void copy_range(Scene& s) {
    const int from = s.make("f", kSize);
    const int to = s.make("g");
    s.begin();
    s.ok(::copy_file_range(from, nullptr, to, nullptr, kSize, 0), "copy_file_range");
    s.want(VX_OP_FILE_READ, "f");
    s.want(VX_OP_FILE_WRITE, "g");
}

void copy_inside(Scene& s) {
    const int fd = s.make("f", 2 * kSize);
    off_t from = 10;
    off_t to = kSize + 20;
    s.begin();
    s.ok(::copy_file_range(fd, &from, fd, &to, 1000, 0), "copy_file_range");
    s.want(VX_OP_FILE_READ, "f");
    s.want(VX_OP_FILE_WRITE, "f");
}

// The kernel copies it in many parts.
void copy_much(Scene& s) {
    constexpr std::size_t kMuch = std::size_t{1} << 20U;
    const int from = s.make("f", kMuch);
    const int to = s.make("g");
    s.begin();
    const ssize_t n = s.ok(::copy_file_range(from, nullptr, to, nullptr, kMuch, 0), "copy");
    s.ok(n == kMuch ? 0 : -1, "copy_file_range of all at once");
    s.want(VX_OP_FILE_READ, "f");
    s.want(VX_OP_FILE_WRITE, "g");
}

void splice_in(Scene& s) {
    const int fd = s.make("f", kSize);
    const auto ends = make_pipe(s);
    s.begin();
    s.ok(::splice(fd, nullptr, ends[1], nullptr, kSize, 0), "splice");
    s.want(VX_OP_FILE_READ, "f");
}

void sendfile_out(Scene& s) {
    const int fd = s.make("f", kSize);
    const auto ends = make_pipe(s);
    s.begin();
    s.ok(::sendfile(ends[1], fd, nullptr, kSize), "sendfile");
    s.want(VX_OP_FILE_READ, "f");
}

void sendfile_socket(Scene& s) {
    const int fd = s.make("f", kSize);
    std::array<int, 2> ends{};
    s.ok(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), "socketpair");
    s.keep(ends[0]);
    s.keep(ends[1]);
    s.begin();
    s.ok(::sendfile(ends[1], fd, nullptr, kSize), "sendfile");
    s.want(VX_OP_FILE_READ, "f");
}

constexpr Case kCases[] = {
    {"read/read",
     [](Scene& s) {
         const int fd = s.make("f", kSize);
         s.begin();
         s.ok(::read(fd, buffer.data(), 100), "read");
         s.want(VX_OP_FILE_READ, "f");
     }},
    {"read/pread",
     [](Scene& s) {
         const int fd = s.make("f", kSize);
         s.begin();
         s.ok(::pread(fd, buffer.data(), 100, 50), "pread");
         s.want(VX_OP_FILE_READ, "f");
     }},
    {"read/readv",
     [](Scene& s) {
         const int fd = s.make("f", kSize);
         const iovec part = vector();
         s.begin();
         s.ok(::readv(fd, &part, 1), "readv");
         s.want(VX_OP_FILE_READ, "f");
     }},
    {"read/preadv",
     [](Scene& s) {
         const int fd = s.make("f", kSize);
         const iovec part = vector();
         s.begin();
         s.ok(::preadv(fd, &part, 1, 10), "preadv");
         s.want(VX_OP_FILE_READ, "f");
     }},
    {"read/preadv2",
     [](Scene& s) {
         const int fd = s.make("f", kSize);
         const iovec part = vector();
         s.begin();
         s.ok(::preadv2(fd, &part, 1, 10, RWF_HIPRI), "preadv2");
         s.want(VX_OP_FILE_READ, "f");
     }},
    {"read/sendfile to a pipe", sendfile_out},
    {"read/sendfile to a socket", sendfile_socket},
    {"read/splice", splice_in},
    {"read/copy_file_range", copy_range},
    {"read/copy_file_range within one file", copy_inside},
    {"read/copy_file_range of a megabyte", copy_much},
    {"read/after the name is gone",
     [](Scene& s) {
         const int fd = s.make("f", kSize);
         s.ok(::unlink(s.at("f").c_str()), "unlink");
         const Object file = look(fd);
         s.begin();
         s.ok(::read(fd, buffer.data(), 100), "read");
         s.want(VX_OP_FILE_READ, "f", VX_F_UNLINKED).of(file);
     }},
    {"read/of nothing",
     [](Scene& s) {
         const int fd = s.make("f");
         s.begin();
         s.ok(::read(fd, buffer.data(), 100), "read at the end");
         s.ok(::pread(fd, buffer.data(), 0, 0), "read of 0 bytes");
     }},
    {"read/directory by getdents", getdents},
    {"read/directory by readdir", readdir},
};

}  // namespace

std::span<const Case> read_cases() {
    return kCases;
}

}  // namespace vexfs::vm
