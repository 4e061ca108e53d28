// SPDX-License-Identifier: Apache-2.0
// What all of vexctl's commands share: the global options, exit codes and how things are said.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.hpp"
#include "control/client.hpp"
#include "control/protocol.hpp"

namespace vexfs::ctl {

// Exit codes; part of the interface (scripts rely on them).
enum Exit : int {
    kDone = 0,
    kFailed = 1,
    kUsage = 2,
    kDegraded = 3,  // done, but the system does not work fully
};

struct Context {
    std::string socket = kDefaultSocketPath;
    bool json = false;   // JSON lines on stdout, also for errors
    bool color = false;  // stdout is a terminal that wants colour
};

// Says what went wrong (stderr, or a JSON line on stdout) and returns kFailed.
int fail(const Context& context, const std::string& error, const std::string& hint = {});
int fail(const Context& context, const Status& status);

// Writes to stdout; false (and a message on stderr) when that is not possible.
bool say(const std::string& text);

// Says an answer, as JSON or as text; as say().
bool show(const Context& context, const Json& json);

// Sends one request to the daemon and returns its answer. On any failure it has been said, and
// `exit` is set.
Result<ControlAnswer> ask(const Context& context, const Json& request, std::uint64_t timeout_ms,
                          int& exit);

// Asks, and shows the answer as JSON or as text. kDegraded when the answer says "degraded".
int ask_and_show(const Context& context, const Json& request, std::uint64_t timeout_ms = 10'000);

}  // namespace vexfs::ctl
