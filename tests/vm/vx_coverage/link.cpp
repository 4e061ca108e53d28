// SPDX-License-Identifier: Apache-2.0
// Coverage: names that come and go: links, directories, deletions.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/event.h"
#include "vm/vx_coverage/scene.hpp"

namespace vexfs::vm {

namespace {

void deleted(Scene& s, const char* name, Object before, std::uint32_t flags = VX_F_LAST_LINK) {
    s.want_gone(VX_OP_FILE_DELETE, name, before, flags);
}

void unlinked_while_open(Scene& s) {
    const int fd = s.ok(::open(s.at("f").c_str(), O_RDWR | O_CREAT, 0600), "open");
    const Object before = look(fd);
    s.begin();
    s.ok(::unlink(s.at("f").c_str()), "unlink");
    deleted(s, "f", before);
    s.ok(::write(fd, "abc", 3), "write");
    const Object after = look(fd);
    s.want(VX_OP_FILE_WRITE, "f", VX_F_UNLINKED).of(after);
    ::close(fd);
    s.want(VX_OP_FILE_CLOSE, "f", VX_F_UNLINKED | VX_F_WROTE).of(after);
}

void tree(Scene& s) {
    s.begin();
    s.ok(::mkdir(s.at("d").c_str(), 0700), "mkdir");
    s.want(VX_OP_DIR_CREATE, "d", VX_F_DIRECTORY);
    s.ok(::mkdir(s.at("d/e").c_str(), 0700), "mkdir");
    s.want(VX_OP_DIR_CREATE, "d/e", VX_F_DIRECTORY);
    s.ok(::mknod(s.at("d/e/f").c_str(), S_IFREG | 0600, 0), "mknod");
    s.want(VX_OP_FILE_CREATE, "d/e/f");
    const Object f = look(s.at("d/e/f"));
    s.ok(::unlink(s.at("d/e/f").c_str()), "unlink");
    deleted(s, "d/e/f", f);
    const Object e = look(s.at("d/e"));
    s.ok(::rmdir(s.at("d/e").c_str()), "rmdir");
    s.want_gone(VX_OP_DIR_DELETE, "d/e", e, VX_F_DIRECTORY | VX_F_LAST_LINK);
    // A new one of the same name, perhaps with the same inode number.
    s.ok(::mkdir(s.at("d/e").c_str(), 0700), "mkdir");
    s.want(VX_OP_DIR_CREATE, "d/e", VX_F_DIRECTORY);
    s.ok(::mknod(s.at("d/e/g").c_str(), S_IFREG | 0600, 0), "mknod");
    s.want(VX_OP_FILE_CREATE, "d/e/g");
}

constexpr Case kCases[] = {
    {"link/link",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         s.ok(::link(s.at("f").c_str(), s.at("g").c_str()), "link");
         s.want(VX_OP_HARDLINK_CREATE, "g");
     }},
    {"link/linkat of an open file",
     [](Scene& s) {
         const int fd = s.make("f", 10);
         s.begin();
         s.ok(::linkat(fd, "", AT_FDCWD, s.at("g").c_str(), AT_EMPTY_PATH), "linkat");
         s.want(VX_OP_HARDLINK_CREATE, "g");
     }},
    {"link/link of a symbolic link",
     [](Scene& s) {
         s.ok(::symlink("nowhere", s.at("f").c_str()), "symlink");
         s.begin();
         s.ok(::link(s.at("f").c_str(), s.at("g").c_str()), "link");
         s.want(VX_OP_HARDLINK_CREATE, "g");
     }},
    {"link/symlink",
     [](Scene& s) {
         s.begin();
         s.ok(::symlink("../some where", s.at("f").c_str()), "symlink");
         s.want(VX_OP_SYMLINK_CREATE, "f").text("../some where");
     }},
    {"link/symlink with a long target",
     [](Scene& s) {
         const std::string target(4000, 't');
         s.begin();
         s.ok(::symlink(target.c_str(), s.at("f").c_str()), "symlink");
         s.want(VX_OP_SYMLINK_CREATE, "f").text(target);
     }},
    {"link/symlinkat",
     [](Scene& s) {
         const int dir = s.open("", O_RDONLY | O_DIRECTORY);
         s.begin();
         s.ok(::symlinkat("/target", dir, "f"), "symlinkat");
         s.want(VX_OP_SYMLINK_CREATE, "f").text("/target");
     }},
    {"directory/mkdir",
     [](Scene& s) {
         s.begin();
         s.ok(::mkdir(s.at("d").c_str(), 0750), "mkdir");
         s.want(VX_OP_DIR_CREATE, "d", VX_F_DIRECTORY);
     }},
    {"directory/mkdirat",
     [](Scene& s) {
         const int dir = s.open("", O_RDONLY | O_DIRECTORY);
         s.begin();
         s.ok(::mkdirat(dir, "d", 0750), "mkdirat");
         s.want(VX_OP_DIR_CREATE, "d", VX_F_DIRECTORY);
     }},
    {"directory/rmdir",
     [](Scene& s) {
         s.make_dir("d");
         const Object before = look(s.at("d"));
         s.begin();
         s.ok(::rmdir(s.at("d").c_str()), "rmdir");
         s.want_gone(VX_OP_DIR_DELETE, "d", before, VX_F_DIRECTORY | VX_F_LAST_LINK);
     }},
    {"directory/unlinkat",
     [](Scene& s) {
         s.make_dir("d");
         const Object before = look(s.at("d"));
         const int dir = s.open("", O_RDONLY | O_DIRECTORY);
         s.begin();
         s.ok(::unlinkat(dir, "d", AT_REMOVEDIR), "unlinkat");
         s.want_gone(VX_OP_DIR_DELETE, "d", before, VX_F_DIRECTORY | VX_F_LAST_LINK);
     }},
    {"directory/rmdir that fails",
     [](Scene& s) {
         s.make_dir("d");
         s.make("d/f");
         s.begin();
         s.fails(::rmdir(s.at("d").c_str()), ENOTEMPTY, "rmdir");
         s.fails(::unlink(s.at("d").c_str()), EISDIR, "unlink");
     }},
    {"directory/tree", tree},
    {"delete/unlink",
     [](Scene& s) {
         s.make("f", 10);
         const Object before = look(s.at("f"));
         const int dir = s.open("", O_RDONLY | O_DIRECTORY);
         s.begin();
         s.ok(::unlinkat(dir, "f", 0), "unlinkat");
         deleted(s, "f", before);
     }},
    {"delete/of a closed file",
     [](Scene& s) {
         s.ok(::mknod(s.at("f").c_str(), S_IFREG | 0600, 0), "mknod");
         const Object before = look(s.at("f"));
         s.begin();
         s.ok(::unlink(s.at("f").c_str()), "unlink");
         deleted(s, "f", before);
     }},
    {"delete/one of two links",
     [](Scene& s) {
         s.make("f", 10);
         s.ok(::link(s.at("f").c_str(), s.at("g").c_str()), "link");
         const Object before = look(s.at("f"));
         s.begin();
         s.ok(::unlink(s.at("f").c_str()), "unlink");
         deleted(s, "f", before, 0);
         const Object left = look(s.at("g"));
         s.ok(::unlink(s.at("g").c_str()), "unlink");
         deleted(s, "g", left);
     }},
    {"delete/symbolic link",
     [](Scene& s) {
         s.ok(::symlink("nowhere", s.at("f").c_str()), "symlink");
         const Object before = look(s.at("f"));
         s.begin();
         s.ok(::unlink(s.at("f").c_str()), "unlink");
         deleted(s, "f", before);
     }},
    {"delete/while open", unlinked_while_open},
    {"delete/that fails",
     [](Scene& s) {
         s.begin();
         s.fails(::unlink(s.at("f").c_str()), ENOENT, "unlink");
     }},
};

}  // namespace

std::span<const Case> link_cases() {
    return kCases;
}

}  // namespace vexfs::vm
