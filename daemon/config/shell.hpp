// SPDX-License-Identifier: Apache-2.0
// Shell: commands that are shown to the user, to be copied.
#pragma once

#include <span>
#include <string>

namespace vexfs {

// `text` as one word of a shell.
std::string shell_quote(const std::string& text);

// The command that starts this program again as it was started, from anywhere: where the command
// line has relative paths (`relative`), it changes to the working directory first.
std::string restart_command(std::span<const char* const> argv, bool relative);

}  // namespace vexfs
