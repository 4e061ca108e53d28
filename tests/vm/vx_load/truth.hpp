// SPDX-License-Identifier: Apache-2.0
// What was really done: successful operations of each process, counted by those who did them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "op_table.h"

namespace vexfs::vm {

using PerOp = std::array<std::uint64_t, VX_OP_SLOTS>;

struct ProcessTruth {
    std::uint32_t pid = 0;
    std::uint32_t failed = 0;  // operations that must have worked and did not
    PerOp done{};
};

// `processes` processes do `operations` operations in all below `directory`, at the same time: each
// in a directory of its own, where everything must work, and in one that they share, where they
// get in each other's way.
std::vector<ProcessTruth> work(const std::string& directory, unsigned processes,
                               std::uint64_t operations, std::uint64_t seed);

bool save(const std::vector<ProcessTruth>& truth, const std::string& file);
std::vector<ProcessTruth> load(const std::string& file);

}  // namespace vexfs::vm
