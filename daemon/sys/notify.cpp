// SPDX-License-Identifier: Apache-2.0
#include "sys/notify.hpp"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <string>

namespace vexfs {
namespace {

// A newline would begin another assignment.
void send(std::string message, std::string_view status) {
    message += "STATUS=";
    const std::size_t begin = message.size();
    message += status;
    std::replace(message.begin() + static_cast<std::ptrdiff_t>(begin), message.end(), '\n', ' ');
    ::sd_notify(0, message.c_str());
}

}  // namespace

void notify_ready(std::string_view status) {
    send("READY=1\n", status);
}
void notify_status(std::string_view status) {
    send("", status);
}
void notify_stopping(std::string_view status) {
    send("STOPPING=1\n", status);
}

}  // namespace vexfs
