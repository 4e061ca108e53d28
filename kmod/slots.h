/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a task is doing right now: a table with a slot for each task that is inside of a probed
 * function, for the probes and hooks that run in the same task meanwhile. Not in the instances of
 * the return probes: those can be freed under who finds them, when the probe is stopped.
 *
 * No lock is taken. A task finds only its own slot, and only it writes there. When all places that
 * a task could have are taken, it gets none, which is counted.
 */
#ifndef VEXFS_SLOTS_H
#define VEXFS_SLOTS_H

#include <linux/atomic.h>
#include <linux/types.h>

#define VX_SLOTS_BUCKETS_BITS 7
#define VX_SLOTS_WAYS 4

/* The first member of what is in a slot. */
struct vx_slot_head {
	const struct task_struct *task;   /* NULL: free */
};

struct vx_slots {
	const size_t size;                /* bytes of a slot */
	char *table;                      /* RCU; NULL: no probe is running */
	atomic_long_t missed;
};

/* Process context, one caller at a time. */
int vx_slots_start(struct vx_slots *t);
/*
 * The probes that take slots are off. Waits for those hooks that still look. What is in a slot and
 * should have been told counts as missed: @pending says so, or is NULL.
 */
void vx_slots_stop(struct vx_slots *t, bool (*pending)(const void *slot));

/* What follows needs preemption to be off. */

/* The current task's slot, or NULL. */
void *vx_slots_find(const struct vx_slots *t);
/* A slot for the current task, which has none. NULL: there is none left. */
void *vx_slots_take(struct vx_slots *t);
void vx_slots_give(void *slot);

#endif
