// SPDX-License-Identifier: Apache-2.0
// Coverage: mode and owner, also where the kernel changes them by itself.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "abi/event.h"
#include "vm/vx_coverage/scene.hpp"

namespace vexfs::vm {

namespace {

constexpr std::uint32_t kUser = 1234;

// A file of another user's with the set-user-id bit, and its content open to that user.
void make_suid(Scene& s) {
    const int fd = s.make("f", 100);
    s.ok(::fchown(fd, kUser, kUser), "fchown");
    s.ok(::fchmod(fd, 04755), "fchmod");
}

void dropped_by_write(Scene& s) {
    make_suid(s);
    s.begin();
    const std::string path = s.at("f");
    const std::uint32_t pid = s.as_user(kUser, [&] {
        const int fd = s.ok(::open(path.c_str(), O_WRONLY), "open");
        s.ok(::write(fd, "a", 1), "write");
        ::close(fd);
    });
    Object before = look(path);
    before.mode |= S_ISUID;
    s.want(VX_OP_FILE_OPEN, "f").of(before).by(pid, kUser, kUser);
    s.want(VX_OP_FILE_CHMOD, "f", VX_F_MODE | VX_F_FORCED).by(pid, kUser, kUser);
    s.want(VX_OP_FILE_WRITE, "f").by(pid, kUser, kUser);
    s.want(VX_OP_FILE_CLOSE, "f", VX_F_WROTE).by(pid, kUser, kUser);
}

// By `write`, which another user does on the open file. Not every file system drops the bits in
// every way: what came of it is looked at. `mode`: with the bits.
void dropped_by(Scene& s, unsigned mode, const std::function<void(int fd, int pipe)>& write) {
    const int fd = s.make("f", 100);
    s.ok(::fchown(fd, kUser, kUser), "fchown");
    s.ok(::fchmod(fd, mode), "fchmod");
    int pipe[2] = {};
    s.ok(::pipe2(pipe, O_CLOEXEC), "pipe");
    s.keep(pipe[0]);
    s.ok(::write(s.keep(pipe[1]), "abc", 3), "fill the pipe");
    s.begin();
    const std::uint32_t pid = s.as_user(kUser, [&] { write(fd, pipe[0]); });
    if ((look(s.at("f")).mode & 07777U) != mode) {
        s.want(VX_OP_FILE_CHMOD, "f", VX_F_MODE | VX_F_FORCED).by(pid, kUser, kUser);
    }
    s.want(VX_OP_FILE_WRITE, "f").by(pid, kUser, kUser);
}

void dropped_by_sendfile(Scene& s) {
    dropped_by(s, 06755, [&](int fd, int) {
        const int from = s.ok(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "open");
        s.ok(::sendfile(fd, from, nullptr, 50), "sendfile");
    });
}

void dropped_by_truncate(Scene& s) {
    make_suid(s);
    s.begin();
    const std::string path = s.at("f");
    const std::uint32_t pid =
        s.as_user(kUser, [&] { s.ok(::truncate(path.c_str(), 10), "truncate"); });
    s.want(VX_OP_FILE_TRUNCATE, "f").by(pid, kUser, kUser);
    s.want(VX_OP_FILE_CHMOD, "f", VX_F_MODE | VX_F_FORCED).by(pid, kUser, kUser);
}

void dropped_by_chown(Scene& s) {
    make_suid(s);
    s.begin();
    s.ok(::chown(s.at("f").c_str(), kUser + 1, kUser + 2), "chown");
    s.want(VX_OP_FILE_CHOWN, "f", VX_F_OWNER | VX_F_GROUP);
    s.want(VX_OP_FILE_CHMOD, "f", VX_F_MODE | VX_F_FORCED);
}

void failing(Scene& s) {
    s.make("f");
    s.begin();
    const std::string path = s.at("f");
    s.as_user(kUser, [&] {
        s.fails(::chmod(path.c_str(), 0777), EPERM, "chmod");
        s.fails(::chown(path.c_str(), kUser, kUser), EPERM, "chown");
    });
}

constexpr Case kCases[] = {
    {"chmod/chmod",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         s.ok(::chmod(s.at("f").c_str(), 0600), "chmod");
         s.want(VX_OP_FILE_CHMOD, "f", VX_F_MODE);
     }},
    {"chmod/fchmod",
     [](Scene& s) {
         const int fd = s.make("f", 10);
         s.begin();
         s.ok(::fchmod(fd, 0640), "fchmod");
         s.want(VX_OP_FILE_CHMOD, "f", VX_F_MODE);
     }},
    {"chmod/fchmodat",
     [](Scene& s) {
         s.make("f", 10);
         const int dir = s.open("", O_RDONLY | O_DIRECTORY);
         s.begin();
         s.ok(::fchmodat(dir, "f", 0600, 0), "fchmodat");
         s.want(VX_OP_FILE_CHMOD, "f", VX_F_MODE);
     }},
    {"chmod/to the same mode",
     [](Scene& s) {
         s.make("f", 10, 0644);
         s.begin();
         s.ok(::chmod(s.at("f").c_str(), 0644), "chmod");
         s.want(VX_OP_FILE_CHMOD, "f", VX_F_MODE);
     }},
    {"chmod/of a directory",
     [](Scene& s) {
         s.make_dir("d");
         s.begin();
         s.ok(::chmod(s.at("d").c_str(), 0700), "chmod");
         s.want(VX_OP_FILE_CHMOD, "d", VX_F_MODE | VX_F_DIRECTORY);
     }},
    {"chmod/set-id dropped by a write", dropped_by_write},
    {"chmod/set-gid dropped by a write",
     [](Scene& s) {
         dropped_by(s, 02755, [&](int fd, int) { s.ok(::pwrite(fd, "a", 1, 0), "write"); });
     }},
    {"chmod/both dropped by a write",
     [](Scene& s) {
         dropped_by(s, 06755, [&](int fd, int) { s.ok(::pwrite(fd, "a", 1, 0), "write"); });
     }},
    // A set-gid bit without that for execution meant mandatory locking, and stays.
    {"chmod/set-gid that stays",
     [](Scene& s) {
         dropped_by(s, 02644, [&](int fd, int) { s.ok(::pwrite(fd, "a", 1, 0), "write"); });
     }},
    {"chmod/set-id dropped by fallocate",
     [](Scene& s) {
         dropped_by(s, 06755, [&](int fd, int) {
             s.ok(::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 500), "fallocate");
         });
     }},
    {"chmod/set-id dropped by sendfile", dropped_by_sendfile},
    {"chmod/set-id dropped by splice",
     [](Scene& s) {
         dropped_by(s, 06755, [&](int fd, int pipe) {
             s.ok(::splice(pipe, nullptr, fd, nullptr, 3, 0), "splice");
         });
     }},
    {"chmod/set-id dropped by truncate", dropped_by_truncate},
    {"chmod/set-id dropped by chown", dropped_by_chown},
    {"chown/chown",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         s.ok(::chown(s.at("f").c_str(), 11, 22), "chown");
         s.want(VX_OP_FILE_CHOWN, "f", VX_F_OWNER | VX_F_GROUP);
     }},
    {"chown/owner only",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         s.ok(::chown(s.at("f").c_str(), 11, static_cast<gid_t>(-1)), "chown");
         s.want(VX_OP_FILE_CHOWN, "f", VX_F_OWNER);
     }},
    {"chown/group only",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         s.ok(::chown(s.at("f").c_str(), static_cast<uid_t>(-1), 22), "chown");
         s.want(VX_OP_FILE_CHOWN, "f", VX_F_GROUP);
     }},
    {"chown/lchown",
     [](Scene& s) {
         s.ok(::symlink("nowhere", s.at("f").c_str()), "symlink");
         s.begin();
         s.ok(::lchown(s.at("f").c_str(), 11, 22), "lchown");
         s.want(VX_OP_FILE_CHOWN, "f", VX_F_OWNER | VX_F_GROUP);
     }},
    {"chown/fchown",
     [](Scene& s) {
         const int fd = s.make("f", 10);
         s.begin();
         s.ok(::fchown(fd, 11, 22), "fchown");
         s.want(VX_OP_FILE_CHOWN, "f", VX_F_OWNER | VX_F_GROUP);
     }},
    {"chown/fchownat of a directory",
     [](Scene& s) {
         s.make_dir("d");
         const int dir = s.open("", O_RDONLY | O_DIRECTORY);
         s.begin();
         s.ok(::fchownat(dir, "d", 11, 22, 0), "fchownat");
         s.want(VX_OP_FILE_CHOWN, "d", VX_F_OWNER | VX_F_GROUP | VX_F_DIRECTORY);
     }},
    {"attribute/that fails", failing},
};

}  // namespace

std::span<const Case> attribute_cases() {
    return kCases;
}

}  // namespace vexfs::vm
