// SPDX-License-Identifier: Apache-2.0
// Repair: the shell commands that doctor names. Each is one line that can be copied as it is.
#pragma once

#include <string>
#include <vector>

#include "control/protocol.hpp"

namespace vexfs {

// The steps that are not empty, each run only if the one before it succeeded.
std::string join(const std::vector<std::string>& steps);

// Whether a command has this word, quoted as shell_quote() does.
bool has_word(const std::string& command, const std::string& word);

// Ends a process and returns when it is gone. `force`: it cannot refuse.
std::string kill_and_wait(const std::string& pid, bool force);

// vexfsd's command with four times the larger of its rings, as its status tells them. Empty when
// one of both is not known, or when they are as large as they can be.
std::string with_larger_rings(const std::string& command, const Json& status);

// What brings back a daemon, its mounts and the module that it needs; empty steps are left out.
struct Recovery {
    std::string load;
    std::string stop;
    std::vector<std::string> unmount;
    std::string start;

    [[nodiscard]] std::string command() const;
};

}  // namespace vexfs
