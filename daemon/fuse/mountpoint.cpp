// SPDX-License-Identifier: Apache-2.0
#include "fuse/mountpoint.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <climits>
#include <cstdlib>
#include <memory>
#include <vector>

#include "spdlog/spdlog.h"

extern char** environ;

namespace vexfs::fuse {

namespace {

bool daemon_is_dead(int error) {
    return error == ENOTCONN || error == ECONNABORTED;
}

Result<std::string> resolve(const std::string& path, std::string_view what) {
    std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), std::free);
    if (real == nullptr) {
        return Status::from_errno(errno, std::string(what) + " " + path);
    }
    return std::string(real.get());
}

Status run_fusermount(const std::string& mountpoint) {
    std::vector<std::string> words = {"fusermount3", "-u", "-z", "--", mountpoint};
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    pid_t child = 0;
    const int error = ::posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ);
    int status = 0;
    if (error != 0 || ::waitpid(child, &status, 0) != child || status != 0) {
        return Status::error(error != 0 ? error : EIO, "fusermount3 -u -z " + mountpoint);
    }
    return {};
}

Status recover_stale(const std::string& mountpoint) {
    struct stat st {};
    // Dead mounts may lie on top of each other, one for each crash.
    for (int i = 0; i < 64; ++i) {
        if (::stat(mountpoint.c_str(), &st) == 0 || !daemon_is_dead(errno)) {
            return {};
        }
        spdlog::warn("fuse: {} is the mount of a daemon that is no longer there: detaching it",
                     mountpoint);
        if (::umount2(mountpoint.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
            continue;
        }
        const int error = errno;
        if (error != EPERM || !run_fusermount(mountpoint).ok()) {
            return Status::from_errno(error, "detach the dead mount at " + mountpoint +
                                                 " (try: umount -l " + mountpoint + ")");
        }
    }
    return Status::error(ENOTCONN, "too many dead mounts at " + mountpoint);
}

Status check_directory(const std::string& path, const char* what, const char* advice) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) {
        const int error = errno;
        std::string message = std::string(what) + " " + path + ": " + Status::describe(error);
        return Status::error(error, error == ENOENT ? message + ": " + advice : message);
    }
    if (!S_ISDIR(st.st_mode)) {
        return Status::error(ENOTDIR,
                             std::string(what) + " " + path + " is not a directory: name one");
    }
    return {};
}

Status check_empty(const std::string& path) {
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
    if (dir == nullptr) {
        return Status::from_errno(errno, "read mount point " + path);
    }
    while (const dirent* entry = ::readdir(dir.get())) {
        const std::string_view name = entry->d_name;
        if (name != "." && name != "..") {
            return Status::error(ENOTEMPTY, "mount point " + path + " is not empty (it has \"" +
                                                std::string(name) +
                                                "\"): what it holds would be hidden; choose or "
                                                "make an empty directory");
        }
    }
    return {};
}

// Walks up from `inner`: by identity, so that bind mounts of the same directory are noticed too.
bool lies_in(const std::string& inner, const struct stat& outer) {
    UniqueFd at(::open(inner.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat st {};
    struct stat up {};
    while (at && ::fstat(at.get(), &st) == 0) {
        if (st.st_dev == outer.st_dev && st.st_ino == outer.st_ino) {
            return true;
        }
        UniqueFd parent(::openat(at.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!parent || ::fstat(parent.get(), &up) != 0 ||
            (up.st_dev == st.st_dev && up.st_ino == st.st_ino)) {
            return false;
        }
        at = std::move(parent);
    }
    return false;
}

Status check_apart(const MountPaths& paths) {
    struct stat source {};
    struct stat point {};
    if (::stat(paths.source.c_str(), &source) != 0 ||
        ::stat(paths.mountpoint.c_str(), &point) != 0) {
        return Status::from_errno(errno, "stat source and mount point");
    }
    if (source.st_dev == point.st_dev && source.st_ino == point.st_ino) {
        return Status::error(EINVAL, "mount point " + paths.mountpoint +
                                         " is the source directory itself: choose an empty "
                                         "directory outside of it");
    }
    if (lies_in(paths.mountpoint, source)) {
        return Status::error(ELOOP, "mount point " + paths.mountpoint + " lies in the source " +
                                        paths.source +
                                        ": the mount would contain itself; choose an empty "
                                        "directory outside of it");
    }
    if (lies_in(paths.source, point)) {
        return Status::error(EINVAL, "mount point " + paths.mountpoint + " contains the source " +
                                         paths.source +
                                         ": the mount would hide it; choose another directory");
    }
    return {};
}

}  // namespace

Result<MountPaths> prepare_mountpoint(const MountOptions& options) {
    if (Status s = recover_stale(options.mountpoint); !s) {
        return s;
    }
    if (Status s =
            check_directory(options.source, "source directory", "make it, or name one that exists");
        !s) {
        return s;
    }
    if (Status s = check_directory(options.mountpoint, "mount point", "make it first (mkdir -p)");
        !s) {
        return s;
    }
    Result<std::string> source = resolve(options.source, "source directory");
    Result<std::string> point = resolve(options.mountpoint, "mount point");
    if (!source || !point) {
        return source ? point.status() : source.status();
    }
    MountPaths paths{.source = *source, .mountpoint = *point};
    if (Status s = check_apart(paths); !s) {
        return s;
    }
    if (Status s = check_empty(paths.mountpoint); !s) {
        return s;
    }
    return paths;
}

Status attach(fuse_session* session, const MountPaths& paths, const MountOptions& options) {
    if (::geteuid() != 0) {
        if (::fuse_session_mount(session, paths.mountpoint.c_str()) != 0) {
            return Status::error(EPERM, "mount at " + paths.mountpoint +
                                            " through fusermount3 (see its message above; "
                                            "allow_other needs user_allow_other in fuse.conf)");
        }
        return {};
    }
    UniqueFd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (!device) {
        return Status::from_errno(errno, "open /dev/fuse (is the fuse module loaded?)");
    }
    std::string data = "fd=" + std::to_string(device.get()) +
                       ",rootmode=40000,user_id=0,group_id=0,default_permissions";
    data += options.allow_other ? ",allow_other" : "";
    unsigned long flags = 0;
    flags |= options.allow_suid ? 0 : MS_NOSUID;
    flags |= options.allow_dev ? 0 : MS_NODEV;
    flags |= options.read_only ? MS_RDONLY : 0;
    if (::mount(paths.source.c_str(), paths.mountpoint.c_str(), "fuse.vexfs", flags,
                data.c_str()) != 0) {
        return Status::from_errno(errno, "mount at " + paths.mountpoint);
    }
    // libfuse takes the descriptor over and leaves the mount to us.
    const std::string name = "/dev/fd/" + std::to_string(device.get());
    if (::fuse_session_mount(session, name.c_str()) != 0) {
        ::umount2(paths.mountpoint.c_str(), MNT_DETACH);
        return Status::error(EIO, "libfuse does not take /dev/fuse");
    }
    (void)device.release();
    return {};
}

bool detach(const std::string& mountpoint) {
    const bool root = ::geteuid() == 0;
    if (root && ::umount2(mountpoint.c_str(), UMOUNT_NOFOLLOW) == 0) {
        return true;
    }
    if (root && errno != EBUSY) {
        return errno == EINVAL;  // somebody else has unmounted it
    }
    if (UniqueFd fd(::open(mountpoint.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); fd) {
        ::syncfs(fd.get());  // pages written through mmap, while there is still somebody to ask
    }
    if (root) {
        spdlog::warn("fuse: {} is in use: detached; programs there get ENOTCONN from now on",
                     mountpoint);
        ::umount2(mountpoint.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
    }
    return false;
}

}  // namespace vexfs::fuse
