// SPDX-License-Identifier: Apache-2.0
// Operations on open directories.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "fuse/session.hpp"

namespace vexfs::fuse {

namespace {

constexpr std::size_t kReadAheadBytes = 32 * 1024;

// linux_dirent64 of getdents64(2).
struct Dirent {
    std::uint64_t ino;
    std::int64_t next;
    std::uint16_t length;
    std::uint8_t type;
    char name[];
};

void op_opendir(fuse_req_t req, fuse_ino_t id, fuse_file_info* fi) {
    Session& session = Session::of(req);
    Node& node = session.node(id);
    const PathFd path = session.nodes().path_fd(node);
    const Caller caller = session.caller(req, VX_OP_FILE_OPEN);
    UniqueFd fd;
    int error = path.get() < 0 ? -path.get() : 0;
    if (error == 0) {
        fd.reset(::openat(path.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        error = fd ? 0 : errno;
    }
    Report report(session.reporter(), VX_OP_FILE_OPEN, caller);
    report.object(node).attributes_of(fd.get()).last_place(node).send(error);
    if (error != 0) {
        ::fuse_reply_err(req, error);
        return;
    }
    auto file = std::make_unique<OpenFile>();
    file->fd = std::move(fd);
    file->node = &node;
    file->opener = caller;
    file->directory = true;
    fi->fh = session.files().add(std::move(file));
    fi->cache_readdir = session.healthy() ? 1 : 0;
    fi->keep_cache = fi->cache_readdir;
    const std::uint64_t handle = fi->fh;
    if (::fuse_reply_open(req, fi) != 0) {
        session.files().remove(handle).reset();
    }
}

void op_releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* fi) {
    Session& session = Session::of(req);
    if (const std::unique_ptr<OpenFile> file = session.files().remove(fi->fh)) {
        Report report(session.reporter(), VX_OP_FILE_CLOSE, file->opener);
        report.object(*file->node).attributes_of(file->fd.get()).last_place(*file->node).send();
    }
    ::fuse_reply_err(req, 0);
}

// The entry at the handle's position, reading ahead; null at the end or on error.
const Dirent* next_entry(OpenFile& dir, int& error) {
    if (dir.entries_used >= dir.entries_size) {
        if (dir.entries == nullptr) {
            dir.entries = std::make_unique<char[]>(kReadAheadBytes);
        }
        const long n = ::syscall(SYS_getdents64, dir.fd.get(), dir.entries.get(), kReadAheadBytes);
        error = n < 0 ? errno : 0;
        dir.entries_size = n > 0 ? static_cast<std::size_t>(n) : 0;
        dir.entries_used = 0;
        if (n <= 0) {
            return nullptr;
        }
    }
    return reinterpret_cast<const Dirent*>(dir.entries.get() + dir.entries_used);
}

int seek_to(OpenFile& dir, off_t offset) {
    if (dir.position == offset && offset != 0) {
        return 0;
    }
    dir.entries_size = 0;
    dir.entries_used = 0;
    dir.position = offset;
    return ::lseek(dir.fd.get(), offset, SEEK_SET) < 0 ? errno : 0;
}

// One answer to readdir or readdirplus. The counts of its nodes go over to the kernel with it.
class Listing {
  public:
    Listing(fuse_req_t req, OpenFile& dir, std::size_t size, bool plus)
        : req_(req),
          session_(Session::of(req)),
          dir_(dir),
          plus_(plus),
          reply_(Session::scratch(size)) {}

    // Adds an entry; false if it does not fit.
    bool add(const Dirent& dirent) {
        const std::span<char> room = reply_.subspan(used_);
        const std::size_t bytes =
            plus_ ? ::fuse_add_direntry_plus(req_, nullptr, 0, dirent.name, nullptr, 0)
                  : ::fuse_add_direntry(req_, nullptr, 0, dirent.name, nullptr, 0);
        if (bytes > room.size()) {
            return false;
        }
        struct stat st {};
        st.st_ino = dirent.ino;
        st.st_mode = static_cast<mode_t>(dirent.type) << 12;
        if (plus_) {
            const fuse_entry_param entry = look_up(dirent.name, st);
            ::fuse_add_direntry_plus(req_, room.data(), room.size(), dirent.name, &entry,
                                     dirent.next);
        } else {
            ::fuse_add_direntry(req_, room.data(), room.size(), dirent.name, &st, dirent.next);
        }
        used_ += bytes;
        return true;
    }

    [[nodiscard]] bool empty() const { return used_ == 0; }
    [[nodiscard]] std::size_t bytes() const { return used_; }

    void reply(int error) {
        // What is there is given; an error then comes with the next request.
        if (error != 0 && empty()) {
            ::fuse_reply_err(req_, error);
        } else if (::fuse_reply_buf(req_, reply_.data(), used_) == 0) {
            return;
        }
        for (Node* node : nodes_) {
            session_.nodes().forget(*node, 1);
        }
    }

  private:
    fuse_entry_param look_up(const char* name, const struct stat& dirent_st) {
        fuse_entry_param entry{};
        entry.attr = dirent_st;  // ino 0: not looked up
        if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) {
            return entry;
        }
        const NodeTable::Found found = session_.nodes().lookup(*dir_.node, name);
        if (found.error != 0) {
            return entry;
        }
        nodes_.push_back(found.node);
        if (session_.nodes().set_place(*found.node, dir_.node->id, name)) {
            session_.reporter().directory(*found.node, dir_.node->id, name);
        }
        return session_.entry(*found.node, found.st);
    }

    fuse_req_t req_;
    Session& session_;
    OpenFile& dir_;
    const bool plus_;
    std::span<char> reply_;
    std::size_t used_ = 0;
    std::vector<Node*> nodes_;
};

void list(fuse_req_t req, std::size_t size, off_t offset, fuse_file_info* fi, bool plus) {
    Session& session = Session::of(req);
    OpenFile& dir = OpenFiles::of(fi->fh);
    std::unique_lock guard(dir.lock);
    Listing listing(req, dir, size, plus);
    int error = seek_to(dir, offset);
    while (error == 0) {
        const Dirent* entry = next_entry(dir, error);
        if (entry == nullptr || !listing.add(*entry)) {
            break;
        }
        dir.position = entry->next;
        dir.entries_used += entry->length;
    }
    // The last request of a walk, which only says "that was all", is no event.
    if (!listing.empty() || error != 0) {
        Report report(session.reporter(), VX_OP_DIR_READ, session.caller(req, VX_OP_DIR_READ));
        report.object(*dir.node).attributes_of(dir.fd.get()).last_place(*dir.node);
        report.send(listing.empty() ? error : 0);
    }
    guard.unlock();  // once it is answered the directory may be closed, and the lock be gone
    listing.reply(error);
}

void op_readdir(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* fi) {
    list(req, size, offset, fi, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset,
                    fuse_file_info* fi) {
    list(req, size, offset, fi, true);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t, int data_only, fuse_file_info* fi) {
    Session& session = Session::of(req);
    const OpenFile& dir = OpenFiles::of(fi->fh);
    const int fd = dir.fd.get();
    const int error = (data_only != 0 ? ::fdatasync(fd) : ::fsync(fd)) == 0 ? 0 : errno;
    Report report(session.reporter(), VX_OP_SYNC, session.caller(req, VX_OP_SYNC));
    report.object(*dir.node).attributes_of(fd).last_place(*dir.node);
    report.flag(VX_F_DATASYNC, data_only != 0).send(error);
    ::fuse_reply_err(req, error);
}

}  // namespace

void fill_dir_ops(fuse_lowlevel_ops& ops) {
    ops.opendir = op_opendir;
    ops.releasedir = op_releasedir;
    ops.readdir = op_readdir;
    ops.readdirplus = op_readdirplus;
    ops.fsyncdir = op_fsyncdir;
}

}  // namespace vexfs::fuse
