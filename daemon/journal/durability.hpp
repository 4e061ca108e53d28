// SPDX-License-Identifier: Apache-2.0
// Durability: when what the journal holds survives the end of the machine. The end of the daemon it
// survives in any case.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace vexfs::journal {

enum class Durability : std::uint8_t {
    none = 0,      // the kernel writes it to the disk when it likes to
    interval = 1,  // synced once in an interval, and when somebody waits
    commit = 2,    // each write is synced
};

// In the order of their values.
inline constexpr std::array<std::string_view, 3> kDurabilities = {"none", "interval", "commit"};

constexpr std::string_view durability_name(Durability durability) {
    return kDurabilities[static_cast<std::size_t>(durability)];
}

}  // namespace vexfs::journal
