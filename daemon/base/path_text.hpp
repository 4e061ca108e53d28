// SPDX-License-Identifier: Apache-2.0
// Absolute paths as text: no file system is asked.
#pragma once

#include <string>
#include <string_view>

namespace vexfs {

// Whether `path` is `directory`, or below it.
inline bool is_at_or_below(std::string_view path, std::string_view directory) {
    return path.starts_with(directory) &&
           (path.size() == directory.size() || directory.ends_with('/') ||
            path[directory.size()] == '/');
}

// The path of `name` in `directory`.
inline std::string path_below(const std::string& directory, const std::string& name) {
    return directory + (directory.ends_with('/') ? "" : "/") + name;
}

}  // namespace vexfs
