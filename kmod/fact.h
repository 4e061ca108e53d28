/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hook or a probe knows of one operation, before anything is decided or written. Lives on
 * the stack.
 */
#ifndef VEXFS_FACT_H
#define VEXFS_FACT_H

#include <linux/dcache.h>
#include <linux/fs.h>

#include "abi/event.h"

/* An object as it was: for when its inode may be gone. */
struct vx_object {
	u64 ino;
	u64 size;
	u32 gen;
	u32 mode;
	u32 nlink;
	u32 owner_uid;
	u32 owner_gid;
};

static inline void vx_object_read(struct vx_object *o, const struct inode *inode)
{
	o->ino = inode->i_ino;
	o->gen = inode->i_generation;
	o->size = i_size_read(inode);
	o->mode = inode->i_mode;
	o->nlink = inode->i_nlink;
	/* A kuid is the number in the initial user namespace. */
	o->owner_uid = __kuid_val(inode->i_uid);
	o->owner_gid = __kgid_val(inode->i_gid);
}

/*
 * The parent and the name are given in one of two ways:
 *   dir and name   of an operation on a name; the VFS holds dir's lock
 *   dentry         of an operation on an object: its parent and name are read from it, and may be
 *                  changing
 */
struct vx_fact {
	struct inode *inode;          /* the object; NULL: what is known of it is in copy */
	struct dentry *dentry;
	struct inode *dir;
	const struct qstr *name;
	u32 flags;                    /* VX_F_* */
	/*
	 * what follows is set, or not there; by FileRename: elsewhere, copy, error, started and
	 * what is behind
	 */
	bool more;
	bool elsewhere;               /* not in the watched file system but in that with fsid */
	u64 fsid;                     /* may be 0: in none */
	const struct vx_object *copy;
	u64 parent_ino;               /* where neither dir nor dentry is there any more */
	u32 parent_gen;
	u32 name2_len;
	const char *name2;            /* symlink target, "type:source" */
	u64 offset;
	u64 length;
	int error;                    /* 0, or the negative errno of an operation that failed */
	u64 started;                  /* CLOCK_MONOTONIC, ns; 0: not measured */
	/* FileRename */
	struct inode *old_dir;        /* NULL: old_parent_ino, as a copy */
	u64 old_parent_ino;
	u32 old_parent_gen;
	const struct qstr *old_name;
	struct inode *target;         /* replaced */
	u32 cookie;
};

/* How long it took until @now: at least 1, or 0 when it was not measured. */
static inline u64 vx_fact_duration(const struct vx_fact *f, u64 now)
{
	if (!f->started)
		return 0;
	return now > f->started ? now - f->started : 1;
}

/* Sets @f->more, with nothing in what it stands for. */
static inline void vx_fact_more(struct vx_fact *f)
{
	if (f->more)
		return;
	f->more = true;
	f->elsewhere = false;
	f->copy = NULL;
	f->parent_ino = 0;
	f->parent_gen = 0;
	f->name2_len = 0;
	f->offset = 0;
	f->length = 0;
	f->error = 0;
	f->started = 0;
}

#endif
