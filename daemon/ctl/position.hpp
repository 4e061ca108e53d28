// SPDX-License-Identifier: Apache-2.0
// Where a command begins to read: a word that people type, found in a journal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ctl/command.hpp"
#include "vexfs/reader.hpp"

namespace vexfs::ctl {

// "start", "now", a cursor, or a time (time_word.hpp).
class Position {
  public:
    // EINVAL: none of them; the message begins with `flag`.
    static Result<Position> parse(const std::string& word, const std::string& flag);

    // Goes there; errors of Reader::seek().
    Status place(Reader& reader) const;

  private:
    bool now_ = false;
    std::optional<Cursor> cursor_;
    std::optional<std::uint64_t> real_ns_;
};

// fail(), with what a program needs to go on from: "code", and "earliest" of a cursor that has
// expired, or "journal" of one of another journal.
int fail_position(const Context& context, const Status& status, const Reader& reader);

}  // namespace vexfs::ctl
