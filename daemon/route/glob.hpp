// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace vexfs::route {

// True when the whole of `text` matches. Bytes, not characters. * and ? stay within one name; **
// crosses '/', and "**/" also matches nothing; [a-z] and [!a-z] are sets, in which '/' never is;
// \ takes the next byte literally. No recursion; at most pattern × text² steps.
bool glob_match(std::string_view pattern, std::string_view text);

// False for a set that is not closed, or a \ at the end.
bool glob_valid(std::string_view pattern);

}  // namespace vexfs::route
