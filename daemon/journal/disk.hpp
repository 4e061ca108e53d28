// SPDX-License-Identifier: Apache-2.0
// Disk: what the journal does to its directory, as an outside effect. DirectoryDisk is the real
// one; tests hand in one that loses what was not synced, tears, fails and fills up. Reading is not
// part of it: files are read by their descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/fd.hpp"
#include "sys/file_io.hpp"

namespace vexfs::journal {

class Disk {
  public:
    virtual ~Disk() = default;

    // The directory, to read from.
    [[nodiscard]] virtual int directory() const = 0;

    // Makes a file, or makes it empty; mode 0600.
    virtual Result<UniqueFd> create(const std::string& name) = 0;
    // Opens a file to write to it.
    virtual Result<UniqueFd> open(const std::string& name) = 0;
    // Makes the file `bytes` long, with room on the disk for all of them. ENOSPC: there is none;
    // EOPNOTSUPP: the file system promises nothing, and the file is as it was.
    virtual Status allocate(int fd, std::uint64_t bytes) = 0;
    virtual Status truncate(int fd, std::uint64_t bytes) = 0;
    virtual Status rename(const std::string& from, const std::string& to) = 0;
    // Gives a file a second name, which is not there yet.
    virtual Status link(const std::string& from, const std::string& to) = 0;
    virtual Status remove(const std::string& name) = 0;
    // Makes durable which files there are.
    virtual Status sync_directory() = 0;

    // Write and sync while the caller waits: what is small and seldom. After an error any part may
    // have been written.
    virtual Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset) = 0;
    virtual Status sync(int fd) = 0;

    // Without waiting, as in FileIo.
    virtual Status start_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                               WriteSync sync, FileIo::Handler done) = 0;
    virtual Status start_sync(int fd, FileIo::Handler done) = 0;
    virtual Status start_sync_directory(FileIo::Handler done) = 0;
    // `done` gets 0 or the negative of what allocate() says; -EINTR: ask again.
    virtual Status start_allocate(int fd, std::uint64_t bytes, FileIo::Handler done) = 0;
};

// Writes the bytes of a file from `from` to `to` over themselves, so that the next sync is about
// all of them: after one that failed, and may have told another process, the kernel holds for clean
// what is not on the disk.
Status write_again(Disk& disk, int fd, std::uint64_t from, std::uint64_t to);

class DirectoryDisk : public Disk {
  public:
    // `directory` and `io` outlive it.
    DirectoryDisk(int directory, FileIo& io) : directory_(directory), io_(&io) {}
    // For who waits for all that he does: start_write() and start_sync() say ENOTSUP.
    explicit DirectoryDisk(int directory) : directory_(directory) {}

    [[nodiscard]] int directory() const override { return directory_; }
    Result<UniqueFd> create(const std::string& name) override;
    Result<UniqueFd> open(const std::string& name) override;
    Status allocate(int fd, std::uint64_t bytes) override;
    Status truncate(int fd, std::uint64_t bytes) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status link(const std::string& from, const std::string& to) override;
    Status remove(const std::string& name) override;
    Status sync_directory() override;
    Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override;
    Status sync(int fd) override;
    Status start_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                       WriteSync sync, FileIo::Handler done) override;
    Status start_sync(int fd, FileIo::Handler done) override;
    Status start_sync_directory(FileIo::Handler done) override;
    Status start_allocate(int fd, std::uint64_t bytes, FileIo::Handler done) override;

  private:
    int directory_;
    FileIo* io_ = nullptr;
};

}  // namespace vexfs::journal
