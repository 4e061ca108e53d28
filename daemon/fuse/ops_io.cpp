// SPDX-License-Identifier: Apache-2.0
// Operations on the data of open files.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "fuse/session.hpp"

namespace vexfs::fuse {

namespace {

// The caller; for pages that the kernel writes back on its own, who opened the file.
Caller io_caller(fuse_req_t req, vx_op op, const OpenFile& file, bool write_back) {
    return write_back || ::fuse_req_ctx(req)->pid == 0 ? file.opener
                                                       : Session::of(req).caller(req, op);
}

void report_io(fuse_req_t req, vx_op op, const OpenFile& file, std::int64_t offset,
               std::int64_t result, bool write_back, int error) {
    Session& session = Session::of(req);
    if (!session.reporter().wants(op)) {
        return;
    }
    Report report(session.reporter(), op, io_caller(req, op, file, write_back));
    report.object(*file.node).attributes_of(file.fd.get()).last_place(*file.node);
    report.range(offset, result > 0 ? static_cast<std::uint64_t>(result) : 0).send(error);
}

void op_read(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* fi) {
    const OpenFile& file = OpenFiles::of(fi->fh);
    const std::span<char> data = Session::scratch(size);
    const ssize_t n = ::pread(file.fd.get(), data.data(), data.size(), offset);
    const int error = n < 0 ? errno : 0;
    report_io(req, VX_OP_FILE_READ, file, offset, n, false, error);
    if (error != 0) {
        ::fuse_reply_err(req, error);
    } else {
        ::fuse_reply_buf(req, data.data(), static_cast<std::size_t>(n));
    }
}

void op_write(fuse_req_t req, fuse_ino_t, const char* data, std::size_t size, off_t offset,
              fuse_file_info* fi) {
    const OpenFile& file = OpenFiles::of(fi->fh);
    const bool write_back = fi->writepage != 0;
    const bool append = !write_back && (fi->flags & O_APPEND) != 0;
    const iovec part{.iov_base = const_cast<char*>(data), .iov_len = size};
    const ssize_t n = append ? ::pwritev2(file.fd.get(), &part, 1, offset, RWF_APPEND)
                             : ::pwrite(file.fd.get(), data, size, offset);
    const int error = n < 0 ? errno : 0;
    report_io(req, VX_OP_FILE_WRITE, file, offset, n, write_back, error);
    if (error != 0) {
        ::fuse_reply_err(req, error);
    } else {
        ::fuse_reply_write(req, static_cast<std::size_t>(n));
    }
}

void op_fsync(fuse_req_t req, fuse_ino_t, int data_only, fuse_file_info* fi) {
    Session& session = Session::of(req);
    const OpenFile& file = OpenFiles::of(fi->fh);
    const int fd = file.fd.get();
    const int error = (data_only != 0 ? ::fdatasync(fd) : ::fsync(fd)) == 0 ? 0 : errno;
    Report report(session.reporter(), VX_OP_SYNC, session.caller(req, VX_OP_SYNC));
    report.object(*file.node).attributes_of(fd).last_place(*file.node);
    report.flag(VX_F_DATASYNC, data_only != 0).send(error);
    ::fuse_reply_err(req, error);
}

void op_fallocate(fuse_req_t req, fuse_ino_t, int mode, off_t offset, off_t length,
                  fuse_file_info* fi) {
    const OpenFile& file = OpenFiles::of(fi->fh);
    const int error = ::fallocate(file.fd.get(), mode, offset, length) == 0 ? 0 : errno;
    report_io(req, VX_OP_FILE_WRITE, file, offset, error == 0 ? length : 0, false, error);
    ::fuse_reply_err(req, error);
}

void op_lseek(fuse_req_t req, fuse_ino_t, off_t offset, int whence, fuse_file_info* fi) {
    // SEEK_DATA and SEEK_HOLE only; nobody uses the position that this leaves behind.
    const off_t at = ::lseek(OpenFiles::of(fi->fh).fd.get(), offset, whence);
    if (at < 0) {
        ::fuse_reply_err(req, errno);
    } else {
        ::fuse_reply_lseek(req, at);
    }
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t, off_t in_offset, fuse_file_info* in_fi,
                        fuse_ino_t, off_t out_offset, fuse_file_info* out_fi, std::size_t length,
                        int flags) {
    const OpenFile& in = OpenFiles::of(in_fi->fh);
    const OpenFile& out = OpenFiles::of(out_fi->fh);
    off_t from = in_offset;
    off_t to = out_offset;
    const ssize_t n = ::copy_file_range(in.fd.get(), &from, out.fd.get(), &to, length,
                                        static_cast<unsigned>(flags));
    const int error = n < 0 ? errno : 0;
    report_io(req, VX_OP_FILE_READ, in, in_offset, n, false, error);
    report_io(req, VX_OP_FILE_WRITE, out, out_offset, n, false, error);
    if (error != 0) {
        ::fuse_reply_err(req, error);
    } else {
        ::fuse_reply_write(req, static_cast<std::size_t>(n));
    }
}

}  // namespace

void fill_io_ops(fuse_lowlevel_ops& ops) {
    ops.read = op_read;
    ops.write = op_write;
    ops.fsync = op_fsync;
    ops.fallocate = op_fallocate;
    ops.lseek = op_lseek;
    ops.copy_file_range = op_copy_file_range;
}

}  // namespace vexfs::fuse
