// SPDX-License-Identifier: Apache-2.0
// vexctl consumer: the journal's named consumers (vexfs/consumer.hpp).
#pragma once

#include <string>

#include "ctl/command.hpp"

namespace vexfs::ctl {

struct ConsumerArgs {
    std::string journal;       // directory; empty: ask the daemon, else the default
    std::string name;
    std::string at = "start";  // "start", "now" or a cursor
    std::string expect;        // commit: from this cursor
    std::string to;            // commit: to this one
};

int run_consumer_create(const Context& context, const ConsumerArgs& args);
int run_consumer_commit(const Context& context, const ConsumerArgs& args);
int run_consumer_remove(const Context& context, const ConsumerArgs& args);
int run_consumer_list(const Context& context, const ConsumerArgs& args);

}  // namespace vexfs::ctl
