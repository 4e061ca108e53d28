// SPDX-License-Identifier: Apache-2.0
// Mountpoint: checks where to mount, cleans up after a daemon that died, mounts and unmounts.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/status.hpp"
#include "fuse/mount.hpp"

struct fuse_session;

namespace vexfs::fuse {

struct MountPaths {
    std::string source;      // absolute, links resolved
    std::string mountpoint;  // absolute, links resolved
};

// Checks both directories; the messages say what to do. A mount whose daemon is dead is detached
// from the mount point (logged).
Result<MountPaths> prepare_mountpoint(const MountOptions& options);

// Connects `session` with a new mount at paths.mountpoint. As root by mount(2), which leaves
// unmounting to us; otherwise through libfuse and fusermount3.
Status attach(fuse_session* session, const MountPaths& paths, const MountOptions& options);

// Takes the mount away; its workers must still be running. True if nobody used it any more. As
// root a mount in use is detached; otherwise this only writes back what is dirty, and libfuse
// unmounts when the session is destroyed.
bool detach(const std::string& mountpoint);

}  // namespace vexfs::fuse
