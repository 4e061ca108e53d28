// SPDX-License-Identifier: Apache-2.0
// Events as JSON Lines, one object a line. The fields are those of docs/event.schema.json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "route/json_text.hpp"
#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"

namespace vexfs::route {

class JsonLines {
  public:
    explicit JsonLines(const JournalId& journal);

    // Append one line, with its newline.
    template <typename EventOrGap>
    void append(const EventOrGap& what, std::string& out) const {
        append_object(what, out);
        out += '\n';
    }
    // Append the object alone.
    void append_object(const EventView& event, std::string& out) const;
    void append_object(const Gap& gap, std::string& out) const;
    // Append the text of the cursor behind the event of this number.
    void append_cursor(std::uint64_t seq, std::string& out) const;

  private:
    std::string cursor_prefix_;  // "vx1:<uuid>:"
};

}  // namespace vexfs::route
