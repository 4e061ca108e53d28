// SPDX-License-Identifier: Apache-2.0
// Kernel stats: what doctor reads of the module's counters in debugfs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vexfs {

struct LostCount {
    std::string operation;
    std::uint64_t count = 0;
};

// The operations that lost events, from the text of debugfs' vexfs/stats: one line an operation, in
// tables whose head has a column for each cause of loss ("lost...").
std::vector<LostCount> lost_events(const std::string& text);

}  // namespace vexfs
