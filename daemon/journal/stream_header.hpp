// SPDX-License-Identifier: Apache-2.0
// The head of a binary stream: entries of a journal, as format.hpp has them, on their way through a
// pipe. docs/stream_format.md has a worked example.
//
// Behind the header follow entries of kind event and gap, and at the end, if the stream has come to
// it in good order, one seal whose `seq` is the next number. A filter may have left events out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "journal/crc32c.hpp"
#include "journal/format.hpp"

namespace vexfs::journal {

inline constexpr std::array<char, 8> kStreamMagic = {'V', 'X', 'S', 'T', 'R', 'M', '0', '1'};
inline constexpr std::uint32_t kStreamVersion = 1;

inline constexpr std::uint32_t kStreamFiltered = 1U << 0;  // a jump in the numbers is no loss

// 64 bytes.
struct StreamHeader {
    std::array<char, 8> magic;
    std::uint32_t version;
    std::uint32_t byte_order;
    std::uint32_t header_len;  // bytes: where the first entry begins
    std::uint32_t checksum;    // CRC32C over the header with this field as 0
    std::array<std::uint8_t, 16> journal;
    std::uint64_t begin;                    // the stream begins behind this number
    std::uint32_t flags;                    // kStream*
    std::uint32_t reserved32;               // 0
    std::array<std::uint64_t, 1> reserved;  // 0
};
static_assert(sizeof(StreamHeader) == 64);
static_assert(offsetof(StreamHeader, journal) == 24);
static_assert(offsetof(StreamHeader, begin) == 40);
static_assert(offsetof(StreamHeader, flags) == 48);

inline std::uint32_t checksum(StreamHeader header) {
    header.checksum = 0;
    return crc32c(0, &header, sizeof(header));
}

}  // namespace vexfs::journal
