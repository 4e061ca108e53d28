// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ctl/command.hpp"

namespace vexfs::ctl {

struct WatchArgs {
    std::string path;  // for remove also a number
    std::string ops;   // empty: those of vexfsd's --ops
    std::string detail;  // empty: that of vexfsd's --detail
    bool whole_fs = false;
    std::optional<std::uint32_t> uid;
    std::optional<std::uint32_t> pid;
};

// vexctl watch add, remove and list.
int run_watch_add(const Context& context, const WatchArgs& args);
int run_watch_remove(const Context& context, const WatchArgs& args);
int run_watch_list(const Context& context);

}  // namespace vexfs::ctl
