/* SPDX-License-Identifier: GPL-2.0-only */
/* A watch: which operations, by whom and where, a channel wants to see on one super block. */
#ifndef VEXFS_WATCH_H
#define VEXFS_WATCH_H

#include "super.h"

struct vx_watch {
	struct list_head node;   /* super->watches; RCU */
	u64 id;
	u64 ops;
	u32 flags;               /* VX_WATCH_* */
	u32 detail;              /* VX_DETAIL_* */
	uid_t uid;
	pid_t pid;
	pid_t adder;             /* thread group of who added it */
	/* VX_WATCH_SUBTREE: held until the super block goes; then compared no more */
	struct inode *root;
	u64 ino;
	u32 gen;
	struct rcu_head rcu;
};

/*
 * Adds the watch that @args asks for, and fills its answer. 0 or an errno as docs/abi.md lists
 * them.
 */
int vx_watch_add(struct vx_channel *ch, struct vx_watch_add *args);
/* 0 or -ENOENT. */
int vx_watch_remove(struct vx_channel *ch, u64 id);
/* All with a smaller number, and that one. 0 or -ENOENT. */
int vx_watch_remove_up_to(struct vx_channel *ch, u64 id);
/*
 * @pid (0: nobody) is who "not me" means from now on. Where directories are is said anew: who comes
 * may not have been told.
 */
void vx_watches_adopt(struct vx_channel *ch, pid_t pid);
/* Fills the answer. 0 or -ENOENT. */
int vx_watch_state(struct vx_channel *ch, struct vx_watch_state *args);
void vx_watch_remove_all(struct vx_channel *ch);

#endif
