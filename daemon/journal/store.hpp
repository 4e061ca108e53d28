// SPDX-License-Identifier: Apache-2.0
// Store: where the stream of events is kept. The pipeline's end; what readers see is what is in it.
//
// Appending copies into memory and does no I/O. flush() starts writing what was appended, and does
// not wait. What comes of it is told by on_progress(), from the event loop. Everything on one
// thread.
//
// A store that cannot be written (disk full, a disk that fails) keeps what was appended, in order,
// and tries anew with each flush(). It takes what fits its memory; then the caller stops draining
// its ring. So a full disk is back-pressure, and what the ring then loses is counted where all
// losses are.
#pragma once

#include <cstdint>
#include <functional>

#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

struct StoreStats {
    std::uint64_t events = 0;  // appended since the store was opened
    std::uint64_t gaps = 0;
    std::uint64_t lost = 0;    // numbers that gaps cover
    std::uint64_t bytes = 0;   // written
    std::uint64_t writes = 0;
    std::uint64_t write_errors = 0;  // segments that could not be made, or written
    std::uint64_t syncs = 0;
    std::uint64_t sync_errors = 0;
    std::uint64_t segments = 0;  // in the directory
};

class Store {
  public:
    using Done = std::function<void(const Status&)>;

    virtual ~Store() = default;

    [[nodiscard]] virtual const JournalId& id() const = 0;

    // The number that the next event (or the next gap's `from`) must have.
    [[nodiscard]] virtual std::uint64_t next_seq() const = 0;

    // Takes the next event or gap. The view is not needed afterwards.
    //   ENOBUFS  there is no room in memory: flush(), and come again after progress
    //   EINVAL   not the next number: a jump must be appended as a gap
    virtual Status append(const EventView& event) = 0;
    virtual Status append(const Gap& gap) = 0;

    // Starts writing what was appended, as far as that can be done now; the rest follows by itself.
    //   ENOSPC, EDQUOT, EIO ...  it cannot be written; nothing is lost, the next call tries again
    virtual Status flush() = 0;

    // Makes durable what was appended until now, then calls `done`; or with the error that keeps it
    // from being durable now. Perhaps from inside this call.
    virtual void sync(Done done) = 0;

    // What was written should be made durable soon: somebody waits with memory that it occupies.
    virtual void hurry() = 0;

    // Called when written_seq() or durable_seq() has moved, or the store works again.
    virtual void on_progress(std::function<void()> fn) = 0;

    // Everything up to this number can be read by readers; 0: nothing.
    [[nodiscard]] virtual std::uint64_t written_seq() const = 0;
    // Everything up to this number survives a power cut.
    [[nodiscard]] virtual std::uint64_t durable_seq() const = 0;
    // How many events and gaps were appended since the store was opened, and how many of them, from
    // the first, are as safe as this store makes them: where they came from need not keep them.
    // Counted, because a gap need not have a number.
    [[nodiscard]] virtual std::uint64_t appended() const = 0;
    [[nodiscard]] virtual std::uint64_t safe() const = 0;

    [[nodiscard]] virtual const StoreStats& stats() const = 0;
};

}  // namespace vexfs::journal
