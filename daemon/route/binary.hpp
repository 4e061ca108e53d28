// SPDX-License-Identifier: Apache-2.0
// Events as a binary stream for pipes: docs/stream_format.md. vexfs/stream.hpp reads it.
#pragma once

#include <cstdint>
#include <string>

#include "journal/format.hpp"
#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"

namespace vexfs::route {

class BinaryStream {
  public:
    // A stream that begins at `begin`; `filtered`: not every event from there on will be in it.
    BinaryStream(const Cursor& begin, bool filtered)
        : begin_(begin), filtered_(filtered), codec_(begin.journal) {}

    // Append to `out`, which holds nothing but what was appended here, from some point on: the
    // head, then entries in the order of their numbers, then the mark of a good end with the last
    // number that has been looked at.
    void begin(std::string& out) const;
    void append(const EventView& event, std::string& out) { append_entry(event, out); }
    void append(const Gap& gap, std::string& out) { append_entry(gap, out); }
    void end(std::uint64_t last_seq, std::string& out) const;

  private:
    template <typename T>
    void append_entry(const T& what, std::string& out);

    Cursor begin_;
    bool filtered_;
    journal::EntryCodec codec_;
    std::uint64_t entries_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace vexfs::route
