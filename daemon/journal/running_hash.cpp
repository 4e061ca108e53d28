// SPDX-License-Identifier: Apache-2.0
#include "journal/running_hash.hpp"

#include <algorithm>
#include <vector>

#include "journal/segment_file.hpp"

namespace vexfs::journal {

Status RunningHash::add(const SegmentFile& file, std::uint64_t from, std::uint64_t to) {
    std::vector<std::byte> chunk(std::size_t{1} << 20U);
    while (from < to) {
        const std::size_t want = std::min<std::uint64_t>(chunk.size(), to - from);
        const Result<std::size_t> n = file.read(std::span(chunk).first(want), from);
        if (!n) {
            return n.status();
        }
        if (*n < want) {
            return Status::error(EIO, "read journal: the file is shorter");
        }
        add(std::span(chunk).first(want));
        from += want;
    }
    return {};
}

}  // namespace vexfs::journal
