// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace vexfs::journal {

// How much of a journal is kept; 0: no limit.
struct RetentionLimits {
    std::uint64_t bytes = std::uint64_t{4} << 30U;       // of all segments, on the disk
    std::uint64_t age_s = 0;                             // seconds, of a segment's newest event
    std::uint64_t max_bytes = std::uint64_t{16} << 30U;  // with what is kept for consumers
};

}  // namespace vexfs::journal
