// SPDX-License-Identifier: Apache-2.0
// FileStore: the event store in plain files (format.hpp), one write for each batch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "journal/format.hpp"
#include "journal/store.hpp"

namespace vexfs::journal {

// Writing as an outside effect: tests hand in a disk that is full, fails or tears.
class SegmentWriter {
  public:
    virtual ~SegmentWriter() = default;
    // Writes all of `bytes` at `offset`; after an error any part of them may have been written.
    virtual Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset) = 0;
    virtual Status sync(int fd) = 0;
};

class PwriteWriter final : public SegmentWriter {
  public:
    Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override;
    Status sync(int fd) override;
};

struct FileStoreConfig {
    std::string directory;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20U;  // a new segment begins behind this
    std::size_t batch_bytes = std::size_t{1} << 20U;         // the open batch's limit
};

class FileStore final : public Store {
  public:
    // Opens the journal in a directory, or makes a new one; directories that are missing are made,
    // with mode 0700. A directory of the user that is open to others is closed to them. What is
    // behind the last whole entry is cut off, with a warning in the log.
    //   EBUSY   another process has it open: the message has its pid
    //   EPERM   the directory belongs to somebody else
    //   EBADMSG, ENOTSUP   its last segment cannot be read: the message says why
    // `writer` and `clock` outlive the store; nullptr: the real ones.
    static Result<std::unique_ptr<FileStore>> open(const FileStoreConfig& config,
                                                   SegmentWriter* writer = nullptr,
                                                   const Clock* clock = nullptr);
    // Writes the open batch, as far as that is possible.
    ~FileStore() override;
    FileStore(const FileStore&) = delete;
    FileStore& operator=(const FileStore&) = delete;

    [[nodiscard]] const JournalId& id() const override { return id_; }
    [[nodiscard]] std::uint64_t next_seq() const override { return next_seq_; }
    Status append(const EventView& event) override;
    Status append(const Gap& gap) override;
    Status flush() override;
    Status sync() override;
    [[nodiscard]] std::uint64_t written_seq() const override { return written_seq_; }
    [[nodiscard]] std::uint64_t durable_seq() const override { return durable_seq_; }
    [[nodiscard]] const StoreStats& stats() const override { return stats_; }

    [[nodiscard]] const std::string& directory() const { return config_.directory; }
    // Bytes in the open batch.
    [[nodiscard]] std::size_t pending_bytes() const { return batch_used_; }

  private:
    FileStore(const FileStoreConfig& config, SegmentWriter* writer, const Clock* clock);
    Status lock_directory();
    Status recover();
    Status recover_segment(std::uint64_t first_seq, bool* removed);
    Status new_segment(std::uint64_t first_seq);
    Status write_header(int fd, std::uint64_t first_seq);
    Result<std::byte*> reserve(std::uint64_t seq, std::size_t bytes);
    void accept(std::uint64_t last_seq, std::size_t bytes);

    FileStoreConfig config_;
    SegmentWriter* writer_;
    const Clock* clock_;
    PwriteWriter own_writer_;
    SystemClock own_clock_;
    JournalId id_;
    std::array<std::uint8_t, 16> boot_id_{};
    std::unique_ptr<EntryCodec> codec_;
    UniqueFd directory_;
    UniqueFd lock_;
    UniqueFd segment_;
    std::uint64_t segment_first_seq_ = 0;
    std::uint64_t segment_end_ = 0;   // bytes: where the next batch goes
    std::vector<UniqueFd> unsynced_;  // segments that are full and not yet durable
    std::unique_ptr<std::byte[]> batch_;
    std::size_t batch_used_ = 0;
    std::uint64_t batch_first_seq_ = 0;
    std::uint64_t next_seq_ = 1;
    std::uint64_t written_seq_ = 0;
    std::uint64_t durable_seq_ = 0;
    StoreStats stats_;
};

}  // namespace vexfs::journal
