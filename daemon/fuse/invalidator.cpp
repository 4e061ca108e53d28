// SPDX-License-Identifier: Apache-2.0
#include "fuse/invalidator.hpp"

#include "record.h"

namespace vexfs::fuse {

namespace {
constexpr std::int64_t kAttributesOnly = -1;
}

// A name that is dropped takes its directory's listing and attributes along.
bool Invalidator::on_event(const EventView& view) {
    if (view.pushed() || view.boundary == Boundary::fuse) {
        return false;
    }
    const vx_event& e = view.event();
    if (e.fsid != fsid_ || e.error != 0) {
        return false;
    }
    switch (e.rec.op) {
        case VX_OP_FILE_CREATE:
        case VX_OP_DIR_CREATE:
        case VX_OP_SYMLINK_CREATE:
        case VX_OP_HARDLINK_CREATE:
            on_create(e, view.name());
            return true;
        case VX_OP_FILE_DELETE:
        case VX_OP_DIR_DELETE:
            on_delete(e, view.name());
            return true;
        case VX_OP_FILE_RENAME:
            on_rename(e, view.name(), view.name2());
            return true;
        case VX_OP_FILE_WRITE:
        case VX_OP_FILE_TRUNCATE:
            mount_.invalidate_inode(object(e.ino, e.gen), 0, 0);
            return true;
        case VX_OP_FILE_CLOSE:
            if ((e.flags & VX_F_WROTE) != 0) {
                // Stores through a mapping are no FileWrite.
                mount_.invalidate_inode(object(e.ino, e.gen), 0, 0);
            }
            return false;
        case VX_OP_FILE_CHMOD:
        case VX_OP_FILE_CHOWN:
            mount_.invalidate_inode(object(e.ino, e.gen), kAttributesOnly, 0);
            return true;
        default:
            return false;
    }
}

// Only an object that was there before can be known: one more name of it, or its first.
void Invalidator::on_create(const vx_event& e, std::string_view name) {
    mount_.invalidate_entry(object(e.parent_ino, e.parent_gen), name);
    if (e.rec.op == VX_OP_HARDLINK_CREATE || (e.flags & VX_F_TMPFILE) != 0) {
        mount_.invalidate_inode(object(e.ino, e.gen), kAttributesOnly, 0);
    }
}

// To the kernel a deleted child is gone for good: not one that has other names.
void Invalidator::on_delete(const vx_event& e, std::string_view name) {
    const ObjectId self = object(e.ino, e.gen);
    const ObjectId parent = object(e.parent_ino, e.parent_gen);
    if (e.rec.op == VX_OP_DIR_DELETE || (e.flags & VX_F_LAST_LINK) != 0) {
        mount_.deleted_entry(parent, self, name);
    } else {
        mount_.invalidate_entry(parent, name);
        mount_.invalidate_inode(self, kAttributesOnly, 0);
    }
}

void Invalidator::on_rename(const vx_event& e, std::string_view name, std::string_view old_name) {
    const vx_rename* rename = vx_event_rename_const(&e);
    const ObjectId parent = object(e.parent_ino, e.parent_gen);
    const ObjectId target = object(rename->target_ino, rename->target_gen);
    mount_.invalidate_entry(object(rename->old_parent_ino, rename->old_parent_gen), old_name);
    mount_.invalidate_inode(object(e.ino, e.gen), kAttributesOnly, 0);
    if ((e.flags & VX_F_LAST_LINK) != 0) {
        mount_.deleted_entry(parent, target, name);
        return;
    }
    mount_.invalidate_entry(parent, name);
    if ((e.flags & VX_F_REPLACED) != 0) {
        mount_.invalidate_inode(target, kAttributesOnly, 0);
    }
}

}  // namespace vexfs::fuse
