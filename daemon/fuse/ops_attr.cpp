// SPDX-License-Identifier: Apache-2.0
// Operations on attributes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "fuse/session.hpp"

namespace vexfs::fuse {

namespace {

// The node's descriptor, or that of the open file that the request came with.
class Subject {
  public:
    Subject(Session& session, const Node& node, const fuse_file_info* fi)
        : file_(fi != nullptr ? &OpenFiles::of(fi->fh) : nullptr),
          path_(file_ != nullptr ? PathFd(-EBADF) : session.nodes().path_fd(node)) {}

    [[nodiscard]] int error() const { return fd() < 0 ? -fd() : 0; }
    [[nodiscard]] int fd() const { return file_ != nullptr ? file_->fd.get() : path_.get(); }

    [[nodiscard]] int chmod(mode_t mode) const {
        return result(::fchmodat(AT_FDCWD, ProcPath(fd()).c_str(), mode, 0));
    }
    [[nodiscard]] int chown(uid_t uid, gid_t gid) const {
        return result(::fchownat(fd(), "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
    }
    [[nodiscard]] int truncate(off_t size) const {
        return result(file_ != nullptr ? ::ftruncate(fd(), size)
                                       : ::truncate(ProcPath(fd()).c_str(), size));
    }
    [[nodiscard]] int set_times(const timespec (&times)[2]) const {
        return result(::utimensat(fd(), "", times, AT_EMPTY_PATH));
    }

  private:
    static int result(int r) { return r == 0 ? 0 : errno; }

    const OpenFile* file_;
    PathFd path_;
};

void op_getattr(fuse_req_t req, fuse_ino_t id, fuse_file_info* fi) {
    Session& session = Session::of(req);
    const Subject subject(session, session.node(id), fi);
    struct stat st {};
    if (subject.error() != 0 || ::fstat(subject.fd(), &st) != 0) {
        ::fuse_reply_err(req, subject.error() != 0 ? subject.error() : errno);
        return;
    }
    ::fuse_reply_attr(req, &st, session.timeout());
}

timespec chosen_time(int to_set, int set, int now, timespec given) {
    if ((to_set & now) != 0) {
        return {.tv_sec = 0, .tv_nsec = UTIME_NOW};
    }
    return (to_set & set) != 0 ? given : timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT};
}

class AttrChange {
  public:
    AttrChange(fuse_req_t req, const Node& node, const Subject& subject)
        : req_(req), session_(Session::of(req)), node_(node), subject_(subject) {}

    // Each part is one operation and one event; the first that fails ends it. Owner before mode:
    // changing the owner drops set-id bits, and the mode that comes with it (FORCED) or after it
    // is what the kernel wants in the end. Times last: the others change them.
    int apply(const struct stat& attr, int to_set) {
        int error = 0;
        const bool own = (to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) != 0;
        const bool resize = (to_set & FUSE_SET_ATTR_SIZE) != 0;
        if (own) {
            const uid_t uid = (to_set & FUSE_SET_ATTR_UID) != 0 ? attr.st_uid : ~uid_t{0};
            const gid_t gid = (to_set & FUSE_SET_ATTR_GID) != 0 ? attr.st_gid : ~gid_t{0};
            error = subject_.chown(uid, gid);
            report(VX_OP_FILE_CHOWN, error,
                   ((to_set & FUSE_SET_ATTR_UID) != 0 ? VX_F_OWNER : 0) |
                       ((to_set & FUSE_SET_ATTR_GID) != 0 ? VX_F_GROUP : 0));
        }
        if (error == 0 && (to_set & FUSE_SET_ATTR_MODE) != 0) {
            error = subject_.chmod(attr.st_mode & 07777);
            report(VX_OP_FILE_CHMOD, error, VX_F_MODE | (own || resize ? VX_F_FORCED : 0));
        }
        if (error == 0 && resize) {
            error = subject_.truncate(attr.st_size);
            report(VX_OP_FILE_TRUNCATE, error, 0, attr.st_size);
        }
        const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                          FUSE_SET_ATTR_MTIME_NOW;
        if (error == 0 && (to_set & times) != 0) {
            error = subject_.set_times(
                {chosen_time(to_set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, attr.st_atim),
                 chosen_time(to_set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, attr.st_mtim)});
        }
        return error;
    }

  private:
    void report(vx_op op, int error, std::uint32_t flags, off_t offset = 0) {
        if (!session_.reporter().wants(op)) {
            return;
        }
        Report report(session_.reporter(), op, session_.caller(req_, op));
        report.object(node_).attributes_of(subject_.fd()).last_place(node_);
        report.range(offset, 0).flag(flags).send(error);
    }

    fuse_req_t req_;
    Session& session_;
    const Node& node_;
    const Subject& subject_;
};

void op_setattr(fuse_req_t req, fuse_ino_t id, struct stat* attr, int to_set, fuse_file_info* fi) {
    Session& session = Session::of(req);
    const Node& node = session.node(id);
    const Subject subject(session, node, fi);
    int error = subject.error();
    if (error == 0) {
        error = AttrChange(req, node, subject).apply(*attr, to_set);
    }
    struct stat st {};
    if (error == 0 && ::fstat(subject.fd(), &st) != 0) {
        error = errno;
    }
    if (error != 0) {
        ::fuse_reply_err(req, error);
    } else {
        ::fuse_reply_attr(req, &st, session.timeout());
    }
}

}  // namespace

void fill_attr_ops(fuse_lowlevel_ops& ops) {
    ops.getattr = op_getattr;
    ops.setattr = op_setattr;
}

}  // namespace vexfs::fuse
