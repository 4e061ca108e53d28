// SPDX-License-Identifier: Apache-2.0
// How this kernel's own notifications are on one file system: tried out, with VexFS not involved.
#pragma once

#include <string>

namespace vexfs::vm {

struct Kernel {
    // sendfile raises MODIFY for each part that it writes, and again for the whole.
    bool tells_parts = false;
    // fanotify does not say which object has been deleted: overlayfs makes a file handle of a name,
    // and there is none left.
    bool forgets_deleted = false;
};

// Tries in `directory`, and leaves nothing there.
Kernel probe_kernel(const std::string& directory);

}  // namespace vexfs::vm
