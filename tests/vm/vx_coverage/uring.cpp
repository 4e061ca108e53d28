// SPDX-License-Identifier: Apache-2.0
// Coverage: the same through io_uring. What may block is done by a kernel thread of the process, so
// the acting thread (tid, comm) is not known beforehand; the process is.
#include <fcntl.h>
#include <liburing.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <functional>

#include "abi/event.h"
#include "vm/vx_coverage/scene.hpp"

namespace vexfs::vm {

namespace {

constexpr std::size_t kSize = 4096;
std::array<char, kSize> buffer;

// One request, done.
int submit(Scene& s, const std::function<void(io_uring_sqe*)>& prepare) {
    io_uring ring{};
    if (s.ok_errno(::io_uring_queue_init(4, &ring, 0), "io_uring_queue_init") < 0) {
        return -1;
    }
    prepare(::io_uring_get_sqe(&ring));
    s.ok_errno(::io_uring_submit_and_wait(&ring, 1), "io_uring_submit_and_wait");
    io_uring_cqe* done = nullptr;
    s.ok_errno(::io_uring_peek_cqe(&ring, &done), "io_uring_peek_cqe");
    const int result = done != nullptr ? s.ok_errno(done->res, "the request") : -1;
    ::io_uring_queue_exit(&ring);
    return result;
}

void opened(Scene& s, bool openat2) {
    const std::string path = s.at("f");
    open_how how{};
    how.flags = O_CREAT | O_WRONLY;
    how.mode = 0600;
    s.begin();
    const int fd = submit(s, [&](io_uring_sqe* sqe) {
        openat2 ? ::io_uring_prep_openat2(sqe, AT_FDCWD, path.c_str(), &how)
                : ::io_uring_prep_openat(sqe, AT_FDCWD, path.c_str(), O_CREAT | O_WRONLY, 0600);
    });
    s.want(VX_OP_FILE_CREATE, "f").thread(0);
    s.want(VX_OP_FILE_OPEN, "f").thread(0);
    submit(s, [&](io_uring_sqe* sqe) { ::io_uring_prep_close(sqe, fd); });
    s.want(VX_OP_FILE_CLOSE, "f", VX_F_WROTE).thread(0);
}

void read_through(Scene& s, void (*prepare)(io_uring_sqe*, int, iovec*)) {
    const int fd = s.make("f", kSize);
    iovec part{buffer.data(), 100};
    s.begin();
    submit(s, [&](io_uring_sqe* sqe) { prepare(sqe, fd, &part); });
    s.want(VX_OP_FILE_READ, "f").thread(0);
}

void written_through(Scene& s, void (*prepare)(io_uring_sqe*, int, iovec*)) {
    const int fd = s.make("f");
    iovec part{buffer.data(), 100};
    s.begin();
    submit(s, [&](io_uring_sqe* sqe) { prepare(sqe, fd, &part); });
    s.want(VX_OP_FILE_WRITE, "f").thread(0);
}

void deleted(Scene& s, bool directory) {
    if (directory) {
        s.make_dir("f");
    } else {
        s.ok(::mknod(s.at("f").c_str(), S_IFREG | 0600, 0), "mknod");
    }
    const Object before = look(s.at("f"));
    const std::string path = s.at("f");
    s.begin();
    submit(s, [&](io_uring_sqe* sqe) {
        ::io_uring_prep_unlinkat(sqe, AT_FDCWD, path.c_str(), directory ? AT_REMOVEDIR : 0);
    });
    s.want_gone(directory ? VX_OP_DIR_DELETE : VX_OP_FILE_DELETE, "f", before,
                VX_F_LAST_LINK | (directory ? VX_F_DIRECTORY : 0))
        .thread(0);
}

void splice_in(Scene& s) {
    const int fd = s.make("f", kSize);
    std::array<int, 2> ends{};
    s.ok(::pipe2(ends.data(), O_CLOEXEC), "pipe");
    s.keep(ends[0]);
    s.keep(ends[1]);
    s.begin();
    submit(s, [&](io_uring_sqe* sqe) { ::io_uring_prep_splice(sqe, fd, 0, ends[1], -1, 100, 0); });
    s.want(VX_OP_FILE_READ, "f").thread(0);
}

constexpr Case kCases[] = {
    {"io_uring/openat", [](Scene& s) { opened(s, false); }},
    {"io_uring/openat2", [](Scene& s) { opened(s, true); }},
    {"io_uring/read",
     [](Scene& s) {
         read_through(s, [](io_uring_sqe* sqe, int fd, iovec* part) {
             ::io_uring_prep_read(sqe, fd, part->iov_base, 100, 0);
         });
     }},
    {"io_uring/readv",
     [](Scene& s) {
         read_through(s, [](io_uring_sqe* sqe, int fd, iovec* part) {
             ::io_uring_prep_readv(sqe, fd, part, 1, 0);
         });
     }},
    {"io_uring/read by a worker",
     [](Scene& s) {
         read_through(s, [](io_uring_sqe* sqe, int fd, iovec* part) {
             ::io_uring_prep_read(sqe, fd, part->iov_base, 100, 0);
             ::io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
         });
     }},
    {"io_uring/write",
     [](Scene& s) {
         written_through(s, [](io_uring_sqe* sqe, int fd, iovec* part) {
             ::io_uring_prep_write(sqe, fd, part->iov_base, 100, 0);
         });
     }},
    {"io_uring/writev",
     [](Scene& s) {
         written_through(s, [](io_uring_sqe* sqe, int fd, iovec* part) {
             ::io_uring_prep_writev(sqe, fd, part, 1, 0);
         });
     }},
    {"io_uring/fallocate",
     [](Scene& s) {
         written_through(s, [](io_uring_sqe* sqe, int fd, iovec*) {
             ::io_uring_prep_fallocate(sqe, fd, 0, 0, 8192);
         });
     }},
    {"io_uring/splice", splice_in},
    {"io_uring/rename",
     [](Scene& s) {
         s.make("f", 10);
         const std::string from = s.at("f");
         const std::string to = s.at("g");
         s.begin();
         submit(s, [&](io_uring_sqe* sqe) {
             ::io_uring_prep_renameat(sqe, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0);
         });
         s.want_rename("f", "g").thread(0);
     }},
    {"io_uring/unlink", [](Scene& s) { deleted(s, false); }},
    {"io_uring/rmdir", [](Scene& s) { deleted(s, true); }},
    {"io_uring/mkdir",
     [](Scene& s) {
         const std::string path = s.at("d");
         s.begin();
         submit(s, [&](io_uring_sqe* sqe) {
             ::io_uring_prep_mkdirat(sqe, AT_FDCWD, path.c_str(), 0750);
         });
         s.want(VX_OP_DIR_CREATE, "d", VX_F_DIRECTORY).thread(0);
     }},
    {"io_uring/symlink",
     [](Scene& s) {
         const std::string path = s.at("f");
         s.begin();
         submit(s, [&](io_uring_sqe* sqe) {
             ::io_uring_prep_symlinkat(sqe, "target", AT_FDCWD, path.c_str());
         });
         s.want(VX_OP_SYMLINK_CREATE, "f").text("target").thread(0);
     }},
    {"io_uring/link",
     [](Scene& s) {
         s.make("f", 10);
         const std::string from = s.at("f");
         const std::string to = s.at("g");
         s.begin();
         submit(s, [&](io_uring_sqe* sqe) {
             ::io_uring_prep_linkat(sqe, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0);
         });
         s.want(VX_OP_HARDLINK_CREATE, "g").thread(0);
     }},
    {"io_uring/fsync",
     [](Scene& s) {
         const int fd = s.make("f", 10);
         s.begin();
         submit(s, [&](io_uring_sqe* sqe) { ::io_uring_prep_fsync(sqe, fd, 0); });
         s.want(VX_OP_SYNC, "f").range(0, 0).thread(0);
     }},
    {"io_uring/fdatasync",
     [](Scene& s) {
         const int fd = s.make("f", 10);
         s.begin();
         submit(s, [&](io_uring_sqe* sqe) {
             ::io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
         });
         s.want(VX_OP_SYNC, "f", VX_F_DATASYNC).range(0, 0).thread(0);
     }},
    {"io_uring/write to O_SYNC",
     [](Scene& s) {
         s.make("f", 10);
         const int fd = s.open("f", O_WRONLY | O_SYNC);
         s.begin();
         submit(s, [&](io_uring_sqe* sqe) {
             ::io_uring_prep_write(sqe, fd, buffer.data(), 100, 5);
         });
         if (s.write_syncs()) {
             s.want(VX_OP_SYNC, "f").range(5, 100).thread(0);
         }
         s.want(VX_OP_FILE_WRITE, "f").thread(0);
     }},
};

}  // namespace

std::span<const Case> uring_cases() {
    return kCases;
}

}  // namespace vexfs::vm
