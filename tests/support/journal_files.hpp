// SPDX-License-Identifier: Apache-2.0
// The files of a journal as bytes, and what is where in a compressed segment.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "journal/compressed_segment.hpp"

namespace vexfs::test {

// By name.
using Files = std::map<std::string, std::string>;

inline Files files_in(const std::string& directory) {
    Files files;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        std::ifstream in(entry.path(), std::ios::binary);
        files[entry.path().filename().string()] =
            std::string(std::istreambuf_iterator<char>(in), {});
    }
    return files;
}

// Where the parts of a compressed segment are in its file, and what a block holds.
struct BlockPlace {
    std::uint64_t head;
    std::uint64_t frame;
    std::uint64_t end;
    journal::BlockHead says;
};

inline std::vector<BlockPlace> blocks_of(const std::string& file) {
    std::vector<BlockPlace> blocks;
    for (std::uint64_t at = journal::kFirstBlockAt;;) {
        journal::SkippableFrame frame{};
        journal::BlockHead head{};
        std::memcpy(&frame, file.data() + at, sizeof(frame));
        if (frame.magic != journal::kBlockFrame) {
            return blocks;
        }
        std::memcpy(&head, file.data() + at + sizeof(frame), sizeof(head));
        const std::uint64_t begin = at + journal::kBlockHeadBytes;
        blocks.push_back({at, begin, begin + head.packed_len, head});
        at = begin + head.packed_len;
    }
}

}  // namespace vexfs::test
