// SPDX-License-Identifier: Apache-2.0
#include "ctl/tail.hpp"

namespace vexfs::ctl {

int run_tail(const Context& context, const TailArgs&) {
    return fail(context, "this build of vexctl cannot read the event store yet");
}

}  // namespace vexfs::ctl
