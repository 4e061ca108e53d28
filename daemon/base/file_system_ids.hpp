// SPDX-License-Identifier: Apache-2.0
// FileSystemIds: how file systems are named, as the module names them: by statfs()'s f_fsid, and
// where that is 0 by the device number. Asks for each device once. Not for several threads at once.
#pragma once

#include <sys/statfs.h>
#include <sys/types.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace vexfs {

class FileSystemIds {
  public:
    // Of the file system of an open file (O_PATH will do) that is on device `dev`.
    std::uint64_t of(int fd, dev_t dev) {
        for (const auto& [known, fsid] : ids_) {
            if (known == dev) {
                return fsid;
            }
        }
        struct statfs fs {};
        std::uint64_t fsid = 0;
        if (::fstatfs(fd, &fs) == 0) {
            fsid = static_cast<std::uint32_t>(fs.f_fsid.__val[0]) |
                   static_cast<std::uint64_t>(static_cast<std::uint32_t>(fs.f_fsid.__val[1]))
                       << 32U;
        }
        ids_.emplace_back(dev, fsid != 0 ? fsid : dev);
        return ids_.back().second;
    }
    // The device of one that was asked for; 0: none was.
    [[nodiscard]] dev_t device_of(std::uint64_t fsid) const {
        for (const auto& [dev, known] : ids_) {
            if (known == fsid) {
                return dev;
            }
        }
        return 0;
    }

  private:
    std::vector<std::pair<dev_t, std::uint64_t>> ids_;
};

}  // namespace vexfs
