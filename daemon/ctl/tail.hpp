// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ctl/command.hpp"

namespace vexfs::ctl {

struct TailArgs {
    std::string journal;          // directory; empty: ask the daemon, else the default
    std::string since = "start";  // "start", "now" or a cursor
    std::string consumer;         // empty: none; otherwise begin at its position
    bool commit = false;          // move the consumer behind what was written
    bool follow = false;
    std::string format;                  // as parse_format() reads it; empty: text, or --json
    std::string snapshot;                // a directory whose records come first; empty: none
    std::string filter;                  // empty: everything
    std::optional<std::uint64_t> count;  // end after so many events
    std::uint32_t settle_ms = 0;         // 0: events are told one by one
};

// vexctl tail: events from the journal's files, in their order. Without `follow` it ends at
// what is there.
int run_tail(const Context& context, const TailArgs& args);

}  // namespace vexfs::ctl
