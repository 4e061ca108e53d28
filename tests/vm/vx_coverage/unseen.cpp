// SPDX-License-Identifier: Apache-2.0
// Coverage: what cannot be seen, and what is shown instead (docs/coverage.md). A kernel in which
// one of these cases starts to raise events is good news, and a reason to change that page.
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "abi/event.h"
#include "vm/vx_coverage/scene.hpp"

namespace vexfs::vm {

namespace {

constexpr std::size_t kSize = 4096;
std::array<char, kSize> buffer;

// A store through a mapping: seen are the open, and the close, which says that it could write.
void stored(Scene& s) {
    s.make("f", kSize);
    s.begin();
    const int fd = s.ok(::open(s.at("f").c_str(), O_RDWR), "open");
    s.want(VX_OP_FILE_OPEN, "f");
    auto* at =
        static_cast<char*>(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    ::close(fd);  // the mapping holds the file
    at[0] = 'a';
    ::munmap(at, kSize);
    s.want(VX_OP_FILE_CLOSE, "f", VX_F_WROTE);
}

void loaded(Scene& s) {
    const int fd = s.make("f", kSize);
    auto* at = static_cast<const char*>(::mmap(nullptr, kSize, PROT_READ, MAP_SHARED, fd, 0));
    s.begin();
    buffer[0] = at[0];
    s.ok(::readahead(fd, 0, kSize), "readahead");
    s.ok(::munmap(const_cast<char*>(at), kSize), "munmap");
}

void libaio(Scene& s, std::uint16_t what) {
    const int fd = s.make("f", kSize);
    aio_context_t context = 0;
    s.ok(::syscall(SYS_io_setup, 4, &context), "io_setup");
    iocb request{};
    request.aio_lio_opcode = what;
    request.aio_fildes = static_cast<std::uint32_t>(fd);
    request.aio_buf = reinterpret_cast<std::uint64_t>(buffer.data());
    request.aio_nbytes = 100;
    iocb* list[] = {&request};
    s.begin();
    s.ok(::syscall(SYS_io_submit, context, 1, list), "io_submit");
    io_event done{};
    s.ok(::syscall(SYS_io_getevents, context, 1, 1, &done, nullptr), "io_getevents");
    s.ok(static_cast<long>(done.res), "the request");
    ::syscall(SYS_io_destroy, context);
}

void other_attributes(Scene& s) {
    const int fd = s.make("f", 10);
    s.begin();
    s.ok(::futimens(fd, nullptr), "futimens");
    s.ok(::utimensat(AT_FDCWD, s.at("f").c_str(), nullptr, 0), "utimensat");
    s.ok(::setxattr(s.at("f").c_str(), "trusted.vexfs", "a", 1, 0), "setxattr");
    s.ok(::removexattr(s.at("f").c_str(), "trusted.vexfs"), "removexattr");
    s.ok(::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE), "sync_file_range");
}

void looked(Scene& s) {
    s.make("f", 10);
    s.ok(::symlink("f", s.at("l").c_str()), "symlink");
    struct stat st {};
    s.begin();
    s.ok(::stat(s.at("f").c_str(), &st), "stat");
    s.ok(::access(s.at("f").c_str(), R_OK), "access");
    s.ok(::readlink(s.at("l").c_str(), buffer.data(), buffer.size()), "readlink");
    s.ok(::chdir(s.directory().c_str()), "chdir");
    s.ok(::chdir("/"), "chdir");
}

constexpr Case kCases[] = {
    {"unseen/store through mmap", stored},
    {"unseen/load through mmap", loaded},
    {"unseen/libaio read", [](Scene& s) { libaio(s, IOCB_CMD_PREAD); }},
    {"unseen/libaio write", [](Scene& s) { libaio(s, IOCB_CMD_PWRITE); }},
    {"unseen/times and extended attributes", other_attributes},
    {"unseen/stat, access, readlink", looked},
};

}  // namespace

std::span<const Case> unseen_cases() {
    return kCases;
}

}  // namespace vexfs::vm
