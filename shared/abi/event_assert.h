/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Pins the size and every offset of the record structures, on both sides of the boundary. */
#ifndef VEXFS_ABI_EVENT_ASSERT_H
#define VEXFS_ABI_EVENT_ASSERT_H

#define VX_AT(type, field, offset) \
	VX_STATIC_ASSERT(offsetof(struct type, field) == (offset), #type "." #field " moved")
#define VX_SIZE(type, size) \
	VX_STATIC_ASSERT(sizeof(struct type) == (size), #type " changed its size")

VX_SIZE(vx_record, 32);
VX_AT(vx_record, len, 0);
VX_AT(vx_record, type, 4);
VX_AT(vx_record, op, 6);
VX_AT(vx_record, ticket, 8);
VX_AT(vx_record, count, 16);
VX_AT(vx_record, mono_ns, 24);

VX_SIZE(vx_event, 152);
VX_AT(vx_event, fsid, 32);
VX_AT(vx_event, ino, 40);
VX_AT(vx_event, parent_ino, 48);
VX_AT(vx_event, gen, 56);
VX_AT(vx_event, parent_gen, 60);
VX_AT(vx_event, size, 64);
VX_AT(vx_event, offset, 72);
VX_AT(vx_event, length, 80);
VX_AT(vx_event, flags, 88);
VX_AT(vx_event, error, 92);
VX_AT(vx_event, mode, 96);
VX_AT(vx_event, nlink, 100);
VX_AT(vx_event, uid, 104);
VX_AT(vx_event, gid, 108);
VX_AT(vx_event, owner_uid, 112);
VX_AT(vx_event, owner_gid, 116);
VX_AT(vx_event, pid, 120);
VX_AT(vx_event, tid, 124);
VX_AT(vx_event, cookie, 128);
VX_AT(vx_event, name_len, 132);
VX_AT(vx_event, name2_len, 134);
VX_AT(vx_event, comm, 136);

VX_SIZE(vx_rename, 32);
VX_AT(vx_rename, old_parent_ino, 0);
VX_AT(vx_rename, target_ino, 8);
VX_AT(vx_rename, old_parent_gen, 16);
VX_AT(vx_rename, target_gen, 20);
VX_AT(vx_rename, target_nlink, 24);
VX_AT(vx_rename, target_mode, 28);

VX_SIZE(vx_dirty, 24);
VX_AT(vx_dirty, fsid, 0);
VX_AT(vx_dirty, ino, 8);
VX_AT(vx_dirty, gen, 16);
VX_AT(vx_dirty, reserved, 20);

VX_SIZE(vx_lost, 144);
VX_AT(vx_lost, last_ticket, 32);
VX_AT(vx_lost, last_ns, 40);
VX_AT(vx_lost, lost, 48);
VX_AT(vx_lost, producer, 56);
VX_AT(vx_lost, dirty, 60);
VX_AT(vx_lost, flags, 62);
VX_AT(vx_lost, per_op, 64);

VX_SIZE(vx_dir, 72);
VX_AT(vx_dir, fsid, 32);
VX_AT(vx_dir, ino, 40);
VX_AT(vx_dir, parent_ino, 48);
VX_AT(vx_dir, gen, 56);
VX_AT(vx_dir, parent_gen, 60);
VX_AT(vx_dir, name_len, 64);
VX_AT(vx_dir, reserved16, 66);
VX_AT(vx_dir, reserved32, 68);

VX_SIZE(vx_user, 64);
VX_AT(vx_user, channel, 32);
VX_AT(vx_user, user_data, 40);
VX_AT(vx_user, pid, 48);
VX_AT(vx_user, flags, 52);
VX_AT(vx_user, event_len, 56);
VX_AT(vx_user, reserved, 60);

#endif
