// SPDX-License-Identifier: Apache-2.0
// Doctor: looks at the system from outside, without the daemon's help, and names for each problem
// the one command that repairs it.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "control/client.hpp"
#include "control/protocol.hpp"

namespace vexfs {

enum class Severity {
    ok,
    note,     // worth knowing
    warning,  // works, but not fully: degraded
    problem,  // does not work
};

struct Finding {
    std::string check;  // short and stable: "module", "socket", "mount /mnt/data"
    Severity severity = Severity::ok;
    std::string message;  // one sentence
    // One shell command that works as it is; empty when there is nothing to repair, when none is
    // known, and when the repair of a later finding is this one's too.
    std::string repair;
};

// For so long the real world is waited for, each time that it is asked: who is only busy is not to
// be taken for stuck, because the repair of that is to kill it.
inline constexpr std::chrono::seconds kDoctorPatience{10};

// The outside world as the checks see it; tests hand in another.
struct DoctorWorld {
    std::string root;  // in front of /sys, /proc, /dev; empty: the real ones
    std::string socket = kDefaultSocketPath;
    std::string version;           // of this vexctl, which the module's should equal
    std::string release;           // of the running kernel, as uname -r says
    std::string source_directory;  // where this vexctl was built from; need not exist any more

    // 0 or a positive errno. `path` with root in front.
    std::function<int(const std::string& path, struct stat& info)> stat;
    // 0 or a positive errno, ETIMEDOUT when the file system behind the mount point does not answer.
    std::function<int(const std::string& mountpoint)> probe_mount;
    // The daemon's answer to {"cmd":"status"}.
    std::function<Result<ControlAnswer>(const std::string& socket)> ask_status;
};

DoctorWorld real_world(const std::string& socket);

// All checks, in the order in which problems depend on each other.
std::vector<Finding> examine(const DoctorWorld& world);

Severity worst(const std::vector<Finding>& findings);
const char* severity_name(Severity severity);
Json findings_json(const std::vector<Finding>& findings);

}  // namespace vexfs
