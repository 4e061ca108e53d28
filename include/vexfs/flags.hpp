// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// The names of an event's flags, as they are in the JSON form.
#pragma once

#include <array>
#include <string_view>

#include "vexfs/event.hpp"

namespace vexfs {

// The name of one bit of EventView::flags() ("directory", "exec" ...), by its number; empty for
// none.
constexpr std::string_view flag_name(unsigned bit) {
    constexpr auto kNames = std::to_array<std::string_view>(
        {"directory", "exec",      "wrote",    "replaced", "exchange",  "tmpfile",
         "unlinked",  "last_link", "forced",   "mode",     "owner",     "group",
         "datasync",  "sync_fs",   "sync_all", "lazy",     "bind",      "remount",
         "move",      "special",   "resync",   "no_name",  "open_trunc"});
    static_assert((1U << kNames.size()) - 1 == VX_F_ALL, "a flag of the ABI has no name here");
    static_assert(kFlagDuplicate == 1U << 31U);
    return bit < kNames.size() ? kNames[bit] : bit == 31 ? "duplicate" : std::string_view();
}

}  // namespace vexfs
