// SPDX-License-Identifier: Apache-2.0
// Coverage: files that come into being, files that are opened and closed.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "abi/event.h"
#include "vm/vx_coverage/scene.hpp"

namespace vexfs::vm {

namespace {

int openat2(int dirfd, const char* path, std::uint64_t flags, std::uint64_t mode) {
    open_how how{};
    how.flags = flags;
    how.mode = mode;
    return static_cast<int>(::syscall(SYS_openat2, dirfd, path, &how, sizeof(how)));
}

// What every way of creating and closing a file must raise.
void created(Scene& s, int fd) {
    s.ok(fd, "create");
    s.want(VX_OP_FILE_CREATE, "f");
    s.want(VX_OP_FILE_OPEN, "f");
    ::close(fd);
    s.want(VX_OP_FILE_CLOSE, "f", VX_F_WROTE);
}

// A node without content, that nobody opens.
void made_special(Scene& s, int result) {
    s.ok(result, "make a special file");
    s.want(VX_OP_FILE_CREATE, "f", VX_F_SPECIAL);
}

void tmpfile(Scene& s) {
    s.begin();
    const int fd = s.ok(::open(s.directory().c_str(), O_TMPFILE | O_RDWR, 0640), "O_TMPFILE");
    const Object nameless = look(fd);
    // It has no name yet: nothing says where it is but the directory it was asked for in.
    Want& opened = s.want(VX_OP_FILE_OPEN, "", VX_F_NO_NAME | VX_F_UNLINKED).of(nameless);
    opened.parent = look(s.directory());
    const std::string self = "/proc/self/fd/" + std::to_string(fd);
    s.ok(::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, s.at("f").c_str(), AT_SYMLINK_FOLLOW), "link");
    s.want(VX_OP_FILE_CREATE, "f", VX_F_TMPFILE);
    s.ok(::write(fd, "abc", 3), "write");
    Want& wrote = s.want(VX_OP_FILE_WRITE, "", VX_F_NO_NAME | VX_F_UNLINKED).of(look(fd));
    wrote.parent = opened.parent;
    const Object last = look(fd);
    ::close(fd);
    s.want(VX_OP_FILE_CLOSE, "", VX_F_NO_NAME | VX_F_UNLINKED | VX_F_WROTE).of(last).parent =
        look(s.directory());
}

// The same, by the descriptor itself.
void tmpfile_by_descriptor(Scene& s) {
    const int fd = s.keep(s.ok(::open(s.directory().c_str(), O_TMPFILE | O_RDWR, 0640), "open"));
    s.begin();
    s.ok(::linkat(fd, "", AT_FDCWD, s.at("f").c_str(), AT_EMPTY_PATH), "linkat");
    s.want(VX_OP_FILE_CREATE, "f", VX_F_TMPFILE);
    s.ok(::linkat(fd, "", AT_FDCWD, s.at("g").c_str(), AT_EMPTY_PATH), "linkat");
    s.want(VX_OP_HARDLINK_CREATE, "g");
}

// With O_EXCL it can never get a name.
void tmpfile_exclusive(Scene& s) {
    s.begin();
    const int fd =
        s.ok(::open(s.directory().c_str(), O_TMPFILE | O_EXCL | O_RDWR, 0640), "O_TMPFILE");
    const Object nameless = look(fd);
    Want& opened = s.want(VX_OP_FILE_OPEN, "", VX_F_NO_NAME | VX_F_UNLINKED).of(nameless);
    opened.parent = look(s.directory());
    s.fails(::linkat(fd, "", AT_FDCWD, s.at("f").c_str(), AT_EMPTY_PATH), ENOENT, "linkat");
    ::close(fd);
    s.want(VX_OP_FILE_CLOSE, "", VX_F_NO_NAME | VX_F_UNLINKED | VX_F_WROTE).of(nameless).parent =
        look(s.directory());
}

void bound_socket(Scene& s) {
    const int fd = s.keep(s.ok(::socket(AF_UNIX, SOCK_STREAM, 0), "socket"));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    s.at("f").copy(address.sun_path, sizeof(address.sun_path) - 1);
    s.begin();
    made_special(s, ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
}

void other_thread(Scene& s) {
    s.begin();
    std::uint32_t tid = 0;
    std::thread([&] {
        tid = static_cast<std::uint32_t>(::gettid());
        s.ok(::mknod(s.at("f").c_str(), S_IFREG | 0600, 0), "mknod");
    }).join();
    s.want(VX_OP_FILE_CREATE, "f").thread(tid);
}

void other_user(Scene& s) {
    s.begin();
    const std::uint32_t pid =
        s.as_user(1234, [&] { s.ok(::mknod(s.at("f").c_str(), S_IFREG | 0600, 0), "mknod"); });
    s.want(VX_OP_FILE_CREATE, "f").by(pid, 1234, 1234);
}

void opened_dir(Scene& s) {
    s.make_dir("d");
    s.begin();
    const int fd = s.ok(::open(s.at("d").c_str(), O_RDONLY | O_DIRECTORY), "open");
    s.want(VX_OP_FILE_OPEN, "d", VX_F_DIRECTORY);
    ::close(fd);
    s.want(VX_OP_FILE_CLOSE, "d", VX_F_DIRECTORY);
}

// A shell script, so that the kernel reads the file and then another one, elsewhere.
void executed(Scene& s) {
    const int fd = s.make("f", 0, 0755);
    const std::string_view script = "#!/bin/true\n";
    s.ok(::pwrite(fd, script.data(), script.size(), 0), "write");
    s.ok(::fsync(fd), "fsync");
    const std::string path = s.at("f");
    const int again = s.ok(::open(path.c_str(), O_RDONLY), "open");
    ::close(again);
    // Nobody may have it open for writing.
    ::close(::dup3(again == fd ? fd : s.open("", O_RDONLY | O_DIRECTORY), fd, 0));
    s.begin();
    const pid_t child = ::vfork();
    if (child == 0) {
        ::execl(path.c_str(), path.c_str(), nullptr);
        ::_exit(127);
    }
    int status = 0;
    s.ok(::waitpid(child, &status, 0), "waitpid");
    s.ok(status == 0 ? 0 : -1, "the script");
    const auto pid = static_cast<std::uint32_t>(child);
    s.want(VX_OP_FILE_OPEN, "f", VX_F_EXEC).by(pid, 0, 0);
    s.want(VX_OP_FILE_READ, "f").by(pid, 0, 0);
    // The process has its new name by then.
    s.want(VX_OP_FILE_CLOSE, "f").by(pid, 0, 0).comm = "f";
}

constexpr Case kCases[] = {
    {"create/open",
     [](Scene& s) {
         s.begin();
         created(s, ::open(s.at("f").c_str(), O_CREAT | O_WRONLY, 0600));
     }},
    {"create/open exclusive",
     [](Scene& s) {
         s.begin();
         created(s, ::open(s.at("f").c_str(), O_CREAT | O_EXCL | O_RDWR, 0644));
     }},
    {"create/creat",
     [](Scene& s) {
         s.begin();
         created(s, ::creat(s.at("f").c_str(), 0640));
     }},
    {"create/openat",
     [](Scene& s) {
         const int dir = s.open("", O_RDONLY | O_DIRECTORY);
         s.begin();
         created(s, ::openat(dir, "f", O_CREAT | O_WRONLY, 0600));
     }},
    {"create/openat2",
     [](Scene& s) {
         const int dir = s.open("", O_RDONLY | O_DIRECTORY);
         s.begin();
         created(s, openat2(dir, "f", O_CREAT | O_WRONLY, 0600));
     }},
    {"create/mknod",
     [](Scene& s) {
         s.begin();
         s.ok(::mknod(s.at("f").c_str(), S_IFREG | 0600, 0), "mknod");
         s.want(VX_OP_FILE_CREATE, "f");
     }},
    {"create/mknod fifo",
     [](Scene& s) {
         s.begin();
         made_special(s, ::mkfifo(s.at("f").c_str(), 0600));
     }},
    {"create/mknod device",
     [](Scene& s) {
         s.begin();
         made_special(s, ::mknod(s.at("f").c_str(), S_IFCHR | 0600, makedev(1, 3)));
     }},
    {"create/bind socket", bound_socket},
    {"create/tmpfile and linkat", tmpfile},
    {"create/tmpfile and linkat of the descriptor", tmpfile_by_descriptor},
    {"create/tmpfile that gets no name", tmpfile_exclusive},
    {"create/by another thread", other_thread},
    {"create/by another user", other_user},
    {"create/that fails",
     [](Scene& s) {
         s.make("f");
         s.begin();
         s.fails(::open(s.at("f").c_str(), O_CREAT | O_EXCL, 0600), EEXIST, "open");
         s.fails(::mkdir(s.at("f").c_str(), 0700), EEXIST, "mkdir");
         s.fails(::open(s.at("none").c_str(), O_RDONLY), ENOENT, "open");
     }},
    {"open/existing",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         const int fd = s.ok(::open(s.at("f").c_str(), O_RDONLY), "open");
         s.want(VX_OP_FILE_OPEN, "f");
         ::close(fd);
         s.want(VX_OP_FILE_CLOSE, "f");
     }},
    {"open/existing with O_CREAT",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         const int fd = s.ok(::open(s.at("f").c_str(), O_RDWR | O_CREAT, 0600), "open");
         s.want(VX_OP_FILE_OPEN, "f");
         ::close(fd);
         s.want(VX_OP_FILE_CLOSE, "f", VX_F_WROTE);
     }},
    {"open/through a symbolic link",
     [](Scene& s) {
         s.make("f", 10);
         s.ok(::symlink("f", s.at("l").c_str()), "symlink");
         s.begin();
         const int fd = s.ok(::open(s.at("l").c_str(), O_RDONLY), "open");
         s.want(VX_OP_FILE_OPEN, "f");
         ::close(fd);
         s.want(VX_OP_FILE_CLOSE, "f");
     }},
    {"open/directory", opened_dir},
    {"open/close of a duplicate",
     [](Scene& s) {
         s.make("f", 10);
         s.begin();
         const int fd = s.ok(::open(s.at("f").c_str(), O_RDONLY), "open");
         s.want(VX_OP_FILE_OPEN, "f");
         const int copy = s.ok(::dup(fd), "dup");
         ::close(fd);
         ::close(copy);
         s.want(VX_OP_FILE_CLOSE, "f");
     }},
    {"open/execute", executed},
};

}  // namespace

std::span<const Case> create_cases() {
    return kCases;
}

}  // namespace vexfs::vm
