// SPDX-License-Identifier: Apache-2.0
// Giving a sealed segment its compressed form (compressed_segment.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "journal/compressed_segment.hpp"
#include "journal/disk.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

struct CompressConfig {
    int level = 3;                          // zstd's
    std::size_t block_bytes = kBlockBytes;  // at most kBlockBytes
    // Whether to stop: between two blocks.
    std::function<bool()> stopped = {};
};

struct Compressed {
    std::uint64_t plain_bytes = 0;
    std::uint64_t packed_bytes = 0;
};

// Writes the compressed form into a new file, reads it back, makes it durable, names it and takes
// the plain one away: at any moment one of them is there and whole. Uses a few MiB.
// Nothing: it is not a segment that can be compressed, because it has no seal, is not what was
// sealed, or is not there any more.
//   ECANCELED         stopped; nothing has changed
//   ENOSPC, EIO ...   of the disk; the plain one is there
Result<std::optional<Compressed>> compress_segment(Disk& disk, std::uint64_t first_seq,
                                                   const CompressConfig& config = {});

}  // namespace vexfs::journal
