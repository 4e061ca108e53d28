// SPDX-License-Identifier: Apache-2.0
// vexctl push: an operation for an event of the stream.
#pragma once

#include <string>

#include "ctl/command.hpp"

namespace vexfs::ctl {

struct PushArgs {
    std::string event;     // its number or cursor
    std::string ops;       // list of userspace operations
    std::string expect;    // number or cursor of the version that they are for; empty: any
    std::string strategy;  // empty: as vexfsd's rules say
};

// kFailed when it was rejected.
int run_push(const Context& context, const PushArgs& args);

}  // namespace vexfs::ctl
