// SPDX-License-Identifier: Apache-2.0
// Canary: a judge that finds nothing may be blind. Rounds with one thing wrong, which it must see.
#pragma once

#include <string>
#include <vector>

#include "vm/vx_oracle/judge.hpp"

namespace vexfs::vm {

struct Blindness {
    std::string what;  // is wrong with the round
    bool seen = false;
};

// `round` must be right, and `judge` be at its beginning.
std::vector<Blindness> spoil(const Judge& judge, const Round& round);

}  // namespace vexfs::vm
