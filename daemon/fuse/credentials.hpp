// SPDX-License-Identifier: Apache-2.0
// CreateAs: makes new objects in the name of the caller.
//
// The kernel has checked the caller's rights against the mount before it asks (default_permissions,
// ACLs included), so the worker needs the caller's identity for what a new object inherits, not for
// permission. It takes on fsuid, fsgid and umask and keeps its capabilities (securebit
// NO_SETUID_FIXUP), which gives, in one atomic step of the backing file system:
//   - owner and group of the caller; in a set-gid directory the directory's group;
//   - a default ACL of the directory, or else the umask, applied to the mode;
//   - no need to know the caller's supplementary groups: what they decide (access, keeping
//     set-gid) has been decided by the kernel, and the retained capabilities do not decide again.
// To create and then chown instead would show the object as root's for a moment, would lose set-id
// bits to the chown, and would have to redo the rule for set-gid directories.
//
// Without the privilege, objects belong to the daemon's user; the umask is still the caller's.
#pragma once

#include <sys/types.h>

namespace vexfs::fuse {

// To be called once on each worker thread: gives it a umask and securebits of its own.
void prepare_worker_credentials();

class CreateAs {
  public:
    CreateAs(uid_t uid, gid_t gid, mode_t umask);
    ~CreateAs();
    CreateAs(const CreateAs&) = delete;
    CreateAs& operator=(const CreateAs&) = delete;

  private:
    bool switched_ = false;
};

}  // namespace vexfs::fuse
