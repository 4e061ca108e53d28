// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Consumer: a position in a journal that has a name and is kept with the journal, for programs that
// have no better place for it. (Who writes what came of the events into a database keeps the cursor
// there, in the same transaction.) The journal keeps what its consumers have not yet dealt with, up
// to vexfsd's --retain-max.
//
//   auto consumer = vexfs::Consumer::open("/var/lib/vexfs", "indexer");
//   vexfs::Cursor at = *consumer->position();
//   reader->seek(at, vexfs::Reader::Expired::gap);
//   ... deal with events, make what came of them durable ...
//   auto done = consumer->commit(at, reader->cursor());
//   if (!done) ...;                           // EAGAIN: somebody else has moved it
//
// The daemon need not run. Needs the right to write to the journal's directory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "vexfs/cursor.hpp"
#include "vexfs/status.hpp"

namespace vexfs {

inline constexpr std::size_t kConsumersMax = 256;     // of one journal
inline constexpr std::size_t kConsumerNameMax = 64;   // characters

struct ConsumerInfo {
    std::string name;
    Cursor position;
    std::uint64_t committed_ns = 0;  // when, in nanoseconds since 1970
};

class Consumer {
  public:
    // A name has letters, digits, '-', '_' and '.', and does not begin with '.' (EINVAL).
    // ENOENT: no journal in `directory`, or no such consumer; EBADMSG: what is kept is no cursor.
    static Result<Consumer> open(const std::string& directory, const std::string& name);
    // EEXIST; ENOSPC: there are kConsumersMax, or the disk is full; kEpochChanged, kCursorExpired:
    // `position` is not one of this journal that can be gone on from.
    static Result<Consumer> create(const std::string& directory, const std::string& name,
                                   const Cursor& position);
    // Its position is forgotten, and nothing is kept for it any more. ENOENT.
    static Status remove(const std::string& directory, const std::string& name);
    // All of them, by name. None of a journal that has none.
    static Result<std::vector<ConsumerInfo>> list(const std::string& directory);

    [[nodiscard]] const std::string& name() const { return name_; }
    // ENOENT: it was removed.
    [[nodiscard]] Result<Cursor> position() const;

    // Moves the position from `expect` to `to`, forward or back, and returns when that is durable.
    // EAGAIN: it is not `expect`, somebody else has moved it: nothing was changed. kEpochChanged,
    // kCursorExpired: `to` is not a position of this journal that can be gone on from. That it is
    // not ahead of what is written is the caller's to know. Whoever dies in here leaves the old
    // position or the new one.
    Status commit(const Cursor& expect, const Cursor& to);

  private:
    Consumer(std::string directory, std::string name)
        : directory_(std::move(directory)), name_(std::move(name)) {}

    std::string directory_;
    std::string name_;
};

}  // namespace vexfs
