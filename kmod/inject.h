/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Injected fsnotify events: so that inotify and fanotify watchers on a FUSE mount see what was
 * changed behind it. The kernel's FUSE raises none for that.
 */
#ifndef VEXFS_INJECT_H
#define VEXFS_INJECT_H

#include <linux/sched.h>

#include "abi/command.h"
#include "channel.h"

/*
 * Raises the fsnotify event that @event stands for in directory inject_* of a FUSE super block that
 * @ch watches. 0; -ENOENT when @ch does not watch it, or the directory is not cached, and so cannot
 * be watched by anybody; -EOPNOTSUPP when it is no FUSE, or the operation has no fsnotify event.
 */
int vx_inject(struct vx_channel *ch, const struct vx_push *e, const struct vx_event *event);

extern struct task_struct *vx_injecting;

/* The event that is being delivered was raised by vx_inject(): it did not happen. */
static inline bool vx_inject_is_mine(void)
{
	return READ_ONCE(vx_injecting) == current;
}

#endif
