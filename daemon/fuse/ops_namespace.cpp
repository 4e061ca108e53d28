// SPDX-License-Identifier: Apache-2.0
// Operations that make, remove and move names. Each holds the directory's place in the order from
// before the change until it is reported, and is reported before the program goes on.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "fuse/credentials.hpp"
#include "fuse/session.hpp"

#ifndef RENAME_EXCHANGE
#define RENAME_NOREPLACE (1 << 0)
#define RENAME_EXCHANGE (1 << 1)
#endif

namespace vexfs::fuse {

namespace {

int error_of(int result) {
    return result == 0 ? 0 : errno;
}

// The part that mknod, mkdir and symlink share. `make` gets the directory's descriptor and returns
// 0 or a positive errno.
template <typename Make>
void make_object(fuse_req_t req, fuse_ino_t parent_id, const char* name, vx_op op,
                 std::uint32_t flags, std::string_view name2, Make&& make) {
    Session& session = Session::of(req);
    NodeTable& nodes = session.nodes();
    Node& parent = session.node(parent_id);
    const fuse_ctx* ctx = ::fuse_req_ctx(req);
    Report report(session.reporter(), op, session.caller(req, op));
    report.at(parent, name).flag(flags);
    report.event().name2 = name2;

    const PathFd dir = nodes.path_fd(parent);
    if (dir.get() < 0) {
        ::fuse_reply_err(req, -dir.get());
        return;
    }
    DirectoryOrder::Guard guard = session.order().hold(parent);
    int error = 0;
    {
        CreateAs as(ctx->uid, ctx->gid, ctx->umask);
        error = make(dir.get());
    }
    NodeTable::Found found;
    if (error == 0) {
        found = nodes.lookup(parent, name);
        error = found.error;
    }
    if (error != 0) {
        report.send(error);
        ::fuse_reply_err(req, error);
        return;
    }
    NodeRef node(nodes, found.node);
    nodes.set_place(*node, parent.id, name);
    report.object(*node).attributes(found.st).send();
    session.reporter().directory(*node, parent.id, name);
    guard = DirectoryOrder::Guard();
    reply_entry(req, std::move(node), found.st);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t rdev) {
    const bool special = !S_ISREG(mode) && (mode & S_IFMT) != 0;
    make_object(req, parent, name, VX_OP_FILE_CREATE, special ? VX_F_SPECIAL : 0, {},
                [&](int dir) { return error_of(::mknodat(dir, name, mode, rdev)); });
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
    make_object(req, parent, name, VX_OP_DIR_CREATE, VX_F_DIRECTORY, {},
                [&](int dir) { return error_of(::mkdirat(dir, name, mode)); });
}

void op_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
    make_object(req, parent, name, VX_OP_SYMLINK_CREATE, 0, target,
                [&](int dir) { return error_of(::symlinkat(target, dir, name)); });
}

void op_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t parent_id, const char* name) {
    Session& session = Session::of(req);
    NodeTable& nodes = session.nodes();
    Node& node = session.node(id);
    Node& parent = session.node(parent_id);
    const PathFd fd = nodes.path_fd(node);
    const PathFd dir = nodes.path_fd(parent);
    struct stat st {};
    if (fd.get() < 0 || dir.get() < 0 || ::fstat(fd.get(), &st) != 0) {
        ::fuse_reply_err(req, fd.get() < 0 ? -fd.get() : dir.get() < 0 ? -dir.get() : errno);
        return;
    }
    const bool first_name = st.st_nlink == 0;  // made by O_TMPFILE
    const vx_op op = first_name ? VX_OP_FILE_CREATE : VX_OP_HARDLINK_CREATE;
    Report report(session.reporter(), op, session.caller(req, op));
    report.object(node).at(parent, name).flag(VX_F_TMPFILE, first_name);

    DirectoryOrder::Guard guard = session.order().hold(parent);
    int error = error_of(::linkat(fd.get(), "", dir.get(), name, AT_EMPTY_PATH));
    if (error == ENOENT || error == EPERM) {  // the short way needs a privilege
        error = error_of(
            ::linkat(AT_FDCWD, ProcPath(fd.get()).c_str(), dir.get(), name, AT_SYMLINK_FOLLOW));
    }
    if (error == 0) {
        error = error_of(::fstat(fd.get(), &st));
    }
    if (error != 0) {
        report.send(error);
        ::fuse_reply_err(req, error);
        return;
    }
    nodes.hold(node);
    NodeRef ref(nodes, &node);
    nodes.set_first_place(node, parent.id, name);
    report.attributes(st).send();
    guard = DirectoryOrder::Guard();
    reply_entry(req, std::move(ref), st);
}

// An object that stands at a name, before the name goes.
struct Victim {
    NodeRef node;
    PathFd fd;
    struct stat st {};

    Victim(NodeTable& nodes, const Node& parent, const char* name)
        : Victim(nodes, nodes.lookup(parent, name)) {}

    // The name is gone: reads the attributes again; keeps the object reachable for who has it open.
    void lost_name(NodeTable& nodes, const Node& parent, const char* name) {
        if (!node) {
            return;
        }
        if (fd.get() < 0 || ::fstat(fd.get(), &st) != 0) {
            st.st_nlink -= st.st_nlink > 0 ? 1 : 0;
        }
        if (S_ISDIR(st.st_mode)) {
            st.st_nlink = 0;  // not all file systems count a removed directory down
        }
        if (st.st_nlink == 0) {
            nodes.pin(*node, fd);
        }
        nodes.clear_place(*node, parent.id, name);
    }

  private:
    Victim(NodeTable& nodes, const NodeTable::Found& found)
        : node(nodes, found.error == 0 ? found.node : nullptr),
          fd(node ? nodes.path_fd(*node) : PathFd(-ENOENT)),
          st(found.st) {}
};

void remove_name(fuse_req_t req, fuse_ino_t parent_id, const char* name, vx_op op) {
    Session& session = Session::of(req);
    NodeTable& nodes = session.nodes();
    Node& parent = session.node(parent_id);
    Report report(session.reporter(), op, session.caller(req, op));
    report.at(parent, name).flag(VX_F_DIRECTORY, op == VX_OP_DIR_DELETE);
    const PathFd dir = nodes.path_fd(parent);
    if (dir.get() < 0) {
        ::fuse_reply_err(req, -dir.get());
        return;
    }
    int error = 0;
    {
        DirectoryOrder::Guard guard = session.order().hold(parent);
        Victim victim(nodes, parent, name);
        error = error_of(::unlinkat(dir.get(), name, op == VX_OP_DIR_DELETE ? AT_REMOVEDIR : 0));
        if (error == 0) {
            victim.lost_name(nodes, parent, name);
            report.flag(VX_F_LAST_LINK, victim.st.st_nlink == 0);
        }
        if (victim.node) {
            report.object(*victim.node).attributes(victim.st);
        }
        report.send(error);
    }
    ::fuse_reply_err(req, error);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
    remove_name(req, parent, name, VX_OP_FILE_DELETE);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
    remove_name(req, parent, name, VX_OP_DIR_DELETE);
}

struct Move {
    Node& from;
    const char* name;
    Node& to;
    const char* new_name;
};

Report& describe_move(Report& report, const Move& move, const Victim& moved) {
    report.at(move.to, move.new_name);
    report.event().old_parent = move.from.id;
    report.event().name2 = move.name;
    if (moved.node) {
        report.object(*moved.node).attributes(moved.st);
    }
    return report;
}

// RENAME_EXCHANGE: one event for each of the two.
void report_exchange(Session& session, const Caller& caller, const Move& move, const Victim& moved,
                     const Victim& other, int error) {
    const Move back{move.to, move.new_name, move.from, move.name};
    const std::uint32_t cookie = session.reporter().next_cookie();
    Report first(session.reporter(), VX_OP_FILE_RENAME, caller);
    first.event().cookie = cookie;
    describe_move(first, move, moved).flag(VX_F_EXCHANGE).send(error);
    if (error == 0) {
        Report second(session.reporter(), VX_OP_FILE_RENAME, caller);
        second.event().cookie = cookie;
        describe_move(second, back, other).flag(VX_F_EXCHANGE).send();
    }
}

void report_rename(Session& session, const Caller& caller, const Move& move, const Victim& moved,
                   const Victim& target, int error) {
    Report report(session.reporter(), VX_OP_FILE_RENAME, caller);
    describe_move(report, move, moved);
    if (error == 0 && target.node) {
        report.flag(VX_F_REPLACED)
            .flag(VX_F_LAST_LINK, target.st.st_nlink == 0 || S_ISDIR(target.st.st_mode));
        report.event().target = target.node->id;
        report.event().target_nlink = static_cast<std::uint32_t>(target.st.st_nlink);
        report.event().target_mode = target.st.st_mode;
    }
    report.send(error);
}

// Renames and reports; 0 or a positive errno.
int rename_in_order(Session& session, const Caller& caller, const Move& move, int from_fd,
                    int to_fd, unsigned flags) {
    NodeTable& nodes = session.nodes();
    DirectoryOrder::Guard guard = session.order().hold(move.from, move.to);
    Victim moved(nodes, move.from, move.name);
    Victim target(nodes, move.to, move.new_name);
    const bool exchange = (flags & RENAME_EXCHANGE) != 0;
    const int error = error_of(::renameat2(from_fd, move.name, to_fd, move.new_name, flags));
    const bool same = moved.node && moved.node.get() == target.node.get();
    if (error == 0 && same) {
        return 0;  // two names of one object: nothing happens
    }
    if (error == 0) {
        if (moved.node) {
            nodes.set_place(*moved.node, move.to.id, move.new_name);
        }
        if (exchange && target.node) {
            nodes.set_place(*target.node, move.from.id, move.name);
        } else {
            target.lost_name(nodes, move.to, move.new_name);
        }
    }
    if (exchange) {
        report_exchange(session, caller, move, moved, target, error);
    } else {
        report_rename(session, caller, move, moved, target, error);
    }
    return error;
}

void op_rename(fuse_req_t req, fuse_ino_t parent_id, const char* name, fuse_ino_t new_parent_id,
               const char* new_name, unsigned flags) {
    Session& session = Session::of(req);
    const Move move{session.node(parent_id), name, session.node(new_parent_id), new_name};
    const PathFd from = session.nodes().path_fd(move.from);
    const PathFd to = session.nodes().path_fd(move.to);
    if (from.get() < 0 || to.get() < 0) {
        ::fuse_reply_err(req, from.get() < 0 ? -from.get() : -to.get());
        return;
    }
    const Caller caller = session.caller(req, VX_OP_FILE_RENAME);
    ::fuse_reply_err(req, rename_in_order(session, caller, move, from.get(), to.get(), flags));
}

}  // namespace

void fill_namespace_ops(fuse_lowlevel_ops& ops) {
    ops.mknod = op_mknod;
    ops.mkdir = op_mkdir;
    ops.symlink = op_symlink;
    ops.link = op_link;
    ops.unlink = op_unlink;
    ops.rmdir = op_rmdir;
    ops.rename = op_rename;
}

}  // namespace vexfs::fuse
