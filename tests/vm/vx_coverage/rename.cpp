// SPDX-License-Identifier: Apache-2.0
// Coverage: renames.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "abi/event.h"
#include "vm/vx_coverage/scene.hpp"

namespace vexfs::vm {

namespace {

int renameat2(const std::string& from, const std::string& to, unsigned flags) {
    return static_cast<int>(
        ::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags));
}

// `g` is replaced by `f`; `names` is how many names g had.
void replaced(Scene& s, unsigned names) {
    s.make("f", 10);
    const int target = s.make("g", 20);
    if (names > 1) {
        s.ok(::link(s.at("g").c_str(), s.at("h").c_str()), "link");
    }
    s.begin();
    s.ok(::rename(s.at("f").c_str(), s.at("g").c_str()), "rename");
    const std::uint32_t last = names == 1 ? VX_F_LAST_LINK : 0;
    s.want_rename("f", "g", VX_F_REPLACED | last).target = look(target);
}

void replaced_dir(Scene& s) {
    s.make_dir("d");
    s.make_dir("e");
    const int target = s.open("e", O_RDONLY | O_DIRECTORY);
    s.begin();
    s.ok(::rename(s.at("d").c_str(), s.at("e").c_str()), "rename");
    s.want_rename("d", "e", VX_F_DIRECTORY | VX_F_REPLACED | VX_F_LAST_LINK).target = look(target);
}

void exchanged(Scene& s, bool with_dir) {
    s.make("f", 10);
    if (with_dir) {
        s.make_dir("g");
    } else {
        s.make("g", 20);
    }
    s.begin();
    s.ok(renameat2(s.at("f"), s.at("g"), RENAME_EXCHANGE), "renameat2");
    s.want_rename("f", "g", VX_F_EXCHANGE);
    s.want_rename("g", "f", VX_F_EXCHANGE | (with_dir ? VX_F_DIRECTORY : 0));
}

void exchanged_across(Scene& s) {
    s.make_dir("d");
    s.make_dir("e");
    s.make("d/f", 10);
    s.make("e/g", 20);
    s.begin();
    s.ok(renameat2(s.at("d/f"), s.at("e/g"), RENAME_EXCHANGE), "renameat2");
    s.want_rename("d/f", "e/g", VX_F_EXCHANGE);
    s.want_rename("e/g", "d/f", VX_F_EXCHANGE);
}

// What is below a directory has its new path from then on, also two levels down.
void directory(Scene& s) {
    s.make_dir("d");
    s.make_dir("d/e");
    const int fd = s.make("d/e/f");
    s.make_dir("x");
    s.begin();
    s.ok(::write(fd, "a", 1), "write");
    s.want(VX_OP_FILE_WRITE, "d/e/f");
    s.ok(::rename(s.at("d").c_str(), s.at("x/d2").c_str()), "rename");
    s.want_rename("d", "x/d2", VX_F_DIRECTORY);
    s.ok(::write(fd, "b", 1), "write");
    s.want(VX_OP_FILE_WRITE, "x/d2/e/f");
    s.ok(::mkdir(s.at("x/d2/e/g").c_str(), 0700), "mkdir");
    s.want(VX_OP_DIR_CREATE, "x/d2/e/g", VX_F_DIRECTORY);
}

constexpr Case kCases[] = {
    {"rename/rename",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         s.ok(::rename(s.at("f").c_str(), s.at("g").c_str()), "rename");
         s.want_rename("f", "g");
     }},
    {"rename/renameat",
     [](Scene& s) {
         s.make("f", 10);
         const int dir = s.open("", O_RDONLY | O_DIRECTORY);
         s.begin();
         s.ok(::renameat(dir, "f", dir, "g"), "renameat");
         s.want_rename("f", "g");
     }},
    {"rename/renameat2 NOREPLACE",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         s.ok(renameat2(s.at("f"), s.at("g"), RENAME_NOREPLACE), "renameat2");
         s.want_rename("f", "g");
     }},
    {"rename/NOREPLACE that fails",
     [](Scene& s) {
         s.make("f", 10);
         s.make("g", 20);
         s.begin();
         s.fails(renameat2(s.at("f"), s.at("g"), RENAME_NOREPLACE), EEXIST, "renameat2");
     }},
    {"rename/EXCHANGE of files", [](Scene& s) { exchanged(s, false); }},
    {"rename/EXCHANGE of file and directory", [](Scene& s) { exchanged(s, true); }},
    {"rename/EXCHANGE across directories", exchanged_across},
    {"rename/replaces a file", [](Scene& s) { replaced(s, 1); }},
    {"rename/replaces one of two links", [](Scene& s) { replaced(s, 2); }},
    {"rename/replaces an empty directory", replaced_dir},
    {"rename/across directories",
     [](Scene& s) {
         s.make_dir("d");
         s.make_dir("e");
         s.make("d/f", 10);
         s.begin();
         s.ok(::rename(s.at("d/f").c_str(), s.at("e/g").c_str()), "rename");
         s.want_rename("d/f", "e/g");
     }},
    {"rename/of a directory", directory},
    {"rename/of a symbolic link",
     [](Scene& s) {
         s.ok(::symlink("nowhere", s.at("f").c_str()), "symlink");
         s.begin();
         s.ok(::rename(s.at("f").c_str(), s.at("g").c_str()), "rename");
         s.want_rename("f", "g");
     }},
    {"rename/onto itself",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         s.ok(::rename(s.at("f").c_str(), s.at("f").c_str()), "rename");
     }},
    {"rename/onto another link of itself",
     [](Scene& s) {
         s.make("f", 10);
         s.ok(::link(s.at("f").c_str(), s.at("g").c_str()), "link");
         s.begin();
         s.ok(::rename(s.at("f").c_str(), s.at("g").c_str()), "rename");
     }},
    {"rename/that fails",
     [](Scene& s) {
         s.make_dir("d");
         s.make_dir("d/e");
         s.begin();
         s.fails(::rename(s.at("d").c_str(), s.at("d/e/f").c_str()), EINVAL, "rename into itself");
         s.fails(::rename(s.at("none").c_str(), s.at("g").c_str()), ENOENT, "rename of nothing");
     }},
};

}  // namespace

std::span<const Case> rename_cases() {
    return kCases;
}

}  // namespace vexfs::vm
