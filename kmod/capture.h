/* SPDX-License-Identifier: GPL-2.0-only */
/* The fsnotify side: which events to ask for, and what to do with one. */
#ifndef VEXFS_CAPTURE_H
#define VEXFS_CAPTURE_H

#include <linux/fsnotify_backend.h>

/* The fsnotify mask that brings what @ops (VX_OP_BIT()s) need. */
u32 vx_capture_mask(u64 ops);

/* fsnotify_ops.handle_event of a channel's marks. Never sleeps, never fails. */
int vx_capture(struct fsnotify_group *group, u32 mask, const void *data, int data_type,
	       struct inode *dir, const struct qstr *name, u32 cookie,
	       struct fsnotify_iter_info *iter_info);

#endif
