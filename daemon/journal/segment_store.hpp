// SPDX-License-Identifier: Apache-2.0
// SegmentStore: the durable journal (format.hpp), written without waiting.
//
// What is appended lies in a buffer in memory. One write is under way; what is appended meanwhile
// goes with the next one, so a write is as long as the disk is slow (group commit). What
// "safe" means is the durability that was asked for: the buffer keeps everything that is not safe.
//
//   appended   end_      in memory
//   started_             handed to the disk
//   written_             in the page cache: survives the daemon
//   durable_             survives the machine
//
// A sync that fails says that what was written since the last one may be gone, and the kernel says
// it only once. So that segment is given up: the next one begins with the first event that is not
// durable, out of the buffer; with Durability::none, where the buffer has it no more, what the file
// has is first written over itself. The same is done when a write fails. While that fails too,
// flush() says why, and tries again whenever it is called.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "journal/directory.hpp"
#include "journal/disk.hpp"
#include "journal/durability.hpp"
#include "journal/format.hpp"
#include "journal/log_buffer.hpp"
#include "journal/recovery.hpp"
#include "journal/running_hash.hpp"
#include "journal/store.hpp"

namespace vexfs::journal {

struct StoreConfig {
    Durability durability = Durability::interval;  // interval: tick() says when
    std::uint64_t segment_bytes = std::uint64_t{64} << 20U;  // room that is made for each
    std::size_t buffer_bytes = std::size_t{8} << 20U;        // a power of two, at least 512 KiB
    BootId boot_id = read_boot_id();
};

class SegmentStore final : public Store {
  public:
    // Opens the journal in the disk's directory, which the caller has locked, or begins a new one.
    // What is behind the last whole entry is cut off, with a warning in the log; see recover() for
    // the rest.
    //   EBADMSG, ENOTSUP   its last segment cannot be read: the message says why
    // `disk` and `clock` outlive the store; a clock of nullptr is the system's. The store outlives
    // what it has started on the disk.
    static Result<std::unique_ptr<SegmentStore>> open(const StoreConfig& config, Disk& disk,
                                                      const Clock* clock = nullptr);

    [[nodiscard]] const JournalId& id() const override { return id_; }
    [[nodiscard]] std::uint64_t next_seq() const override { return end_.seq + 1; }
    Status append(const EventView& event) override;
    Status append(const Gap& gap) override;
    Status flush() override;
    void sync(Done done) override;
    void hurry() override;
    void on_progress(std::function<void()> fn) override { on_progress_ = std::move(fn); }
    [[nodiscard]] std::uint64_t written_seq() const override { return written_seq_; }
    [[nodiscard]] std::uint64_t durable_seq() const override { return durable_.seq; }
    [[nodiscard]] std::uint64_t appended() const override { return end_.entries; }
    [[nodiscard]] std::uint64_t safe() const override { return safe_point().entries; }
    [[nodiscard]] const StoreStats& stats() const override { return stats_; }

    // An interval is over. To be called with any durability: what found no room in the event loop
    // is started then.
    void tick();

    // After a sync() that was answered: notes that no more numbers have been given out, and gives
    // back the room that is left in the segment. Nothing may be appended afterwards.
    Status close();

    // Ok, or why what is behind durable_seq() may not survive a power cut.
    [[nodiscard]] const Status& health() const { return health_; }
    // What was there when it was opened had been written before the machine was started.
    [[nodiscard]] bool rebooted() const { return rebooted_; }
    // Bytes that are kept in memory because they are not safe yet.
    [[nodiscard]] std::uint64_t buffered_bytes() const { return end_.pos - buffer_.begin(); }

  private:
    // A place in the stream: behind so many bytes of this run, this number, so many entries.
    struct Point {
        std::uint64_t pos = 0;
        std::uint64_t seq = 0;
        std::uint64_t entries = 0;
    };
    // A limit entry that is not durable yet.
    struct Limit {
        Point at;  // behind it
        std::uint64_t limit = 0;
    };
    struct Segment {
        UniqueFd fd;
        std::uint64_t first_seq = 0;
        std::uint64_t capacity = 0;      // bytes
        Point start;                     // the first that this run has written to it
        std::uint64_t start_offset = 0;  // bytes, of `start` in the file
        std::uint64_t entries = 0;       // before `start`
        RunningHash hash;                // up to written_
        bool ended = false;              // sealed, or given up: nothing more is written to it
    };

    SegmentStore(const StoreConfig& config, Disk& disk, const Clock* clock, LogBuffer buffer);
    Status begin();
    Status go_on(LastSegment last);
    Status continue_segment(LastSegment& last);
    Status close_old(const LastSegment& last);

    Result<std::byte*> reserve(std::uint64_t seq, std::uint64_t last_seq, std::size_t bytes);
    void accept(std::uint64_t last_seq, std::size_t bytes);
    void raise_limit(std::uint64_t last_seq);

    Status start();
    [[nodiscard]] Point next_piece() const;
    [[nodiscard]] bool fits(const Point& to) const;
    [[nodiscard]] bool settled() const;
    Status start_write(const Point& to);
    void start_sync();
    void on_written(int result);
    void on_synced(Point to, int result);
    void made_durable(const Point& to);
    void progress();

    bool has_failed(int result, std::uint64_t& errors, const char* what);
    void fail(const Status& status);
    void give_up_segment();
    Status go_on_elsewhere();
    Status start_change();
    void start_room();
    void on_room(int result);
    Status leave_segment();
    Status cannot_make(Status why);
    void start_change_sync(int what);
    void on_change_synced(int result);
    void enter(Segment next);
    Status next_segment();
    Result<Segment> create_segment();
    Status make_room(int fd, std::uint64_t& capacity);
    Status write_header(const Segment& segment);
    Status write_seal();
    Status end_segment();
    void answer(const Status& status, std::uint64_t up_to);

    [[nodiscard]] const Point& safe_point() const {
        return config_.durability == Durability::none ? written_ : durable_;
    }
    // What would be written again if the segment were given up. One without a number that is safe
    // would be replaced as a whole.
    [[nodiscard]] const Point& kept() const {
        return safe_point().seq < segment_.first_seq ? segment_.start : safe_point();
    }
    [[nodiscard]] std::uint64_t offset_of(std::uint64_t pos) const {
        return segment_.start_offset + (pos - segment_.start.pos);
    }

    StoreConfig config_;
    Disk& disk_;
    SystemClock own_clock_;
    const Clock* clock_;
    LogBuffer buffer_;
    JournalId id_;
    std::unique_ptr<EntryCodec> codec_;
    std::function<void()> on_progress_;

    bool rebooted_ = false;
    Segment segment_;
    std::optional<Segment> next_;   // is being made; until then nothing is written
    bool next_named_ = false;
    unsigned change_syncs_ = 0;     // under way, for next_
    Point end_;
    Point started_;
    Point written_;
    Point durable_;
    std::uint64_t written_seq_ = 0;  // that readers were told of; written_ can fall behind it
    std::uint64_t limit_ = 0;        // that was appended last
    std::uint64_t durable_limit_ = 0;
    std::deque<Limit> limits_;
    unsigned in_flight_ = 0;  // writes and syncs
    bool writing_ = false;    // up to started_
    bool syncing_ = false;
    bool want_sync_ = false;
    bool failing_ = false;    // something failed, and not everything under way has ended
    bool given_up_ = false;   // a segment was, and nothing has become durable since
    std::uint64_t suspect_until_ = 0;  // the last number that was in it; 0: all is durable again
    Status health_;
    struct Waiter {
        std::uint64_t pos;
        Done done;
    };
    std::deque<Waiter> waiters_;
    StoreStats stats_;
};

}  // namespace vexfs::journal
