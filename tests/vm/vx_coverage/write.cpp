// SPDX-License-Identifier: Apache-2.0
// Coverage: writing, and changes of length.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
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

// A pipe with kSize bytes in it.
int full_pipe(Scene& s) {
    std::array<int, 2> ends{};
    s.ok(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    s.ok(::write(ends[1], buffer.data(), kSize), "fill the pipe");
    s.keep(ends[1]);
    return s.keep(ends[0]);
}

void allocated(Scene& s, int mode, off_t from, off_t bytes) {
    const int fd = s.make("f", 2 * kSize);
    s.begin();
    s.ok(::fallocate(fd, mode, from, bytes), "fallocate");
    s.want(VX_OP_FILE_WRITE, "f");
}

void sendfile_in(Scene& s, std::size_t bytes) {
    const int from = s.make("f", bytes);
    const int to = s.make("g");
    s.begin();
    const ssize_t n = s.ok(::sendfile(to, from, nullptr, bytes), "sendfile");
    s.ok(n == static_cast<ssize_t>(bytes) ? 0 : -1, "sendfile of all at once");
    s.want(VX_OP_FILE_READ, "f");
    s.want(VX_OP_FILE_WRITE, "g");
}

void splice_out(Scene& s) {
    const int fd = s.make("f");
    const int pipe = full_pipe(s);
    s.begin();
    s.ok(::splice(pipe, nullptr, fd, nullptr, kSize, 0), "splice");
    s.want(VX_OP_FILE_WRITE, "f");
}

// Until 6.4 the kernel empties a file and then tells that it is open; since 6.5 it is open first.
void want_emptied(Scene& s, const Object& before) {
    if (Scene::kernel_since(6, 5)) {
        s.want(VX_OP_FILE_OPEN, "f").of(before);
        s.want(VX_OP_FILE_TRUNCATE, "f", VX_F_OPEN_TRUNC);
    } else {
        s.want(VX_OP_FILE_TRUNCATE, "f", VX_F_OPEN_TRUNC);
        s.want(VX_OP_FILE_OPEN, "f");
    }
}

void open_truncates(Scene& s, std::size_t bytes) {
    s.make("f", bytes);
    const Object before = look(s.at("f"));
    s.begin();
    const int fd = s.ok(::open(s.at("f").c_str(), O_WRONLY | O_TRUNC), "open");
    want_emptied(s, before);
    ::close(fd);
    s.want(VX_OP_FILE_CLOSE, "f", VX_F_WROTE);
}

constexpr Case kCases[] = {
    {"write/write",
     [](Scene& s) {
         const int fd = s.make("f");
         s.begin();
         s.ok(::write(fd, buffer.data(), 100), "write");
         s.want(VX_OP_FILE_WRITE, "f");
     }},
    {"write/twice is two",
     [](Scene& s) {
         const int fd = s.make("f");
         s.begin();
         s.ok(::write(fd, buffer.data(), 100), "write");
         s.want(VX_OP_FILE_WRITE, "f");
         s.ok(::pwrite(fd, buffer.data(), 100, 0), "write");
         s.want(VX_OP_FILE_WRITE, "f");
     }},
    {"write/append",
     [](Scene& s) {
         s.make("f", 10);
         const int fd = s.open("f", O_WRONLY | O_APPEND);
         s.begin();
         s.ok(::write(fd, buffer.data(), 100), "write");
         s.want(VX_OP_FILE_WRITE, "f");
     }},
    {"write/pwrite",
     [](Scene& s) {
         const int fd = s.make("f", kSize);
         s.begin();
         s.ok(::pwrite(fd, buffer.data(), 100, 50), "pwrite");
         s.want(VX_OP_FILE_WRITE, "f");
     }},
    {"write/writev",
     [](Scene& s) {
         const int fd = s.make("f");
         const iovec part = vector();
         s.begin();
         s.ok(::writev(fd, &part, 1), "writev");
         s.want(VX_OP_FILE_WRITE, "f");
     }},
    {"write/pwritev",
     [](Scene& s) {
         const int fd = s.make("f");
         const iovec part = vector();
         s.begin();
         s.ok(::pwritev(fd, &part, 1, 10), "pwritev");
         s.want(VX_OP_FILE_WRITE, "f");
     }},
    {"write/pwritev2",
     [](Scene& s) {
         const int fd = s.make("f");
         const iovec part = vector();
         s.begin();
         s.ok(::pwritev2(fd, &part, 1, 10, RWF_APPEND), "pwritev2");
         s.want(VX_OP_FILE_WRITE, "f");
     }},
    {"write/sendfile", [](Scene& s) { sendfile_in(s, kSize); }},
    {"write/sendfile of a megabyte", [](Scene& s) { sendfile_in(s, std::size_t{1} << 20U); }},
    {"write/splice", splice_out},
    {"write/of nothing",
     [](Scene& s) {
         const int fd = s.make("f");
         s.begin();
         s.ok(::write(fd, buffer.data(), 0), "write of 0 bytes");
     }},
    {"write/without a name",
     [](Scene& s) {
         const int fd = s.make("f");
         s.ok(::unlink(s.at("f").c_str()), "unlink");
         s.begin();
         s.ok(::write(fd, buffer.data(), 100), "write");
         s.want(VX_OP_FILE_WRITE, "f", VX_F_UNLINKED).of(look(fd));
     }},
    {"write/fallocate", [](Scene& s) { allocated(s, 0, 0, 4 * kSize); }},
    {"write/fallocate keeps the size",
     [](Scene& s) { allocated(s, FALLOC_FL_KEEP_SIZE, 0, 4 * kSize); }},
    {"write/fallocate makes a hole",
     [](Scene& s) { allocated(s, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kSize); }},
    {"truncate/open", [](Scene& s) { open_truncates(s, kSize); }},
    {"truncate/open of an empty file", [](Scene& s) { open_truncates(s, 0); }},
    {"truncate/creat",
     [](Scene& s) {
         s.make("f", kSize);
         const Object before = look(s.at("f"));
         s.begin();
         const int fd = s.ok(::creat(s.at("f").c_str(), 0600), "creat");
         want_emptied(s, before);
         ::close(fd);
         s.want(VX_OP_FILE_CLOSE, "f", VX_F_WROTE);
     }},
    {"truncate/truncate",
     [](Scene& s) {
         s.make("f", kSize);
         s.begin();
         s.ok(::truncate(s.at("f").c_str(), 100), "truncate");
         s.want(VX_OP_FILE_TRUNCATE, "f");
     }},
    {"truncate/ftruncate",
     [](Scene& s) {
         const int fd = s.make("f", kSize);
         s.begin();
         s.ok(::ftruncate(fd, 100), "ftruncate");
         s.want(VX_OP_FILE_TRUNCATE, "f");
     }},
    {"truncate/longer",
     [](Scene& s) {
         const int fd = s.make("f", 10);
         s.begin();
         s.ok(::ftruncate(fd, 100000), "ftruncate");
         s.want(VX_OP_FILE_TRUNCATE, "f");
     }},
    {"truncate/that fails",
     [](Scene& s) {
         s.make("f", kSize);
         s.make_dir("d");
         const int fd = s.open("f", O_RDONLY);
         s.begin();
         s.fails(::ftruncate(fd, 0), EINVAL, "ftruncate");
         s.fails(::truncate(s.at("d").c_str(), 0), EISDIR, "truncate");
     }},
};

}  // namespace

std::span<const Case> write_cases() {
    return kCases;
}

}  // namespace vexfs::vm
