// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_coverage/scene.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "abi/event.h"

namespace vexfs::vm {

namespace {

std::uint64_t fsid_of(const std::string& path) {
    struct statfs st {};
    if (::statfs(path.c_str(), &st) != 0) {
        return 0;
    }
    std::uint64_t fsid = 0;
    std::memcpy(&fsid, &st.f_fsid, sizeof(fsid));
    return fsid;
}

std::uint64_t now_ns(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(t.tv_nsec);
}

}  // namespace

void Scene::begin() {
    started_();
    begun_ns_ = now_ns(CLOCK_MONOTONIC);
    begun_real_ns_ = now_ns(CLOCK_REALTIME);
}

Scene::~Scene() {
    for (const int fd : fds_) {
        ::close(fd);
    }
}

std::string Scene::at(std::string_view name) const {
    if (name.empty()) {
        return directory_;
    }
    return name.front() == '/' ? std::string(name) : directory_ + "/" + std::string(name);
}

int Scene::make(std::string_view name, std::size_t bytes, unsigned mode) {
    const int fd = keep(ok(::open(at(name).c_str(), O_RDWR | O_CREAT | O_EXCL, mode), "make"));
    ok(::fchmod(fd, mode), "fchmod");
    const std::string content(bytes, 'x');
    ok(::write(fd, content.data(), content.size()), "fill");
    ok(::lseek(fd, 0, SEEK_SET), "lseek");
    return fd;
}

void Scene::make_dir(std::string_view name) {
    ok(::mkdir(at(name).c_str(), 0755), "mkdir");
}

int Scene::open(std::string_view name, int flags) {
    return keep(ok(::open(at(name).c_str(), flags), "open"));
}

Want Scene::actor() const {
    Want want;
    char comm[VX_COMM_LEN + 1] = {};
    ::prctl(PR_GET_NAME, comm);
    want.comm = comm;
    want.pid = static_cast<std::uint32_t>(::getpid());
    want.tid = static_cast<std::uint32_t>(::gettid());
    want.uid = ::geteuid();
    want.gid = ::getegid();
    return want;
}

Want& Scene::want(unsigned op, std::string_view name, std::uint32_t flags) {
    Want want = actor();
    want.op = op;
    want.flags = flags;
    want.path = at(name);
    want.object = look(want.path);
    want.parent = look(parent_of(want.path));
    want.fsid = fsid_of(directory_);
    want.from_ns = begun_ns_;
    want.to_ns = now_ns(CLOCK_MONOTONIC);
    want.real_ns = begun_real_ns_;
    wants_.push_back(want);
    return wants_.back();
}

Want& Scene::want_gone(unsigned op, std::string_view name, Object before, std::uint32_t flags) {
    Want& want = this->want(op, name, flags);
    before.nlink = S_ISDIR(before.mode) ? 0 : before.nlink - 1;
    want.object = before;
    return want;
}

Want& Scene::want_rename(std::string_view old_name, std::string_view name, std::uint32_t flags) {
    Want& want = this->want(VX_OP_FILE_RENAME, name, flags);
    want.old_path = at(old_name);
    want.old_parent = look(parent_of(want.old_path));
    return want;
}

std::uint32_t Scene::as_user(std::uint32_t uid, const std::function<void()>& act) {
    const pid_t child = ok(::fork(), "fork");
    if (child == 0) {
        const bool changed = ::setresgid(uid, uid, uid) == 0 && ::setresuid(uid, uid, uid) == 0;
        if (changed) {
            act();
        }
        ::_exit(changed && troubles_.empty() ? 0 : 1);
    }
    int status = 0;
    ok(::waitpid(child, &status, 0), "waitpid");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        trouble("what the other user did", EIO);
    }
    return static_cast<std::uint32_t>(child);
}

void Scene::fails(long result, int error, std::string_view what) {
    if (result >= 0) {
        troubles_.push_back(std::string(what) + " worked, and must not");
    } else if (errno != error) {
        trouble(what, errno);
    }
}

bool Scene::kernel_since(unsigned major, unsigned minor) {
    utsname name{};
    unsigned is_major = 0;
    unsigned is_minor = 0;
    ::uname(&name);
    std::sscanf(name.release, "%u.%u", &is_major, &is_minor);
    return is_major != major ? is_major > major : is_minor >= minor;
}

bool Scene::is_on(long type) const {
    struct statfs st {};
    return ::statfs(directory_.c_str(), &st) == 0 && st.f_type == type;
}

bool Scene::syncs_below() const {
    return kernel_since(6, 7) && is_on(OVERLAYFS_SUPER_MAGIC);
}

bool Scene::write_syncs() const {
    return !(kernel_since(6, 6) && is_on(TMPFS_MAGIC)) && !syncs_below();
}

void Scene::trouble(std::string_view what, int error) {
    troubles_.push_back(std::string(what) + ": " + std::strerror(error));
}

}  // namespace vexfs::vm
