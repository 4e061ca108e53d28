// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ctl/command.hpp"

namespace vexfs::ctl {

// Where the journal is: `given` if it is not empty, else where the running daemon says
// (status: journal.directory). Only where nobody answers at the default socket it is the default
// store, which can be read without a daemon; that is said on stderr. A daemon that was named with
// --socket and does not answer is an error: its store may be anywhere.
Result<std::string> journal_directory(const Context& context, const std::string& given);

// vexctl journal verify: reads every record and checks it.
int run_journal_verify(const Context& context, const std::string& directory);
// vexctl journal dump: every record as it is stored, for finding out what is wrong with a store.
int run_journal_dump(const Context& context, const std::string& directory);

// vexctl journal repair: puts gaps in the place of what cannot be read; with `dry_run` it says what
// it would do (kDegraded: something).
int run_journal_repair(const Context& context, const std::string& directory, bool dry_run);

}  // namespace vexfs::ctl
