// SPDX-License-Identifier: Apache-2.0
// Mounts: reads /proc/self/mountinfo.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vexfs {

struct MountEntry {
    std::string mountpoint;  // unescaped
    std::string fstype;      // "fuse.vexfs"
    std::string source;      // unescaped; of a VexFS mount the directory that it shows
};

// The lines of a mountinfo text, in their order; what is no mountinfo line is left out. Format:
// proc(5).
std::vector<MountEntry> parse_mountinfo(std::string_view text);

}  // namespace vexfs
