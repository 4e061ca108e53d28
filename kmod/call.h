/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls on names and attributes that are under way: what the probes on the functions behind system
 * calls know of the outermost one that a task is in, from its entry to its return. A failed
 * operation is told from here: nobody else in the kernel tells of it.
 *
 * A call is about a path, or about a dentry. The latter is held by whoever calls the probed
 * function until it returns. What a path led to is let go before the function returns, so it is
 * copied as soon as it is known: where it is, what is there, and which channels want to hear of it.
 * The directory is announced to them at that moment.
 *
 * Preemption is off in all of these.
 */
#ifndef VEXFS_CALL_H
#define VEXFS_CALL_H

#include "abi/ioctl.h"
#include "abi/version.h"
#include "emit.h"
#include "probe.h"
#include "slots.h"

/* Where something is, as a copy. */
struct vx_spot {
	u64 ino;       /* the parent; 0: nothing is known */
	u32 gen;
	u32 len;
	char name[NAME_MAX + 1] __aligned(8);
};

struct vx_call {
	struct vx_slot_head head;
	u32 op;
	u64 started;                      /* CLOCK_MONOTONIC, ns */
	bool told;                        /* FileOpen: the kernel has notified who watches */
	struct dentry *dentry;            /* held until the call returns; NULL: about a path */
	/* about a path */
	const struct filename *name[2];   /* as the program gave them; or NULL */
	const struct super_block *sb;     /* compared only; NULL: no place is known */
	u64 passed;                       /* channels (slots) that want to hear of it */
	u32 flags;                        /* VX_F_DIRECTORY of the object */
	bool known;                       /* the object is there and in object */
	bool walked;                      /* at is where a walk ended, not what was asked for */
	struct vx_object object;
	struct vx_spot at;
	struct vx_spot old;               /* FileRename: where it was */
};

extern struct vx_slots vx_calls;

/*
 * A call of @op begins, about @dentry or NULL. NULL when it is inside another or there is no room.
 */
struct vx_call *vx_call_begin(unsigned int op, struct dentry *dentry);
/* The current task's call, or NULL. */
static inline struct vx_call *vx_call_current(void)
{
	return vx_slots_find(&vx_calls);
}

/*
 * The path of @c led to @name in @dir; @walked: a walk ended there. A second place of a rename is
 * the new one. The dentry is held.
 */
void vx_call_at_name(struct vx_call *c, struct dentry *dir, const struct qstr *name, bool walked);
/* A walk ended at @dentry. */
void vx_call_at(struct vx_call *c, struct dentry *dentry);
/* What is there is @dentry. */
void vx_call_object(struct vx_call *c, struct dentry *dentry);

/* @error of a function that is probed: is it how the operation ended for the program? */
static inline bool vx_call_failed(long error)
{
	return error < 0 && error > -ERESTARTSYS && error != -EAGAIN;
}

/* Tells those who want it that @c failed with @error. */
void vx_call_report(const struct vx_call *c, int error);

#endif
