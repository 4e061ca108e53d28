// SPDX-License-Identifier: Apache-2.0
// What two do at once, where only counts can be compared.
#pragma once

#include <string>

#include "vm/vx_coverage/stream.hpp"

namespace vexfs::vm {

// A hard link whose old name somebody else removes at once is a hard link, not the first name of an
// O_TMPFILE object, whichever of the two the kernel reports first. Prints the result, and returns
// whether it is right.
bool link_race(const std::string& where, Stream& stream);

// Of two who remove an object's last two names at once, in two directories, one is told to have
// removed the last: never both, never none.
bool last_name_race(const std::string& where, Stream& stream);

}  // namespace vexfs::vm
