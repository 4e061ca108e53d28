// SPDX-License-Identifier: Apache-2.0
// What the daemon tells the service manager (sd_notify(3)). Nothing happens where there is none.
#pragma once

#include <string_view>

namespace vexfs {

// The daemon works: watches are set, the mount is there, the socket answers. `status`: one line.
void notify_ready(std::string_view status);

// What `systemctl status` shows.
void notify_status(std::string_view status);

// The clean shutdown has begun.
void notify_stopping(std::string_view status = "stopping");

}  // namespace vexfs
