// SPDX-License-Identifier: Apache-2.0
#include "journal/disk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/file.hpp"

namespace vexfs::journal {

namespace {

Status result_of(int returned, const char* what) {
    return returned == 0 ? Status() : Status::from_errno(errno, what);
}

Result<UniqueFd> opened(UniqueFd fd, const std::string& name) {
    return fd ? Result<UniqueFd>(std::move(fd)) : Status::from_errno(errno, "open " + name);
}

}  // namespace

Status write_again(Disk& disk, int fd, std::uint64_t from, std::uint64_t to) {
    std::vector<std::byte> chunk(std::size_t{1} << 20U);
    for (std::uint64_t at = from; at < to; at += chunk.size()) {
        chunk.resize(std::min<std::uint64_t>(chunk.size(), to - at));
        const Result<std::size_t> n = read_at(fd, chunk, at, "read journal");
        if (!n) {
            return n.status();
        }
        if (*n < chunk.size()) {
            return Status::error(EIO, "read journal: the file is shorter");
        }
        if (Status status = disk.write(fd, chunk, at); !status) {
            return status;
        }
    }
    return {};
}

Result<UniqueFd> DirectoryDisk::create(const std::string& name) {
    return opened(UniqueFd(::openat(directory_, name.c_str(),
                                    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)),
                  name);
}

Result<UniqueFd> DirectoryDisk::open(const std::string& name) {
    return opened(UniqueFd(::openat(directory_, name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)),
                  name);
}

Status DirectoryDisk::allocate(int fd, std::uint64_t bytes) {
    int result = 0;
    do {
        result = ::fallocate(fd, 0, 0, static_cast<off_t>(bytes));
    } while (result != 0 && errno == EINTR);
    return result_of(result, "make room for a segment");
}

Status DirectoryDisk::truncate(int fd, std::uint64_t bytes) {
    return result_of(::ftruncate(fd, static_cast<off_t>(bytes)), "cut a segment");
}

Status DirectoryDisk::rename(const std::string& from, const std::string& to) {
    return result_of(::renameat(directory_, from.c_str(), directory_, to.c_str()),
                     "name a segment");
}

Status DirectoryDisk::link(const std::string& from, const std::string& to) {
    return result_of(::linkat(directory_, from.c_str(), directory_, to.c_str(), 0),
                     "keep a segment as it is");
}

Status DirectoryDisk::remove(const std::string& name) {
    return result_of(::unlinkat(directory_, name.c_str(), 0), "remove a segment");
}

Status DirectoryDisk::sync_directory() {
    return result_of(::fsync(directory_), "sync the journal's directory");
}

Status DirectoryDisk::write(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
    return write_at(fd, bytes, offset, "write journal");
}

Status DirectoryDisk::sync(int fd) {
    return result_of(::fdatasync(fd), "sync journal");
}

Status DirectoryDisk::start_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                                  WriteSync sync, FileIo::Handler done) {
    return io_ != nullptr ? io_->write(fd, bytes, offset, sync, std::move(done))
                          : Status::error(ENOTSUP, "write journal: nobody waits for it");
}

Status DirectoryDisk::start_sync(int fd, FileIo::Handler done) {
    return io_ != nullptr ? io_->fdatasync(fd, std::move(done))
                          : Status::error(ENOTSUP, "sync journal: nobody waits for it");
}

Status DirectoryDisk::start_sync_directory(FileIo::Handler done) {
    return io_ != nullptr ? io_->fsync(directory_, std::move(done))
                          : Status::error(ENOTSUP, "sync journal: nobody waits for it");
}

Status DirectoryDisk::start_allocate(int fd, std::uint64_t bytes, FileIo::Handler done) {
    return io_ != nullptr ? io_->allocate(fd, bytes, std::move(done))
                          : Status::error(ENOTSUP, "make room: nobody waits for it");
}

}  // namespace vexfs::journal
