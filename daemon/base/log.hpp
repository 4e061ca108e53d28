// SPDX-License-Identifier: Apache-2.0
// Logging: sets up spdlog's default logger once; everybody then calls spdlog::info(...) and so on.
//
// A terminal gets time and a coloured level. Anything else (a pipe, the journal) gets the
// sd-daemon(3) prefix "<N>", N being the syslog priority, so that `journalctl -p warning` works; no
// time, because the journal has its own.
#pragma once

#include <string>
#include <string_view>

#include "base/status.hpp"

namespace vexfs {

enum class LogStyle {
    automatic,  // terminal when stderr is one, else journal
    terminal,
    journal,
};

// Logs to stderr. `level`: trace, debug, info, warn, error or off; EINVAL for anything else.
// Not thread-safe: call it before threads start.
Status log_setup(std::string_view level, LogStyle style = LogStyle::automatic);

// From now on to the system's log instead, with the level as it is: for a daemon without a
// terminal.
void log_to_syslog();

// "trace, debug, info, warn, error, off", for --help and for messages.
std::string_view log_level_names();

// True when `level` is one of these.
bool log_level_valid(std::string_view level);

}  // namespace vexfs
