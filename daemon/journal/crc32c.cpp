// SPDX-License-Identifier: Apache-2.0
#include "journal/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace vexfs::journal {

namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Table make_table() {
    Table table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kPolynomial : 0);
        }
        table[0][i] = crc;
    }
    for (std::uint32_t i = 0; i < 256; ++i) {
        for (std::size_t slice = 1; slice < 8; ++slice) {
            const std::uint32_t before = table[slice - 1][i];
            table[slice][i] = (before >> 8U) ^ table[0][before & 255U];
        }
    }
    return table;
}
constexpr Table kTable = make_table();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::uint32_t crc, const void* data,
                                                             std::size_t len) {
    const auto* p = static_cast<const unsigned char*>(data);
    std::uint64_t state = ~crc;
    for (; len >= 8; len -= 8, p += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, p, 8);
        state = _mm_crc32_u64(state, word);
    }
    for (; len > 0; --len, ++p) {
        state = _mm_crc32_u8(static_cast<std::uint32_t>(state), *p);
    }
    return ~static_cast<std::uint32_t>(state);
}

const bool kHasSse42 = __builtin_cpu_supports("sse4.2") != 0;
#endif

}  // namespace

std::uint32_t crc32c_portable(std::uint32_t crc, const void* data, std::size_t len) {
    const auto* p = static_cast<const unsigned char*>(data);
    crc = ~crc;
    for (; len >= 8; len -= 8, p += 8) {
        const std::uint32_t low = crc ^ (p[0] | std::uint32_t{p[1]} << 8U |
                                         std::uint32_t{p[2]} << 16U | std::uint32_t{p[3]} << 24U);
        crc = kTable[7][low & 255U] ^ kTable[6][low >> 8U & 255U] ^ kTable[5][low >> 16U & 255U] ^
              kTable[4][low >> 24U] ^ kTable[3][p[4]] ^ kTable[2][p[5]] ^ kTable[1][p[6]] ^
              kTable[0][p[7]];
    }
    for (; len > 0; --len, ++p) {
        crc = (crc >> 8U) ^ kTable[0][(crc ^ *p) & 255U];
    }
    return ~crc;
}

std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t len) {
#if defined(__x86_64__)
    if (kHasSse42) {
        return crc32c_sse42(crc, data, len);
    }
#endif
    return crc32c_portable(crc, data, len);
}

}  // namespace vexfs::journal
