// SPDX-License-Identifier: Apache-2.0
// Times as people type them.
#pragma once

#include <cstdint>
#include <string>

#include "vexfs/status.hpp"

namespace vexfs {

// Nanoseconds since 1970-01-01 UTC. Takes
//   90s, 15m, 2h, 3d                       that long before `now_ns`
//   17:05, 17:05:30.5                      today
//   2026-11-28, 2026-11-28T17:05[:30[.5]]  also with a space for the T
// in the local time zone, unless Z or an offset (+01:00) is behind it, as in RFC 3339, section 5.6.
// EINVAL: none of them, or a day that there is not.
Result<std::uint64_t> parse_time(const std::string& word, std::uint64_t now_ns);

}  // namespace vexfs
