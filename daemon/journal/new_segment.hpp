// SPDX-License-Identifier: Apache-2.0
// Putting a segment in the place of another, or of none, at once and for good.
#pragma once

#include <cstdint>
#include <functional>

#include "journal/disk.hpp"
#include "journal/rewrite.hpp"
#include "journal/segment_reader.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

// The name that a segment has while it is made.
inline constexpr const char* kNewSegment = "new.tmp";

// Writes the bytes that `fill` gives to its output into a new file, makes it durable, calls
// `before_named` (which may be empty), and names it as the plain segment `first_seq`. On an error
// all is as it was, but for what `before_named` has done.
Status write_segment(Disk& disk, std::uint64_t first_seq,
                     const std::function<Status(const Rewrite::Output&)>& fill,
                     const std::function<Status()>& before_named = {});

// The segment that `reader` reads, with a gap for what is damaged.
Status write_anew(Disk& disk, SegmentReader& reader, const SegmentHeader& header,
                  const RewriteConfig& config, const std::function<Status()>& before_named = {});

}  // namespace vexfs::journal
