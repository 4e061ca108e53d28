// SPDX-License-Identifier: Apache-2.0
// Observation: what the FUSE boundary saw one operation do. BoundarySink: who wants to know.
//
// Fields have the meaning of the field of the same name in shared/abi/event.h. Objects are those of
// the backing file system, so that the kernel's events and these name the same thing.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "abi/event.h"

namespace vexfs::fuse {

// Identity of a backing object. (dev, ino) finds it on this machine now; (fsid, ino, gen) names it
// for good. ino 0: none.
struct ObjectId {
    std::uint64_t fsid = 0;
    std::uint64_t ino = 0;
    dev_t dev = 0;
    std::uint32_t gen = 0;
};

// The acting program. tid is what FUSE tells; pid (thread group) and comm come from /proc and are
// 0 and empty when the program is gone or not visible from here.
struct Caller {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    std::array<char, VX_COMM_LEN> comm{};
};

// All views point into memory of the caller: a sink copies what it keeps.
struct Observation {
    vx_op op = VX_OP_NONE;
    ObjectId object;
    ObjectId parent;        // FileRename: the new parent
    ObjectId old_parent;    // FileRename only
    ObjectId target;        // with VX_F_REPLACED: the object that lost its name
    std::string_view name;  // in `parent`; FileRename: the new one; Mount, Unmount: the mount point
    std::string_view name2;  // FileRename: old name; SymlinkCreate: target; Mount: "type:source"
    std::uint32_t target_nlink = 0;  // names left to `target`
    std::uint32_t target_mode = 0;
    std::uint64_t size = 0;    // bytes, after the operation
    std::uint64_t offset = 0;  // bytes
    std::uint64_t length = 0;  // bytes really transferred; 0: not known
    std::uint32_t flags = 0;   // VX_F_*
    std::int32_t error = 0;    // 0, or a negative errno, as in struct vx_event
    std::uint32_t mode = 0;    // type and permissions, after the operation
    std::uint32_t nlink = 0;   // names, after the operation
    std::uint32_t owner_uid = 0;
    std::uint32_t owner_gid = 0;
    std::uint32_t cookie = 0;   // joins the two halves of an exchange
    std::uint64_t mono_ns = 0;  // CLOCK_MONOTONIC
    Caller caller;
};

// Where a directory is. The root has parent.ino 0 and no name.
struct DirectoryPlace {
    ObjectId object;
    ObjectId parent;
    std::string_view name;
    std::uint64_t mono_ns = 0;
};

// Called on FUSE worker threads, several at once, before the program's system call returns (a
// FileClose: after it). An implementation must be thread-safe, must not block for long, and must
// not touch the mount: the program waits, and the kernel holds the directory's lock.
//
// Order: mutations in one directory arrive in their true order (a rename counts for both its
// directories). on_directory comes before the first event in that directory.
class BoundarySink {
  public:
    virtual ~BoundarySink() = default;
    virtual void on_event(const Observation& event) = 0;
    virtual void on_directory(const DirectoryPlace& place) { (void)place; }
};

}  // namespace vexfs::fuse
