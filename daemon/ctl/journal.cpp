// SPDX-License-Identifier: Apache-2.0
#include "ctl/journal.hpp"

namespace vexfs::ctl {

int run_journal_verify(const Context& context, const std::string&) {
    return fail(context, "this build of vexctl cannot read the event store yet");
}

int run_journal_dump(const Context& context, const std::string&) {
    return fail(context, "this build of vexctl cannot read the event store yet");
}

}  // namespace vexfs::ctl
