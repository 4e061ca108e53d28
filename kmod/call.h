/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls under way: what the probes on the functions behind system calls know of the outermost one
 * that a task is in, from its entry to its return. A failed operation is told from here: nobody
 * else in the kernel tells of it.
 *
 * A call is about open files, or about a path. The files and dentries of the former are held by
 * whoever calls the probed function until it returns. What a path led to is let go before the
 * function returns, so it is copied as soon as it is known: where it is, what is there, and which
 * channels want to hear of it. The directory is announced to them at that moment.
 *
 * One place a call, found by the task; calls inside of it have none and are not told. When there is
 * no place left, the call is not followed, which is counted. Handlers only; no lock is taken: only
 * a task itself writes what is found under it.
 */
#ifndef VEXFS_CALL_H
#define VEXFS_CALL_H

#include "abi/ioctl.h"
#include "abi/version.h"
#include "emit.h"
#include "probe.h"

#define VX_CALL_BUCKETS_BITS 7
#define VX_CALL_WAYS 8

/* Where something is, as a copy. */
struct vx_spot {
	u64 ino;       /* the parent; 0: nothing is known */
	u32 gen;
	u32 len;
	char name[NAME_MAX + 1] __aligned(8);
};

struct vx_call {
	const struct task_struct *task;   /* NULL: free */
	u32 op;
	/* about open files, or about something whose place is known */
	struct dentry *dentry;            /* held until the call returns; NULL: about a path */
	/* about a path */
	const struct super_block *sb;     /* compared only; NULL: no place is known */
	u64 passed;                       /* channels (slots) that want to hear of it */
	u32 flags;                        /* VX_F_DIRECTORY of the object */
	bool known;                       /* the object is there and in object */
	bool walked;                      /* at is where a walk ended, not what was asked for */
	struct vx_object object;
	struct vx_spot at;
	struct vx_spot old;               /* FileRename: where it was */
};

/* Memory for the calls. Process context, one caller at a time. */
int vx_calls_start(void);
void vx_calls_stop(void);

/* A call of @op begins: its place, or NULL when it is inside another or there is no room. */
struct vx_call *vx_call_begin(unsigned int op);
void vx_call_end(struct vx_call *c);
/* The current task's call, or NULL. */
struct vx_call *vx_call_current(void);
unsigned long vx_calls_missed(void);

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
