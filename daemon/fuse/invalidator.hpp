// SPDX-License-Identifier: Apache-2.0
// Invalidator: what the kernel saw happen in the backing directory behind the mount is what the
// mount's caches must forget. Turns events into the mount's notifications; blocks nowhere.
#pragma once

#include <cstdint>

#include "fuse/mount.hpp"
#include "vexfs/event.hpp"

namespace vexfs::fuse {

class Invalidator {
  public:
    // Events of the file system `fsid` with the device number `dev` are the backing file system's.
    Invalidator(Mount& mount, std::uint64_t fsid, dev_t dev)
        : mount_(mount), fsid_(fsid), dev_(dev) {}

    // Takes events of every boundary; only those from behind the mount matter. True: it was one,
    // and the mount's caches are being told of it.
    bool on_event(const EventView& view);
    // Something was lost: nothing that is cached can be trusted.
    void on_gap() { mount_.invalidate_all(); }

  private:
    void on_create(const vx_event& e, std::string_view name);
    void on_delete(const vx_event& e, std::string_view name);
    [[nodiscard]] ObjectId object(std::uint64_t ino, std::uint32_t gen) const {
        return {.fsid = fsid_, .ino = ino, .dev = dev_, .gen = gen};
    }
    void on_rename(const vx_event& e, std::string_view name, std::string_view old_name);

    Mount& mount_;
    std::uint64_t fsid_;
    dev_t dev_;
};

}  // namespace vexfs::fuse
