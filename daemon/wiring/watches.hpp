// SPDX-License-Identifier: Apache-2.0
// Watches: what the daemon asked the kernel to observe, and where its paths begin.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "paths/directory_map.hpp"
#include "ring/channel.hpp"

namespace vexfs {

struct Watch {
    WatchInfo info;
    WatchRequest request;  // as it was granted: path absolute, symbolic links resolved
    std::string purpose;   // "watch", "source", "mount"
    std::string top;       // where its file system's root can be seen; empty: nowhere here
};

class Watches {
  public:
    Watches(Channel& channel, DirectoryMap& paths) : channel_(channel), paths_(paths) {}

    // Observes what is below `request.path`, or its whole file system. The errors say what to do.
    Result<Watch> add(WatchRequest request, const std::string& purpose);
    // ENOENT: no such watch. EPERM: a watch that the mount needs.
    Status remove(std::uint64_t id);
    // Nothing is observed any more, the mount's watches included.
    void remove_all();

    // Nothing can come of it any more: its file system was unmounted, or its directory deleted.
    [[nodiscard]] bool gone(const Watch& watch) const;

    [[nodiscard]] const std::vector<Watch>& list() const { return watches_; }

  private:
    void anchor(Watch& watch, bool directory);

    Channel& channel_;
    DirectoryMap& paths_;
    std::vector<Watch> watches_;
};

}  // namespace vexfs
