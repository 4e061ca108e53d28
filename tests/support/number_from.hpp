// SPDX-License-Identifier: Apache-2.0
// How much a long test does, from the environment.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace vexfs::test {

// What the variable says: a number, or "full" for `full`; not set: `otherwise`.
inline std::uint64_t number_from(const char* variable, std::uint64_t otherwise,
                                 std::uint64_t full) {
    const char* text = std::getenv(variable);
    return text == nullptr               ? otherwise
           : std::string(text) == "full" ? full
                                         : std::strtoull(text, nullptr, 10);
}

}  // namespace vexfs::test
