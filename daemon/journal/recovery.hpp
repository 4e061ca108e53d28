// SPDX-License-Identifier: Apache-2.0
// What a journal is found to hold when it is opened to be written: where its stream ends.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "journal/disk.hpp"
#include "journal/format.hpp"
#include "journal/new_segment.hpp"
#include "journal/running_hash.hpp"

namespace vexfs::journal {

// The last segment, read to its end.
struct LastSegment {
    SegmentHeader header{};
    std::uint64_t next_seq = 0;  // behind its last whole entry
    std::uint64_t limit = 0;     // numbers from here on have not been given out
    std::uint64_t durable = 0;   // numbers up to this one are on the disk, as it says itself
    std::uint64_t end = 0;       // bytes, behind its last whole entry
    std::uint64_t torn = 0;      // bytes behind it that are no entry
    bool damaged = false;        // has bytes in its middle that are no entry
    bool sealed = false;
    bool rebooted = false;  // it was written before the machine was started the last time
    bool compressed = false;
    std::uint64_t entries = 0;
    std::uint64_t segments = 0;  // in the directory
    RunningHash hash;  // of its bytes up to `end`
};

// Makes a journal ready to be gone on with:
// - takes away what a daemon that was killed left half-made, the compressed form of a segment of
//   which the plain one is there, and entries that a later segment has too;
// - makes a last segment that is compressed a plain one;
// - puts a gap where the last segment has bytes in its middle that are no entry;
// - writes the last segment over itself, from where it is not known to be on the disk: a daemon
//   that was killed may have known that it is not, and a sync that succeeds says nothing of that;
// - when the machine has stopped since, and not in good order, or a segment was given up, adds a
//   gap for the numbers that may have been given out and are gone;
// - makes a last segment of another boot that has no number (at most gaps of none) one of this
//   boot, because a new one would have its name.
// Nothing: the directory holds no journal.
//   EBADMSG, ENOTSUP   the last segment cannot be read: the message says why
Result<std::optional<LastSegment>> recover(Disk& disk, const BootId& boot_id, const Clock& clock);

// A file that says: a segment was given up, and readers may have seen more of it than is safe now.
inline constexpr const char* kSuspect = "suspect";

// The name that a segment's compressed form has while it is made.
inline constexpr const char* kNewCompressed = "compress.tmp";

}  // namespace vexfs::journal
