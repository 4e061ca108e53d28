// SPDX-License-Identifier: Apache-2.0
// What is behind a Reader: the journal's segments, and the events that are held back to settle.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "client/settler.hpp"
#include "journal/segment_reader.hpp"
#include "vexfs/reader.hpp"

namespace vexfs {

class Reader::Impl {
  public:
    Impl(std::string path, UniqueFd directory)
        : path_(std::move(path)), directory_(std::move(directory)) {}

    Status seek_start();
    Status seek(const Cursor& cursor, Expired expired);
    Status seek_end();
    Status seek_time(std::uint64_t real_ns);
    Result<Cursor> earliest() const;
    Result<Item> next() { return settler_ ? next_settled() : next_written(); }
    Result<Wake> wait(int stop_fd, int timeout_ms);
    Result<int> wait_fd();

    // reader_settle.cpp
    Status settle(std::uint32_t window_ms);
    void let_go();
    [[nodiscard]] int due_ms() const;  // -1: nothing is held back
    [[nodiscard]] Cursor cursor() const { return {id, settler_ ? exact_ : expected_ - 1}; }

    JournalId id;
    EventView event;
    Gap gap;

  private:
    using Segments = std::vector<std::uint64_t>;
    Result<Segments> segments() const;
    template <typename Choose>
    Status go_to_segment(Choose choose);
    Status open_segment(const Segments& all, std::uint64_t first_seq);
    Status pass(std::uint64_t seq);
    std::optional<std::uint64_t> first_time(std::uint64_t first_seq) const;
    Result<std::uint64_t> following_segment() const;
    const journal::EntryHeader* peek();
    Result<bool> step();
    Result<const journal::EntryHeader*> next_entry();
    Item take(const journal::EntryHeader& entry);
    Item lost_before(std::uint64_t seq);
    Result<Item> next_written();

    Result<Item> next_settled();
    Item tell_held();
    Item tell_pending();
    // The reader was placed anew.
    void placed(bool by_cursor);
    [[nodiscard]] std::uint64_t stream_ns() const;

    std::string path_;
    UniqueFd directory_;
    UniqueFd inotify_;
    std::optional<journal::SegmentReader> segment_;
    std::uint64_t end_ = 0;       // the first number of the segment behind it, if there was one
    bool oldest_ = false;         // nothing in front of the segment is kept
    std::uint64_t expected_ = 1;  // the next number
    std::uint64_t damaged_ = 0;   // in front of this position bytes were passed over; 0: nowhere

    std::optional<settle::Settler> settler_;
    Settled settled_;
    SystemClock clock_;
    Item pending_ = Item::end;  // what was read, and is told behind what was held back
    EventView pending_event_;
    std::uint64_t exact_ = 0;  // all up to here was told, and nothing behind it
    // Before the last that was read, so that it is known while that one is pending.
    std::uint64_t reached_ = 0;
    // Since a place was found by a cursor, until all that was written then has been read: who has
    // the cursor can know more than it says.
    bool careful_ = false;
    // The stream's time when it was first found to have ended, and the clock's; 0: it has not.
    std::uint64_t ended_ns_ = 0;
    std::uint64_t ended_at_ns_ = 0;
};

}  // namespace vexfs
