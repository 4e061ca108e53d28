// SPDX-License-Identifier: Apache-2.0
// Store: where the stream of events is kept. The pipeline's end; what readers see is what is in it.
//
// The order of calls: append ... append, flush, append ... append, flush. One thread.
// Appending copies into the open batch and does no I/O. flush() writes the batch. A flush that
// fails (disk full) leaves the journal as it was and keeps the batch: the caller stops draining its
// ring, and flushes again later. So a full disk is back-pressure, and what the ring then loses is
// counted where all losses are.
#pragma once

#include <cstdint>

#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

struct StoreStats {
    std::uint64_t events = 0;  // appended since the store was opened
    std::uint64_t gaps = 0;
    std::uint64_t lost = 0;   // numbers that gaps cover
    std::uint64_t bytes = 0;  // written
    std::uint64_t writes = 0;
    std::uint64_t write_errors = 0;
    std::uint64_t syncs = 0;
    std::uint64_t sync_errors = 0;
    std::uint64_t segments = 0;  // in the directory
};

class Store {
  public:
    virtual ~Store() = default;

    [[nodiscard]] virtual const JournalId& id() const = 0;

    // The number that the next event (or the next gap's `from`) must have.
    [[nodiscard]] virtual std::uint64_t next_seq() const = 0;

    // Adds to the open batch. The view is not needed afterwards.
    //   ENOBUFS  the batch is full: flush() first
    //   EINVAL   not the next number: a jump must be appended as a gap
    virtual Status append(const EventView& event) = 0;
    virtual Status append(const Gap& gap) = 0;

    // Hands the open batch over to be written; nothing to do when it is empty.
    //   ENOSPC, EDQUOT, EIO ...  nothing was written, the batch is kept
    virtual Status flush() = 0;

    // Makes durable what was flushed; durable_seq() says how far. After a failure (EIO, ENOSPC ...)
    // that number stands still until a later call has written again what may be gone.
    virtual Status sync() = 0;

    // Everything up to this number can be read by readers; 0: nothing.
    [[nodiscard]] virtual std::uint64_t written_seq() const = 0;
    // Everything up to this number survives a power cut.
    [[nodiscard]] virtual std::uint64_t durable_seq() const = 0;

    [[nodiscard]] virtual const StoreStats& stats() const = 0;
};

}  // namespace vexfs::journal
