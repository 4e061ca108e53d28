// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl/command.hpp"

namespace vexfs::ctl {

// vexctl ops: the 18 kernel operations with what each becomes, and the 27 userspace operations with
// the direction in which each can occur today.
int run_ops(const Context& context);

}  // namespace vexfs::ctl
