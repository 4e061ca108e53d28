// SPDX-License-Identifier: Apache-2.0
// vexctl why, vexctl effects: what led to an event, and what it led to.
#pragma once

#include <string>

#include "ctl/command.hpp"

namespace vexfs::ctl {

struct CausesArgs {
    std::string event;    // a number, or the cursor of the event
    std::string journal;  // directory; empty: ask the daemon, else the default
};

// The event, then its cause, and so on to the first. kDegraded when one is missing in the journal.
int run_why(const Context& context, const CausesArgs& args);

// The events that have it as their cause, or belong to the chain that it began.
int run_effects(const Context& context, const CausesArgs& args);

}  // namespace vexfs::ctl
