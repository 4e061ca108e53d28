// SPDX-License-Identifier: Apache-2.0
// CRC32C (Castagnoli, RFC 3720 appendix B.4): with the processor's instruction where it has one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vexfs::journal {

// Continues `crc` (0 at the start) over `len` bytes. crc32c(crc32c(0, a), b) is that of a and b in
// a row.
std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t len);

// The same by table, on any machine: what the fast one is tested against.
std::uint32_t crc32c_portable(std::uint32_t crc, const void* data, std::size_t len);

}  // namespace vexfs::journal
