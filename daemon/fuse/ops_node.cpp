// SPDX-License-Identifier: Apache-2.0
// Operations that find and forget nodes.
#include <fcntl.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <climits>

#include "fuse/session.hpp"

namespace vexfs::fuse {

void reply_entry(fuse_req_t req, NodeRef node, const struct stat& st) {
    const fuse_entry_param entry = Session::of(req).entry(*node, st);
    if (::fuse_reply_entry(req, &entry) == 0) {
        node.keep();
    }
}

namespace {

void reply_absent(fuse_req_t req, const Node& parent) {
    fuse_entry_param none{};
    none.entry_timeout = Session::of(req).negative_timeout(parent);
    ::fuse_reply_entry(req, &none);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent_id, const char* name) {
    Session& session = Session::of(req);
    Node& parent = session.node(parent_id);
    const NodeTable::Found found = session.nodes().lookup(parent, name);
    if (found.error == ENOENT) {
        reply_absent(req, parent);
        return;
    }
    if (found.error != 0) {
        ::fuse_reply_err(req, found.error);
        return;
    }
    NodeRef node(session.nodes(), found.node);
    if (session.nodes().set_place(*node, parent.id, name)) {
        session.reporter().directory(*node, parent.id, name);
    }
    reply_entry(req, std::move(node), found.st);
}

void op_forget(fuse_req_t req, fuse_ino_t id, std::uint64_t count) {
    Session& session = Session::of(req);
    session.nodes().forget(session.node(id), count);
    ::fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, std::size_t count, fuse_forget_data* forgets) {
    Session& session = Session::of(req);
    for (std::size_t i = 0; i < count; ++i) {
        session.nodes().forget(session.node(forgets[i].ino), forgets[i].nlookup);
    }
    ::fuse_reply_none(req);
}

void op_readlink(fuse_req_t req, fuse_ino_t id) {
    Session& session = Session::of(req);
    const PathFd fd = session.nodes().path_fd(session.node(id));
    const std::span<char> target = Session::scratch(PATH_MAX + 1);
    const ssize_t n =
        fd.get() < 0 ? -1 : ::readlinkat(fd.get(), "", target.data(), target.size() - 1);
    if (n < 0) {
        ::fuse_reply_err(req, fd.get() < 0 ? -fd.get() : errno);
        return;
    }
    target[static_cast<std::size_t>(n)] = '\0';
    ::fuse_reply_readlink(req, target.data());
}

void op_statfs(fuse_req_t req, fuse_ino_t id) {
    Session& session = Session::of(req);
    const PathFd fd = session.nodes().path_fd(session.node(id));
    struct statvfs fs {};
    if (fd.get() < 0 || ::fstatvfs(fd.get(), &fs) != 0) {
        ::fuse_reply_err(req, fd.get() < 0 ? -fd.get() : errno);
        return;
    }
    ::fuse_reply_statfs(req, &fs);
}

}  // namespace

void fill_node_ops(fuse_lowlevel_ops& ops) {
    ops.lookup = op_lookup;
    ops.forget = op_forget;
    ops.forget_multi = op_forget_multi;
    ops.readlink = op_readlink;
    ops.statfs = op_statfs;
}

}  // namespace vexfs::fuse
