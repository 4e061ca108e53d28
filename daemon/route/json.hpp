// SPDX-License-Identifier: Apache-2.0
// Events as JSON Lines, one object a line. The fields are those of docs/event.schema.json.
//
// Written by hand because it is in the way of every event that leaves: it appends to a buffer that
// the caller reuses, and allocates nothing once that has grown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"

namespace vexfs::route {

class JsonLines {
  public:
    explicit JsonLines(const JournalId& journal);

    // Append one line, with its newline.
    void append(const EventView& event, std::string& out) const;
    static void append(const Gap& gap, std::string& out);

  private:
    std::string cursor_prefix_;  // "vx1:<uuid>:"
};

// Appends `bytes` as a JSON string with its quotes. What is not UTF-8 becomes U+FFFD, one for each
// byte that cannot be read. False: that happened.
bool append_json_string(std::string_view bytes, std::string& out);

// Standard base64 (RFC 4648, section 4), with padding.
void append_base64(std::string_view bytes, std::string& out);

// "2026-11-23T21:34:05.123456789Z"
void append_time(std::uint64_t real_ns, std::string& out);

// The name of one VX_F_* bit ("directory", "exec" ...), by bit number; empty for none.
std::string_view flag_name(unsigned bit);

}  // namespace vexfs::route
