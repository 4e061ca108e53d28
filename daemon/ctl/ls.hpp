// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ctl/command.hpp"

namespace vexfs::ctl {

struct LsArgs {
    std::string path;  // empty: the roots
    std::string at;    // a cursor; empty: what the catalogue has now
    std::string journal;
    bool recursive = false;
};

// vexctl ls: names from the catalogue, now or at an earlier position. The daemon need not run.
int run_ls(const Context& context, const LsArgs& args);

// vexctl rebuild: the catalogue is made anew, with a line of progress on a terminal.
int run_rebuild(const Context& context);

}  // namespace vexfs::ctl
