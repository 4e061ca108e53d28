// SPDX-License-Identifier: Apache-2.0
#include "fuse/invalidator.hpp"

#include "record.h"

namespace vexfs::fuse {

namespace {
constexpr std::int64_t kAttributesOnly = -1;
}

void Invalidator::on_event(const EventView& view) {
    if (view.pushed() || view.boundary == Boundary::fuse) {
        return;
    }
    const vx_event& e = view.event();
    if (e.fsid != fsid_ || e.error != 0) {
        return;
    }
    const ObjectId self = object(e.ino, e.gen);
    const ObjectId parent = object(e.parent_ino, e.parent_gen);
    switch (e.rec.op) {
        case VX_OP_FILE_CREATE:
        case VX_OP_DIR_CREATE:
        case VX_OP_SYMLINK_CREATE:
        case VX_OP_HARDLINK_CREATE:
            mount_.invalidate_entry(parent, view.name());
            mount_.invalidate_inode(parent, 0, 0);  // its listing
            mount_.invalidate_inode(self, kAttributesOnly, 0);
            break;
        case VX_OP_FILE_DELETE:
        case VX_OP_DIR_DELETE:
            mount_.deleted_entry(parent, self, view.name());
            mount_.invalidate_inode(parent, 0, 0);
            mount_.invalidate_inode(self, kAttributesOnly, 0);
            break;
        case VX_OP_FILE_RENAME:
            on_rename(e, view.name(), view.name2());
            break;
        case VX_OP_FILE_WRITE:
        case VX_OP_FILE_TRUNCATE:
            mount_.invalidate_inode(self, 0, 0);
            break;
        case VX_OP_FILE_CLOSE:
            if ((e.flags & VX_F_WROTE) != 0) {
                mount_.invalidate_inode(self, 0, 0);  // stores through a mapping are no FileWrite
            }
            break;
        case VX_OP_FILE_CHMOD:
        case VX_OP_FILE_CHOWN:
            mount_.invalidate_inode(self, kAttributesOnly, 0);
            break;
        default:
            break;
    }
}

void Invalidator::on_rename(const vx_event& e, std::string_view name, std::string_view old_name) {
    const vx_rename* rename = vx_event_rename_const(&e);
    const ObjectId parent = object(e.parent_ino, e.parent_gen);
    const ObjectId old_parent = object(rename->old_parent_ino, rename->old_parent_gen);
    mount_.invalidate_entry(old_parent, old_name);
    mount_.invalidate_entry(parent, name);
    mount_.invalidate_inode(old_parent, 0, 0);
    mount_.invalidate_inode(parent, 0, 0);
    mount_.invalidate_inode(object(e.ino, e.gen), kAttributesOnly, 0);
    if ((e.flags & VX_F_REPLACED) != 0) {
        mount_.invalidate_inode(object(rename->target_ino, rename->target_gen), kAttributesOnly, 0);
    }
}

}  // namespace vexfs::fuse
