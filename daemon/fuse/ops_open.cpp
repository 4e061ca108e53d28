// SPDX-License-Identifier: Apache-2.0
// Operations that open and close files.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "fuse/credentials.hpp"
#include "fuse/session.hpp"

namespace vexfs::fuse {

namespace {

constexpr int kOpenedToExecute = 0x20;  // FMODE_EXEC of the kernel, which FUSE passes on

// What is not for the backing file: appending is decided write by write (fcntl can change it, and
// pages are written back through any handle), direct I/O has rules for memory that requests do not
// meet, and the rest has been dealt with by the kernel.
int backing_flags(int flags) {
    return (flags & ~(O_APPEND | O_DIRECT | O_CREAT | O_EXCL | O_NOFOLLOW | kOpenedToExecute)) |
           O_CLOEXEC;
}

bool opens_for_writing(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY;
}

// Enters an open file into the table and `fi`.
void install(fuse_req_t req, fuse_file_info* fi, Node& node, UniqueFd fd, const Caller& caller) {
    Session& session = Session::of(req);
    auto file = std::make_unique<OpenFile>();
    file->fd = std::move(fd);
    file->node = &node;
    file->opener = caller;
    file->writable = opens_for_writing(fi->flags);
    fi->keep_cache = session.healthy() ? 1 : 0;
    file->kernel_io = session.kernel_io().open(req, node, file->fd.get(), fi);
    fi->fh = session.files().add(std::move(file));
}

void report_open(Session& session, const Caller& caller, const Node& node, int fd, int flags) {
    Report report(session.reporter(), VX_OP_FILE_OPEN, caller);
    if (report) {
        report.object(node).attributes_of(fd).last_place(node);
        report.flag(VX_F_EXEC, (flags & kOpenedToExecute) != 0).send();
    }
}

// Of a file that is closed, or whose opening was withdrawn before it was answered.
void close_file(fuse_req_t req, std::uint64_t handle) {
    Session& session = Session::of(req);
    const std::unique_ptr<OpenFile> file = session.files().remove(handle);
    if (file == nullptr) {
        return;
    }
    if (file->kernel_io) {
        session.kernel_io().close(*file->node);
    }
    Report report(session.reporter(), VX_OP_FILE_CLOSE, file->opener);
    if (report) {
        report.object(*file->node).attributes_of(file->fd.get()).last_place(*file->node);
        report.flag(VX_F_WROTE, file->writable).send();
    }
}

// The answer to an open that was withdrawn: nobody will ever close the handle.
void withdraw(Session& session, std::uint64_t handle) {
    if (const std::unique_ptr<OpenFile> file = session.files().remove(handle)) {
        if (file->kernel_io) {
            session.kernel_io().close(*file->node);
        }
        Report report(session.reporter(), VX_OP_FILE_CLOSE, file->opener);
        report.object(*file->node).attributes_of(file->fd.get()).last_place(*file->node);
        report.flag(VX_F_WROTE, file->writable).send();
    }
}

void reply_created(fuse_req_t req, NodeRef node, const struct stat& st, fuse_file_info* fi) {
    Session& session = Session::of(req);
    const fuse_entry_param entry = session.entry(*node, st);
    const std::uint64_t handle = fi->fh;
    if (::fuse_reply_create(req, &entry, fi) == 0) {
        node.keep();
    } else {
        withdraw(session, handle);
    }
}

UniqueFd path_of(const UniqueFd& fd) {
    return UniqueFd(::open(ProcPath(fd.get()).c_str(), O_PATH | O_CLOEXEC));
}

// Always O_EXCL: the kernel believes that there is no such name. If there is, it has to look again
// and check the caller's right to that file: ESTALE makes it do so.
void op_create(fuse_req_t req, fuse_ino_t parent_id, const char* name, mode_t mode,
               fuse_file_info* fi) {
    Session& session = Session::of(req);
    NodeTable& nodes = session.nodes();
    Node& parent = session.node(parent_id);
    const fuse_ctx* ctx = ::fuse_req_ctx(req);
    const Caller caller = session.caller(req, VX_OP_FILE_CREATE);
    Report report(session.reporter(), VX_OP_FILE_CREATE, caller);
    report.at(parent, name);
    const PathFd dir = nodes.path_fd(parent);

    DirectoryOrder::Guard guard = session.order().hold(parent);
    UniqueFd fd;
    int error = dir.get() < 0 ? -dir.get() : 0;
    if (error == 0) {
        CreateAs as(ctx->uid, ctx->gid, ctx->umask);
        fd.reset(::openat(dir.get(), name,
                          (backing_flags(fi->flags) & ~O_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW,
                          mode));
        error = fd ? 0 : errno;
    }
    NodeTable::Found found;
    if (error == 0) {
        found = nodes.adopt(path_of(fd));
        error = found.error;
    }
    if (error != 0) {
        const bool look_again = error == EEXIST && (fi->flags & O_EXCL) == 0;
        if (!look_again) {
            report.send(error);
        }
        ::fuse_reply_err(req, look_again ? ESTALE : error);
        return;
    }
    NodeRef node(nodes, found.node);
    nodes.set_place(*node, parent.id, name);
    report.object(*node).attributes(found.st).send();
    guard = DirectoryOrder::Guard();
    report_open(session, caller, *node, fd.get(), fi->flags);
    install(req, fi, *node, std::move(fd), caller);
    reply_created(req, std::move(node), found.st, fi);
}

// What the kernel does when a file is truncated by who may not keep its set-id bits. With O_TRUNC
// in the open request nobody else does it.
void drop_setid(Session& session, const Caller& caller, const Node& node, int fd, mode_t mode) {
    mode_t kept = mode & static_cast<mode_t>(~S_ISUID);
    if ((mode & S_IXGRP) != 0) {
        kept &= static_cast<mode_t>(~S_ISGID);
    }
    if (kept == mode || CallerRights::keeps_setid(static_cast<pid_t>(caller.tid))) {
        return;
    }
    Report report(session.reporter(), VX_OP_FILE_CHMOD, caller);
    const int error = ::fchmod(fd, kept & 07777) == 0 ? 0 : errno;
    report.object(node).attributes_of(fd).last_place(node);
    report.flag(VX_F_MODE | VX_F_FORCED).send(error);
}

void report_truncation(Session& session, const Caller& caller, const Node& node, int fd) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) {
        return;
    }
    Report report(session.reporter(), VX_OP_FILE_TRUNCATE, caller);
    if (report) {
        report.object(node).attributes(st).last_place(node).flag(VX_F_OPEN_TRUNC).send();
    }
    drop_setid(session, caller, node, fd, st.st_mode);
}

void op_open(fuse_req_t req, fuse_ino_t id, fuse_file_info* fi) {
    Session& session = Session::of(req);
    Node& node = session.node(id);
    const bool truncate = (fi->flags & O_TRUNC) != 0;
    const Caller caller = session.caller(req, VX_OP_FILE_OPEN);
    const PathFd path = session.nodes().path_fd(node);
    UniqueFd fd;
    int error = path.get() < 0 ? -path.get() : 0;
    if (error == 0) {
        fd.reset(::open(ProcPath(path.get()).c_str(), backing_flags(fi->flags)));
        error = fd ? 0 : errno;
    }
    if (error != 0) {
        Report report(session.reporter(), VX_OP_FILE_OPEN, caller);
        report.object(node).last_place(node).send(error);
        ::fuse_reply_err(req, error);
        return;
    }
    if (truncate) {
        report_truncation(session, caller, node, fd.get());
    }
    report_open(session, caller, node, fd.get(), fi->flags);
    install(req, fi, node, std::move(fd), caller);
    const std::uint64_t handle = fi->fh;
    if (::fuse_reply_open(req, fi) != 0) {
        withdraw(session, handle);
    }
}

void op_release(fuse_req_t req, fuse_ino_t, fuse_file_info* fi) {
    close_file(req, fi->fh);
    ::fuse_reply_err(req, 0);
}

// O_TMPFILE. libfuse has the request since 3.17; before, the kernel answers EOPNOTSUPP.
[[maybe_unused]] void op_tmpfile(fuse_req_t req, fuse_ino_t parent_id, mode_t mode,
                                 fuse_file_info* fi) {
    Session& session = Session::of(req);
    NodeTable& nodes = session.nodes();
    const fuse_ctx* ctx = ::fuse_req_ctx(req);
    const Caller caller = session.caller(req, VX_OP_FILE_OPEN);
    const PathFd dir = nodes.path_fd(session.node(parent_id));
    UniqueFd fd;
    int error = dir.get() < 0 ? -dir.get() : 0;
    if (error == 0) {
        CreateAs as(ctx->uid, ctx->gid, ctx->umask);
        // O_EXCL forbids a later link: that is the program's to say.
        const int flags = (backing_flags(fi->flags) | (fi->flags & O_EXCL)) & ~O_TRUNC;
        fd.reset(::openat(dir.get(), ".", flags | O_TMPFILE, mode));
        error = fd ? 0 : errno;
    }
    const NodeTable::Found found = error == 0 ? nodes.adopt(path_of(fd)) : NodeTable::Found{};
    if (error != 0 || found.error != 0) {
        ::fuse_reply_err(req, error != 0 ? error : found.error);
        return;
    }
    NodeRef node(nodes, found.node);
    PathFd pinned(path_of(fd));
    nodes.pin(*node, pinned);
    report_open(session, caller, *node, fd.get(), fi->flags);
    install(req, fi, *node, std::move(fd), caller);
    reply_created(req, std::move(node), found.st, fi);
}

template <typename Ops>
void fill_tmpfile(Ops& ops) {
    if constexpr (requires { ops.tmpfile = op_tmpfile; }) {
        ops.tmpfile = op_tmpfile;
    }
}

}  // namespace

void fill_open_ops(fuse_lowlevel_ops& ops) {
    ops.create = op_create;
    ops.open = op_open;
    ops.release = op_release;
    fill_tmpfile(ops);
}

}  // namespace vexfs::fuse
