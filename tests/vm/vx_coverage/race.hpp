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

// The last two names of an object go at once, in different directories: one of the two events says
// that it was the last name, not both, not none. The same where one of the names
// goes because a rename gives it to another object. Prints the results, and returns whether both
// are right.
bool last_link_race(const std::string& where, Stream& stream);

}  // namespace vexfs::vm
