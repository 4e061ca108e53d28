// SPDX-License-Identifier: Apache-2.0
// Shell: commands that are shown to the user, to be copied.
#pragma once

#include <string>

namespace vexfs {

// `text` as one word of a shell.
std::string shell_quote(const std::string& text);

}  // namespace vexfs
