// SPDX-License-Identifier: Apache-2.0
// TreeScan: every name below a directory, read while the tree may be changing.
//
// What it says of a name was true at some moment of the scan. A directory that is moved while it is
// on the way to it can be missed, and everything below it: who reads the events since the beginning
// of the scan knows of that, and has it scanned where it is now.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/file_system_ids.hpp"
#include "base/status.hpp"
#include "paths/directory_map.hpp"

namespace vexfs::ctl {

// A name, and what has it. The views are good during the call that they are given to.
struct ScanRecord {
    std::string_view path;  // as the scan's root was given, and the names from there on
    std::string_view name;  // empty for the root
    ObjectKey object;
    ObjectKey parent;         // ino 0 for the root
    std::string_view target;  // of a symbolic link
    struct stat stat;
};

// A name as an event tells it.
struct ScanName {
    ObjectKey object;
    ObjectKey parent;
    std::string name;
    bool directory = false;
};

class TreeScan {
  public:
    static constexpr unsigned kDepthMax = 1000;  // directories in a row: a descriptor each

    // Takes what is found; false: stop.
    using Emit = std::function<bool(const ScanRecord&)>;
    explicit TreeScan(Emit emit) : emit_(std::move(emit)) {}

    // Scans what is at and below `real`, and calls it `shown`. Directories that are scanned already
    // are not once more. With `expected`: only if that is what is there. False: it is not (any
    // more), or nothing is there. Errors: of what is there and cannot be read; ELOOP: too deep;
    // ECANCELED: the receiver wanted to stop.
    Result<bool> scan(const std::string& real, const std::string& shown,
                      const ScanName* expected = nullptr);

    [[nodiscard]] bool has(const ObjectKey& directory) const {
        return scanned_.count(directory) != 0;
    }
    [[nodiscard]] std::uint64_t records() const { return records_; }

  private:
    struct Found {
        UniqueFd fd;  // O_PATH
        ObjectKey object;
        struct stat stat;
        std::string target;
    };
    Result<bool> look(int parent, const char* name, Found& found);
    Status give(const Found& found, const ObjectKey& parent, std::string_view name);
    Status descend(const Found& directory, unsigned depth);
    Status each_name(int fd, const ObjectKey& directory, unsigned depth);

    Emit emit_;
    std::string path_;  // of what is being looked at
    dev_t dev_ = 0;     // mount points are named, and not entered
    std::unordered_set<ObjectKey, ObjectKeyHash> scanned_;
    FileSystemIds fsids_;
    std::uint64_t records_ = 0;
};

}  // namespace vexfs::ctl
