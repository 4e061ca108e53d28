// SPDX-License-Identifier: Apache-2.0
// Lists of operations and sizes as users write them, on command lines and in files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.hpp"

namespace vexfs {

// A comma-separated list of kernel operations ("FileCreate", case does not matter) and of the sets
// "all", "default" (all but FileOpen, FileRead, DirRead) and "none", read from left to right; "-"
// in front takes away: "all,-FileRead". Returns VX_OP_BIT()s. An empty set is an error: nothing
// would be observed.
Result<std::uint64_t> parse_kernel_ops(std::string_view list);

// The same for the 27 userspace operations; the sets are "all" and "none", and the empty set is
// valid.
Result<std::uint32_t> parse_user_ops(std::string_view list);

// The same for the details of a watch, "failed", "range" and "duration": VX_DETAIL_*.
Result<std::uint32_t> parse_detail(std::string_view list);

// The inverse: "all", "default", "none", or the names in the order of their ids.
std::string format_kernel_ops(std::uint64_t ops);
std::string format_user_ops(std::uint32_t ops);
std::string format_detail(std::uint32_t detail);

// "65536", "64K", "4M", "1G" (binary units; a trailing "iB" or "B" is allowed): bytes.
Result<std::uint64_t> parse_bytes(std::string_view text);

// "90", "90s", "15m", "36h", "7d": seconds, at most a hundred years.
inline constexpr std::uint64_t kDurationMaxS = std::uint64_t{36'500} * 86'400;
Result<std::uint64_t> parse_duration(std::string_view text);

// The known name that is closest to `name`, for "did you mean"; empty if none is close.
template <typename Names>
std::string closest_name(std::string_view name, const Names& names);

// Number of single-character edits between the two, case ignored.
std::size_t edit_distance(std::string_view a, std::string_view b);

template <typename Names>
std::string closest_name(std::string_view name, const Names& names) {
    std::string best;
    std::size_t best_distance = name.size() / 3 + 1;  // as far away or further is no help
    for (const auto& candidate : names) {
        const std::size_t distance = edit_distance(name, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

}  // namespace vexfs
