// SPDX-License-Identifier: Apache-2.0
// Caches: how far the kernel's caches of a mount have been told what was asked to be dropped.
#pragma once

#include <cstdint>

#include "fuse/observation.hpp"

namespace vexfs::fuse {

class Caches {
  public:
    virtual ~Caches() = default;
    // The number of the last request to drop something.
    [[nodiscard]] virtual std::uint64_t asked() const = 0;
    // All requests up to this number have reached the kernel.
    [[nodiscard]] virtual std::uint64_t reached() const = 0;
    // The kernel's number of an object that it remembers; 0: it does not. Good until it forgets.
    [[nodiscard]] virtual std::uint64_t node_id(const ObjectId& object) const = 0;
};

}  // namespace vexfs::fuse
