// SPDX-License-Identifier: Apache-2.0
// The loop over random trees, each with a seed of its own.
#pragma once

#include <cstdint>

#include "support/catch.hpp"
#include "support/number_from.hpp"
#include "support/records.hpp"

namespace vexfs::test {

// `body` with the seed of each of `count` trees, or of VEXFS_TREES (full: 20,000).
template <typename Body>
void for_each_tree(std::uint64_t count, Body body) {
    const std::uint64_t first = seed();
    count = number_from("VEXFS_TREES", count, 20'000);
    for (std::uint64_t n = 0; n < count; ++n) {
        INFO("VEXFS_SEED=" << first + n << " VEXFS_TREES=1");
        body(first + n);
    }
}

}  // namespace vexfs::test
