/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Pins the size of every structure of the boundary and the offset of every field. shared/ring.c
 * includes it, so the module is checked as well as the programs; tests/abi/offsets.cpp sees to it
 * that no structure and no byte is left out.
 */
#ifndef VEXFS_ABI_OFFSETS_H
#define VEXFS_ABI_OFFSETS_H

#include "command.h"
#include "event.h"
#include "ioctl.h"
#include "layout.h"

/* A test reads the rows as data. */
#ifndef VX_AT
#define VX_AT(type, field, offset) \
	VX_STATIC_ASSERT(offsetof(struct type, field) == (offset), #type "." #field " moved")
#define VX_SIZE(type, size) \
	VX_STATIC_ASSERT(sizeof(struct type) == (size), #type " changed its size")
#endif

/* event.h */

VX_SIZE(vx_record, 32);
VX_AT(vx_record, len, 0);
VX_AT(vx_record, type, 4);
VX_AT(vx_record, op, 6);
VX_AT(vx_record, ticket, 8);
VX_AT(vx_record, count, 16);
VX_AT(vx_record, mono_ns, 24);

VX_SIZE(vx_event, 160);
VX_AT(vx_event, rec, 0);
VX_AT(vx_event, fsid, 32);
VX_AT(vx_event, ino, 40);
VX_AT(vx_event, parent_ino, 48);
VX_AT(vx_event, gen, 56);
VX_AT(vx_event, parent_gen, 60);
VX_AT(vx_event, size, 64);
VX_AT(vx_event, offset, 72);
VX_AT(vx_event, length, 80);
VX_AT(vx_event, duration_ns, 88);
VX_AT(vx_event, flags, 96);
VX_AT(vx_event, error, 100);
VX_AT(vx_event, mode, 104);
VX_AT(vx_event, nlink, 108);
VX_AT(vx_event, uid, 112);
VX_AT(vx_event, gid, 116);
VX_AT(vx_event, owner_uid, 120);
VX_AT(vx_event, owner_gid, 124);
VX_AT(vx_event, pid, 128);
VX_AT(vx_event, tid, 132);
VX_AT(vx_event, cookie, 136);
VX_AT(vx_event, name_len, 140);
VX_AT(vx_event, name2_len, 142);
VX_AT(vx_event, comm, 144);

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
VX_AT(vx_lost, rec, 0);
VX_AT(vx_lost, last_ticket, 32);
VX_AT(vx_lost, last_ns, 40);
VX_AT(vx_lost, lost, 48);
VX_AT(vx_lost, producer, 56);
VX_AT(vx_lost, dirty, 60);
VX_AT(vx_lost, flags, 62);
VX_AT(vx_lost, per_op, 64);

VX_SIZE(vx_dir, 72);
VX_AT(vx_dir, rec, 0);
VX_AT(vx_dir, fsid, 32);
VX_AT(vx_dir, ino, 40);
VX_AT(vx_dir, parent_ino, 48);
VX_AT(vx_dir, gen, 56);
VX_AT(vx_dir, parent_gen, 60);
VX_AT(vx_dir, name_len, 64);
VX_AT(vx_dir, reserved16, 66);
VX_AT(vx_dir, reserved32, 68);

VX_SIZE(vx_user, 64);
VX_AT(vx_user, rec, 0);
VX_AT(vx_user, channel, 32);
VX_AT(vx_user, user_data, 40);
VX_AT(vx_user, pid, 48);
VX_AT(vx_user, flags, 52);
VX_AT(vx_user, event_len, 56);
VX_AT(vx_user, reserved, 60);

/* layout.h */

VX_SIZE(vx_ring_header, 192);
VX_AT(vx_ring_header, magic, 0);
VX_AT(vx_ring_header, abi_version, 8);
VX_AT(vx_ring_header, producers, 12);
VX_AT(vx_ring_header, features, 16);
VX_AT(vx_ring_header, channel, 24);
VX_AT(vx_ring_header, size, 32);
VX_AT(vx_ring_header, producer_off, 48);
VX_AT(vx_ring_header, data_off, 56);
VX_AT(vx_ring_header, total, 64);
VX_AT(vx_ring_header, real_offset_ns, 72);
VX_AT(vx_ring_header, consumer_bytes, 80);
VX_AT(vx_ring_header, reserved, 88);
VX_AT(vx_ring_header, tickets, 128);
VX_AT(vx_ring_header, pad, 136);

VX_SIZE(vx_producer, 2048);
VX_AT(vx_producer, head, 0);
VX_AT(vx_producer, busy, 8);
VX_AT(vx_producer, attempted, 16);
VX_AT(vx_producer, tail_seen, 24);
VX_AT(vx_producer, loss_pending, 32);
VX_AT(vx_producer, bad_tail, 40);
VX_AT(vx_producer, high_water, 48);
VX_AT(vx_producer, pad, 56);
VX_AT(vx_producer, delivered, 64);
VX_AT(vx_producer, lost, 216);
VX_AT(vx_producer, loss_first_ticket, 368);
VX_AT(vx_producer, loss_last_ticket, 376);
VX_AT(vx_producer, loss_first_count, 384);
VX_AT(vx_producer, loss_first_ns, 392);
VX_AT(vx_producer, loss_last_ns, 400);
VX_AT(vx_producer, loss_per_op, 408);
VX_AT(vx_producer, loss_placed, 488);
VX_AT(vx_producer, dirty_count, 496);
VX_AT(vx_producer, dirty_overflow, 500);
VX_AT(vx_producer, dirty, 504);
VX_AT(vx_producer, tail_pad, 2016);

VX_SIZE(vx_consumer, 64);
VX_AT(vx_consumer, sleeping, 0);
VX_AT(vx_consumer, reserved, 4);
VX_AT(vx_consumer, next_ticket, 8);
VX_AT(vx_consumer, next_seq, 16);
VX_AT(vx_consumer, missed, 24);
VX_AT(vx_consumer, first_seq, 32);
VX_AT(vx_consumer, pad, 40);

VX_SIZE(vx_consumer_slot, 64);
VX_AT(vx_consumer_slot, tail, 0);
VX_AT(vx_consumer_slot, wake, 16);
VX_AT(vx_consumer_slot, next_count, 32);
VX_AT(vx_consumer_slot, pad, 48);

/* command.h */

VX_SIZE(vx_push_header, 64);
VX_AT(vx_push_header, tail, 0);
VX_AT(vx_push_header, head, 8);
VX_AT(vx_push_header, size, 16);
VX_AT(vx_push_header, entries, 24);
VX_AT(vx_push_header, reserved, 32);

VX_SIZE(vx_push_result, 16);
VX_AT(vx_push_result, user_data, 0);
VX_AT(vx_push_result, result, 8);
VX_AT(vx_push_result, receivers, 12);

VX_SIZE(vx_push, 72);
VX_AT(vx_push, len, 0);
VX_AT(vx_push, uop, 4);
VX_AT(vx_push, reserved16, 6);
VX_AT(vx_push, flags, 8);
VX_AT(vx_push, uop_mask, 12);
VX_AT(vx_push, user_data, 16);
VX_AT(vx_push, chain, 24);
VX_AT(vx_push, expect, 32);
VX_AT(vx_push, inject_fsid, 40);
VX_AT(vx_push, inject_node, 48);
VX_AT(vx_push, inject_ino, 56);
VX_AT(vx_push, inject_object, 64);

/* ioctl.h */

VX_SIZE(vx_query, 48);
VX_AT(vx_query, size, 0);
VX_AT(vx_query, flags, 4);
VX_AT(vx_query, abi_version, 8);
VX_AT(vx_query, producers, 12);
VX_AT(vx_query, features, 16);
VX_AT(vx_query, ops, 24);
VX_AT(vx_query, real_offset_ns, 32);
VX_AT(vx_query, detail, 40);
VX_AT(vx_query, reserved, 44);

VX_SIZE(vx_create, 136);
VX_AT(vx_create, size, 0);
VX_AT(vx_create, flags, 4);
VX_AT(vx_create, size_m, 8);
VX_AT(vx_create, size_d, 16);
VX_AT(vx_create, push_size, 24);
VX_AT(vx_create, user_ops, 32);
VX_AT(vx_create, linger_s, 36);
VX_AT(vx_create, name, 40);
VX_AT(vx_create, channel, 80);
VX_AT(vx_create, ring_bytes, 88);
VX_AT(vx_create, consumer_bytes, 96);
VX_AT(vx_create, push_bytes, 104);
VX_AT(vx_create, lingered_ns, 112);
VX_AT(vx_create, last_watch, 120);
VX_AT(vx_create, reserved64, 128);

VX_SIZE(vx_watch_add, 80);
VX_AT(vx_watch_add, size, 0);
VX_AT(vx_watch_add, flags, 4);
VX_AT(vx_watch_add, path_fd, 8);
VX_AT(vx_watch_add, detail, 12);
VX_AT(vx_watch_add, ops, 16);
VX_AT(vx_watch_add, uid, 24);
VX_AT(vx_watch_add, pid, 28);
VX_AT(vx_watch_add, watch, 32);
VX_AT(vx_watch_add, fsid, 40);
VX_AT(vx_watch_add, ino, 48);
VX_AT(vx_watch_add, root_ino, 56);
VX_AT(vx_watch_add, dev, 64);
VX_AT(vx_watch_add, gen, 72);
VX_AT(vx_watch_add, root_gen, 76);

VX_SIZE(vx_watch_remove, 16);
VX_AT(vx_watch_remove, size, 0);
VX_AT(vx_watch_remove, flags, 4);
VX_AT(vx_watch_remove, watch, 8);

VX_SIZE(vx_watch_state, 24);
VX_AT(vx_watch_state, size, 0);
VX_AT(vx_watch_state, flags, 4);
VX_AT(vx_watch_state, watch, 8);
VX_AT(vx_watch_state, state, 16);
VX_AT(vx_watch_state, reserved, 20);

VX_SIZE(vx_push_call, 24);
VX_AT(vx_push_call, size, 0);
VX_AT(vx_push_call, flags, 4);
VX_AT(vx_push_call, entries, 8);
VX_AT(vx_push_call, handled, 12);
VX_AT(vx_push_call, failed, 16);
VX_AT(vx_push_call, reserved, 20);

VX_SIZE(vx_barrier, 16);
VX_AT(vx_barrier, size, 0);
VX_AT(vx_barrier, flags, 4);
VX_AT(vx_barrier, tickets, 8);

VX_SIZE(vx_stats, 1032);
VX_AT(vx_stats, size, 0);
VX_AT(vx_stats, flags, 4);
VX_AT(vx_stats, tickets, 8);
VX_AT(vx_stats, wakeups, 16);
VX_AT(vx_stats, dirs, 24);
VX_AT(vx_stats, pushed, 32);
VX_AT(vx_stats, push_failed, 40);
VX_AT(vx_stats, probe_missed, 48);
VX_AT(vx_stats, seen, 56);
VX_AT(vx_stats, filtered, 208);
VX_AT(vx_stats, emitted, 360);
VX_AT(vx_stats, lost, 512);
VX_AT(vx_stats, pushed_op, 664);
VX_AT(vx_stats, pushed_uop, 816);

#endif
