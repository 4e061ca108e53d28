/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls under way that move data: which bytes, how long it takes, how it fails. That something was
 * read or written at all is fsnotify's to say, as without detail: its hook leaves a mark here, and
 * the event is written when the call returns, with the range. So there are neither more nor fewer
 * events than without.
 *
 * The files are held by who calls the probed function until it returns. sendfile(2) lets go of them
 * before, and notifies after all is moved: its inner function leaves the ranges for the hook.
 */
#ifndef VEXFS_TRANSFER_H
#define VEXFS_TRANSFER_H

#include "probe.h"
#include "slots.h"

enum vx_transfer_kind {
	VX_TRANSFER_PLAIN,      /* reports when it returns */
	VX_TRANSFER_OUTER,      /* sendfile: what it calls knows the files and the ranges */
};

/* One end of it that is a file. */
struct vx_side {
	struct file *file;            /* NULL: there is none */
	const struct dentry *dentry;  /* its; compared only */
	const loff_t *pos;            /* the kernel's; behind the bytes when all is done; or NULL */
	u64 offset;                   /* where they begin; given where pos is NULL */
	u64 length;                   /* bytes; known when it is done */
	u64 told;                     /* channels (slots) whose hook left a mark */
	bool done;
};

enum { VX_SIDE_READ, VX_SIDE_WRITTEN, VX_SIDES };

struct vx_transfer {
	struct vx_slot_head head;
	u32 op;                       /* what it is when it fails */
	enum vx_transfer_kind kind;
	u64 started;                  /* CLOCK_MONOTONIC, ns */
	struct vx_side side[VX_SIDES];
};

extern struct vx_slots vx_transfers;

/* All with preemption off. */

/* A call of @op begins. NULL when it is inside another or there is no room. */
struct vx_transfer *vx_transfer_begin(unsigned int op, enum vx_transfer_kind kind);
/* One side of it is @file, at *@pos. */
void vx_transfer_side(struct vx_transfer *t, unsigned int side, struct file *file,
		      const loff_t *pos);
/*
 * It moved @result bytes, or failed with that errno: reports what the hooks have marked, or the
 * failure. What is marked later is reported by the hook.
 */
void vx_transfer_done(struct vx_transfer *t, long result);
/* A hook has left a mark that nobody has reported. For vx_slots_stop(). */
bool vx_transfer_marked(const void *slot);

#endif
