// SPDX-License-Identifier: Apache-2.0
// Where a command begins to read: a word that people type, found in a journal.
#pragma once

#include <optional>
#include <string>

#include "ctl/command.hpp"
#include "vexfs/reader.hpp"

namespace vexfs::ctl {

// "start", "now", or a cursor.
class Position {
  public:
    // EINVAL: none of them; the message begins with `flag`.
    static Result<Position> parse(const std::string& word, const std::string& flag);

    // Goes there; errors of Reader::seek().
    Status place(Reader& reader) const;

  private:
    bool now_ = false;
    std::optional<Cursor> cursor_;
};

// fail(), with what a program needs to go on from: "code", and "earliest" of a cursor that has
// expired, or "journal" of one of another journal.
int fail_position(const Context& context, const Status& status, const Reader& reader);

}  // namespace vexfs::ctl
