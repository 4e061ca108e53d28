// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vexfs::journal {

// What becomes of a segment that is full.
enum class Compression : std::uint8_t {
    none,  // it stays as it is
    zstd,  // it is compressed, in the background
};

inline constexpr std::array<std::string_view, 2> kCompressions = {"none", "zstd"};

}  // namespace vexfs::journal
