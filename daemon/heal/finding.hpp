// SPDX-License-Identifier: Apache-2.0
// Finding: one change that no event has told of, as an event will tell it: flagged `resync`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "abi/event.h"
#include "catalogue/catalogue.hpp"

namespace vexfs::heal {

using Place = Catalogue::Place;

// The fields mean what they mean in struct vx_event.
struct Finding {
    unsigned op = VX_OP_NONE;
    std::uint32_t flags = VX_F_RESYNC;
    ObjectKey object;
    ObjectKey parent;
    std::string name;
    ObjectKey old_parent;  // FileRename
    std::string name2;     // FileRename: the old name; SymlinkCreate: the link's target
    ObjectFacts facts;
    std::uint32_t nlink = 0;
    std::uint32_t cookie = 0;
    // Absolute, where the findings before this one have led; empty: nobody knows.
    std::string path;
    std::string old_path;  // FileRename
};

// The name that it is about; of a rename, the old one.
Place source_of(const Finding& finding);

// The event record of it, aligned to 8: as the kernel would have made it, without a ticket, a
// process or a range. `mono_ns`: when it was found.
std::vector<std::uint64_t> record_of(const Finding& finding, std::uint64_t mono_ns);

}  // namespace vexfs::heal
