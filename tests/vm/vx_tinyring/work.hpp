// SPDX-License-Identifier: Apache-2.0
// What is done on a file system, and how many attempts of each operation that must be.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "op_table.h"

namespace vexfs::vm {

using PerOp = std::array<std::uint64_t, VX_OP_SLOTS>;

// All 18 operations, `rounds` times, below `directory`, under names that carry `worker`. Returns
// whether every call worked. For root: mounts too.
bool work(const std::string& directory, unsigned worker, unsigned rounds);
// The same with `reads` reads of a byte in each round; goes on after each when `wait` returns true.
bool work_in_flood(const std::string& directory, unsigned worker, unsigned rounds, unsigned reads,
                   const std::function<bool()>& wait);

// The attempts that work_in_flood() makes; with 0 reads: work().
PerOp attempts(std::uint64_t rounds, std::uint64_t reads = 0);

}  // namespace vexfs::vm
