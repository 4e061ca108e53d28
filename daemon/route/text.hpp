// SPDX-License-Identifier: Apache-2.0
// Events as lines for people: fixed columns of time, operation, program, then path and details.
//
//   21:34:05.123  FileCreate      touch[1234]        /w/notes.txt  0644
//   21:34:05.130  FileRename      mv[1240]           /w/a -> /w/b  replaced
//
// Nothing that a program can put into a name reaches the terminal as it is: control characters and
// what is not UTF-8 appear as \n, \t, \xNN.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vexfs/event.hpp"

namespace vexfs::route {

struct TextOptions {
    std::size_t width = 0;  // columns of the terminal: longer paths are cut in the middle; 0: never
    bool utc = false;       // times in UTC and not in the local time zone
};

// Append one line, with its newline.
void append_text(const EventView& event, const TextOptions& options, std::string& out);
void append_text(const Gap& gap, const TextOptions& options, std::string& out);

// Appends `bytes` made safe to print.
void append_printable(std::string_view bytes, std::string& out);

}  // namespace vexfs::route
