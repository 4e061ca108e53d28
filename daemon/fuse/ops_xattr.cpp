// SPDX-License-Identifier: Apache-2.0
// Operations on extended attributes, ACLs among them. None of the 18 operations stands for them.
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "fuse/caller.hpp"
#include "fuse/session.hpp"

namespace vexfs::fuse {

namespace {

constexpr std::string_view kAccessAcl = "system.posix_acl_access";
constexpr std::string_view kTrusted = "trusted.";

// Answers a request for data or, with size 0, for its length. `fetch(buffer, size)` is the system
// call.
template <typename Fetch>
void reply_value(fuse_req_t req, std::size_t size, Fetch&& fetch) {
    const std::span<char> buffer = Session::scratch(size);
    const ssize_t n = fetch(buffer.data(), size);
    if (n < 0) {
        ::fuse_reply_err(req, errno);
    } else if (size == 0) {
        ::fuse_reply_xattr(req, static_cast<std::size_t>(n));
    } else {
        ::fuse_reply_buf(req, buffer.data(), static_cast<std::size_t>(n));
    }
}

void op_getxattr(fuse_req_t req, fuse_ino_t id, const char* name, std::size_t size) {
    Session& session = Session::of(req);
    const PathFd fd = session.nodes().path_fd(session.node(id));
    if (fd.get() < 0) {
        ::fuse_reply_err(req, -fd.get());
        return;
    }
    reply_value(req, size, [&](char* buffer, std::size_t bytes) {
        return ::getxattr(ProcPath(fd.get()).c_str(), name, buffer, bytes);
    });
}

// Takes the names out that only a privileged caller would see on the backing file system.
std::size_t hide_trusted(std::span<char> names) {
    std::size_t kept = 0;
    for (std::size_t at = 0; at < names.size();) {
        const std::size_t length = ::strnlen(names.data() + at, names.size() - at) + 1;
        if (!std::string_view(names.data() + at, length - 1).starts_with(kTrusted)) {
            std::memmove(names.data() + kept, names.data() + at, length);
            kept += length;
        }
        at += length;
    }
    return kept;
}

void op_listxattr(fuse_req_t req, fuse_ino_t id, std::size_t size) {
    Session& session = Session::of(req);
    const PathFd fd = session.nodes().path_fd(session.node(id));
    if (fd.get() < 0) {
        ::fuse_reply_err(req, -fd.get());
        return;
    }
    const bool privileged = ::fuse_req_ctx(req)->uid == 0;
    reply_value(req, size, [&](char* buffer, std::size_t bytes) -> ssize_t {
        const ssize_t n = ::listxattr(ProcPath(fd.get()).c_str(), buffer, bytes);
        return n <= 0 || bytes == 0 || privileged
                   ? n
                   : static_cast<ssize_t>(hide_trusted({buffer, static_cast<std::size_t>(n)}));
    });
}

// Setting an ACL as somebody who is not in the file's group drops its set-gid bit; the kernel tells
// only newer libfuse, and this worker has the right to keep it.
void drop_setgid(int fd, pid_t tid) {
    struct stat st {};
    if (::fstat(fd, &st) == 0 && (st.st_mode & S_ISGID) != 0 && !S_ISDIR(st.st_mode) &&
        !CallerRights::in_group(tid, st.st_gid) && !CallerRights::keeps_setid(tid)) {
        (void)::chmod(ProcPath(fd).c_str(), st.st_mode & 07777 & ~static_cast<mode_t>(S_ISGID));
    }
}

void op_setxattr(fuse_req_t req, fuse_ino_t id, const char* name, const char* value,
                 std::size_t size, int flags) {
    Session& session = Session::of(req);
    const PathFd fd = session.nodes().path_fd(session.node(id));
    int error = fd.get() < 0 ? -fd.get() : 0;
    if (error == 0 && ::setxattr(ProcPath(fd.get()).c_str(), name, value, size, flags) != 0) {
        error = errno;
    }
    if (error == 0 && name == kAccessAcl) {
        drop_setgid(fd.get(), ::fuse_req_ctx(req)->pid);
    }
    ::fuse_reply_err(req, error);
}

void op_removexattr(fuse_req_t req, fuse_ino_t id, const char* name) {
    Session& session = Session::of(req);
    const PathFd fd = session.nodes().path_fd(session.node(id));
    int error = fd.get() < 0 ? -fd.get() : 0;
    if (error == 0 && ::removexattr(ProcPath(fd.get()).c_str(), name) != 0) {
        error = errno;
    }
    ::fuse_reply_err(req, error);
}

}  // namespace

void fill_xattr_ops(fuse_lowlevel_ops& ops) {
    ops.getxattr = op_getxattr;
    ops.listxattr = op_listxattr;
    ops.setxattr = op_setxattr;
    ops.removexattr = op_removexattr;
}

}  // namespace vexfs::fuse
