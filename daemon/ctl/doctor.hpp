// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl/command.hpp"

namespace vexfs::ctl {

// vexctl doctor. kDone: all is well; kDegraded: warnings only; kFailed: something does not work.
int run_doctor(const Context& context);

}  // namespace vexfs::ctl
