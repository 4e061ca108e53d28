// SPDX-License-Identifier: Apache-2.0
// Coverage: making durable.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "abi/event.h"
#include "vm/vx_coverage/scene.hpp"

namespace vexfs::vm {

namespace {

constexpr std::size_t kSize = 4096;

void written_sync(Scene& s, int flag, std::uint32_t expected) {
    s.make("f", 10);
    const int fd = s.open("f", O_WRONLY | flag);
    s.begin();
    s.ok(::pwrite(fd, "abc", 3, 5), "pwrite");
    if (s.write_syncs()) {
        s.want(VX_OP_SYNC, "f", expected).range(5, 3);
    }
    s.want(VX_OP_FILE_WRITE, "f");
}

void written_rwf(Scene& s) {
    const int fd = s.make("f", 10);
    char text[] = "abc";
    const iovec part{text, 3};
    s.begin();
    s.ok(::pwritev2(fd, &part, 1, 5, RWF_SYNC), "pwritev2");
    if (s.write_syncs()) {
        s.want(VX_OP_SYNC, "f").range(5, 3);
    }
    s.want(VX_OP_FILE_WRITE, "f");
}

// Into a file opened with O_SYNC. Each part that the kernel writes is made durable before it tells
// of the whole.
void sent_sync(Scene& s) {
    const int from = s.make("f", 100);
    s.make("g");
    const int to = s.open("g", O_WRONLY | O_SYNC);
    s.begin();
    s.ok(::sendfile(to, from, nullptr, 100), "sendfile");
    if (s.write_syncs()) {
        s.want(VX_OP_SYNC, "g").range(0, 100);
    }
    s.want(VX_OP_FILE_READ, "f");
    s.want(VX_OP_FILE_WRITE, "g");
}

void spliced_sync(Scene& s) {
    s.make("f");
    const int fd = s.open("f", O_WRONLY | O_SYNC);
    int ends[2] = {};
    s.ok(::pipe2(ends, O_CLOEXEC), "pipe");
    s.keep(ends[0]);
    s.ok(::write(s.keep(ends[1]), "abc", 3), "fill the pipe");
    s.begin();
    s.ok(::splice(ends[0], nullptr, fd, nullptr, 3, 0), "splice");
    if (s.write_syncs()) {
        s.want(VX_OP_SYNC, "f").range(0, 3);
    }
    s.want(VX_OP_FILE_WRITE, "f");
}

void mapped(Scene& s) {
    const int fd = s.make("f", kSize);
    void* at = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    s.ok(at == MAP_FAILED ? -1 : 0, "mmap");
    s.begin();
    *static_cast<char*>(at) = 'a';  // a store: nothing can see it
    s.ok(::msync(at, kSize, MS_SYNC), "msync");
    if (!s.syncs_below()) {
        s.want(VX_OP_SYNC, "f", VX_F_DATASYNC).range(0, kSize);
    }
    ::munmap(at, kSize);
}

void whole_fs(Scene& s) {
    const int fd = s.make("f");
    // The object is the root of the file system.
    std::string root = s.directory();
    struct stat here {};
    struct stat up {};
    for (;;) {
        const std::string above = parent_of(root);
        s.ok(::stat(root.c_str(), &here), "stat");
        s.ok(::stat(above.c_str(), &up), "stat");
        if (here.st_dev != up.st_dev || above == root) {
            break;
        }
        root = above;
    }
    s.begin();
    s.ok(::syncfs(fd), "syncfs");
    Want& want = s.want(VX_OP_SYNC, root, VX_F_SYNC_FS | VX_F_NO_NAME);
    want.parent = {};
    want.attributes = false;
}

void everything(Scene& s) {
    s.begin();
    ::sync();
    Want& want = s.want(VX_OP_SYNC, "", VX_F_SYNC_ALL | VX_F_NO_NAME).of({});
    want.path.clear();
    want.parent = {};
    want.fsid = 0;
}

constexpr Case kCases[] = {
    {"sync/fsync",
     [](Scene& s) {
         const int fd = s.make("f", 10);
         s.begin();
         s.ok(::fsync(fd), "fsync");
         s.want(VX_OP_SYNC, "f").range(0, 0);
     }},
    {"sync/fdatasync",
     [](Scene& s) {
         const int fd = s.make("f", 10);
         s.begin();
         s.ok(::fdatasync(fd), "fdatasync");
         s.want(VX_OP_SYNC, "f", VX_F_DATASYNC).range(0, 0);
     }},
    {"sync/fsync of a directory",
     [](Scene& s) {
         s.make_dir("d");
         const int fd = s.open("d", O_RDONLY | O_DIRECTORY);
         s.begin();
         s.ok(::fsync(fd), "fsync");
         s.want(VX_OP_SYNC, "d", VX_F_DIRECTORY).range(0, 0);
     }},
    {"sync/O_SYNC", [](Scene& s) { written_sync(s, O_SYNC, 0); }},
    {"sync/O_DSYNC", [](Scene& s) { written_sync(s, O_DSYNC, VX_F_DATASYNC); }},
    {"sync/RWF_SYNC", written_rwf},
    {"sync/sendfile to O_SYNC", sent_sync},
    {"sync/splice to O_SYNC", spliced_sync},
    {"sync/msync", mapped},
    {"sync/syncfs", whole_fs, true},
    {"sync/sync", everything, true},
    {"sync/that fails",
     [](Scene& s) {
         int ends[2] = {};
         s.ok(::pipe2(ends, O_CLOEXEC), "pipe");
         s.keep(ends[0]);
         s.keep(ends[1]);
         s.begin();
         s.fails(::fsync(ends[0]), EINVAL, "fsync of a pipe");
     }},
};

}  // namespace

std::span<const Case> sync_cases() {
    return kCases;
}

}  // namespace vexfs::vm
