/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notes from a probe on a function's entry to whatever runs later in the same task: small tables,
 * hashed by task.
 *
 * Notes are left behind: by calls that fail, by probes that are stopped, and in most tables
 * (VX_NOTES) by all that have been read. They do no harm: a note is found only by its task and one
 * of its two keys, and a new note of the task takes the place of the old about the same key, and of
 * what calls have left that have ended since: one within another is of a file system below (level).
 * What a note points to must be held by the caller of the function that wrote it for as long as
 * somebody can ask for it.
 *
 * A full bucket gives the place of what has been read, then of what is oldest. The latter may be
 * of a call that is under way, which then is not told rightly: it is counted, as a hit that the
 * probe could not deliver. In a table whose notes are taken back when the call returns
 * (VX_NOTES_KEPT) all are of such calls, read or not.
 */
#ifndef VEXFS_NOTES_H
#define VEXFS_NOTES_H

#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define VX_NOTE_BUCKETS_BITS 7
#define VX_NOTE_WAYS 4

struct vx_note {
	const struct task_struct *task;  /* NULL: free */
	u64 age;                         /* set by vx_notes_write() */
	const void *key;
	const void *other;               /* second key, or NULL */
	struct inode *target;            /* rename: replaced */
	const char *link;                /* symlink: its target */
	u32 cookie;                      /* exchange */
	u32 kind;                        /* an enum of the file that writes it */
	u32 level;                       /* vx_note_level(); 0: is read after the call, too */
	u64 seen;                        /* calls: channels (slots) that were told */
	u64 started;                     /* open: CLOCK_MONOTONIC, ns */
	bool read;                       /* somebody has found it; not in a table that keeps them */
};

struct vx_note_bucket {
	raw_spinlock_t lock;
	bool used;                       /* there has been a note; set and cleared with the lock */
	u64 age;
	unsigned long lost;              /* notes that had to make room unread */
	struct vx_note note[VX_NOTE_WAYS];
};

struct vx_notes {
	const bool kept;
	struct vx_note_bucket bucket[1 << VX_NOTE_BUCKETS_BITS];
};

#define VX_NOTES(name) VX_NOTES_TABLE(name, false)
#define VX_NOTES_KEPT(name) VX_NOTES_TABLE(name, true)
#define VX_NOTES_TABLE(name, keeps)                                                       \
	struct vx_notes name = {                                                          \
		.kept = (keeps),                                                          \
		.bucket = { [0 ... (1 << VX_NOTE_BUCKETS_BITS) - 1] = {                   \
			.lock = __RAW_SPIN_LOCK_UNLOCKED(name.bucket.lock) } }            \
	}

static inline struct vx_note_bucket *vx_notes_bucket(struct vx_notes *t)
{
	return &t->bucket[hash_ptr(current, VX_NOTE_BUCKETS_BITS)];
}

/*
 * True when the current task has surely no note. Without the lock: only the task itself writes
 * notes of its own, and it sees what it has written.
 */
static inline bool vx_notes_none(struct vx_notes *t)
{
	return !READ_ONCE(vx_notes_bucket(t)->used);
}

/* Of a call for a file of @sb: larger than that of what file systems below do within that call. */
static inline u32 vx_note_level(const struct super_block *sb)
{
	return 1 + sb->s_stack_depth;
}

/*
 * Writes @n for the current task, and drops what it has about the same keys, and what it has of the
 * same level or a smaller one: those calls have ended. Any context.
 */
void vx_notes_write(struct vx_notes *t, struct vx_note *n);
/* Drops what the current task has about @key. */
void vx_notes_drop(struct vx_notes *t, const void *key);
/* Copies the current task's note about @key to @n. */
bool vx_notes_find(struct vx_notes *t, const void *key, struct vx_note *n);
/* The same, and takes it out. */
bool vx_notes_take(struct vx_notes *t, const void *key, struct vx_note *n);
/* Sets @bit in the note's seen; @before is the note as it was. False when there is none. */
bool vx_notes_mark(struct vx_notes *t, const void *key, u64 bit, struct vx_note *before);
void vx_notes_clear(struct vx_notes *t);
/* Notes that had to make room and may have been missed, since the module was loaded. */
unsigned long vx_notes_lost(const struct vx_notes *t);

#endif
