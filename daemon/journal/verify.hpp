// SPDX-License-Identifier: Apache-2.0
// Reading a whole journal to see whether it is what was written. Changes nothing; the daemon may be
// running and writing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "journal/format.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

struct Problem {
    std::string segment;       // file name
    std::uint64_t offset = 0;  // bytes; of an entry: in the segment's plain form
    std::string what;
};

struct VerifyReport {
    JournalId id;
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;
    std::uint64_t events = 0;
    std::uint64_t gaps = 0;
    std::uint64_t lost = 0;  // numbers that gaps cover
    std::uint64_t first_seq = 0;
    std::uint64_t last_seq = 0;
    std::uint64_t problems = 0;
    std::uint64_t tail_bytes = 0;  // behind the last entry: being written, or torn
};

// Checks headers, checksums, seals, compressed blocks, that the numbers are dense, and that each
// context hash is that of its record. `on_problem` is told of each problem. An error: the directory
// cannot be read, or holds no journal.
Result<VerifyReport> verify(const std::string& directory,
                            const std::function<void(const Problem&)>& on_problem);

// Calls `on_entry` with each whole entry, its segment's file name and its offset, in order, until
// it returns false.
using OnEntry = std::function<bool(const EntryHeader&, const std::string&, std::uint64_t)>;
Status for_each_entry(const std::string& directory, const OnEntry& on_entry);

}  // namespace vexfs::journal
