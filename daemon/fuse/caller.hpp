// SPDX-License-Identifier: Apache-2.0
// CallerCache: who a thread id is (thread group, comm), cheaply and without ever being stale.
//
// An entry is an open /proc/TID/comm: reading it again gives the present comm (a program that has
// called exec has a new one), and fails once the thread is gone, even if its number is used again.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "base/fd.hpp"
#include "fuse/observation.hpp"

namespace vexfs::fuse {

// Of one worker thread; not thread-safe.
class CallerCache {
  public:
    static constexpr std::size_t kEntries = 32;

    // Fills pid and comm of `caller` from its tid.
    void resolve(Caller& caller);

  private:
    struct Entry {
        pid_t tid = 0;
        pid_t pid = 0;
        UniqueFd comm;
    };
    static bool load(Entry& entry, pid_t tid);
    static bool read_comm(const Entry& entry, Caller& caller);

    std::array<Entry, kEntries> entries_;
};

// Rights of a thread that only matter in rare cases, read from /proc/TID/status.
struct CallerRights {
    // The thread may keep set-id bits that the kernel drops otherwise (CAP_FSETID).
    static bool keeps_setid(pid_t tid);
    // The thread has `gid` as its group or one of its supplementary groups.
    static bool in_group(pid_t tid, gid_t gid);
};

}  // namespace vexfs::fuse
