// SPDX-License-Identifier: Apache-2.0
// What was really done: successful operations of each process, counted by those who did them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
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

// What is to be done: `processes` processes do `operations` operations in all below `directory`, at
// the same time: each in a directory of its own, where everything must work, and in one that they
// share, where they get in each other's way. What a process does in its own directory depends on
// nothing but the seed.
struct Workload {
    std::string directory;
    unsigned processes = 1;
    std::uint64_t operations = 0;
    std::uint64_t seed = 1;
    // Each system call is made by a thread that makes no other: its tid names the call.
    bool thread_a_call = false;
    // Called by the process that has made a directory, before it uses it; may be empty.
    std::function<void(const std::string& path)> made_directory = {};
    // Called in the starting process while the others go on, after every few hundred operations;
    // and, with true, when every process has done its share of `batch` operations (of an eighth of
    // it the first time) and waits; may be empty.
    std::function<void(bool waiting)> progress = {};
    std::uint64_t batch = 0;
};

std::vector<ProcessTruth> work(const Workload& load);

bool save(const std::vector<ProcessTruth>& truth, const std::string& file);
std::vector<ProcessTruth> load(const std::string& file);

}  // namespace vexfs::vm
