// SPDX-License-Identifier: Apache-2.0
// How far a ring has been read, as its journal's last entries say: the room of what they hold may
// not have been given back when the daemon that wrote them died.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vexfs/status.hpp"

namespace vexfs::journal {

struct RingPosition {
    // [producer * VX_CLASSES + class]: attempts with a smaller count were read; 0: nothing is
    // known. May be shorter than the ring has sub-rings.
    std::vector<std::uint64_t> next_count;
    std::uint64_t next_ticket = 0;  // tickets below it were read or found lost; 0: nothing is known
    std::uint64_t missed = 0;       // calls that probes had missed, as far as the journal tells it
    std::uint64_t next_seq = 0;     // behind the last number that came from the ring; 0: none did
};

// What the entries with numbers from `from` on say. Errors: those of reading the journal.
Result<RingPosition> ring_position(const std::string& directory, std::uint64_t from);

}  // namespace vexfs::journal
