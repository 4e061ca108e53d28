/* SPDX-License-Identifier: GPL-2.0-only */
/* What a hook or a probe knows of one operation, before anything is decided or written. Lives on the stack. */
#ifndef VEXFS_FACT_H
#define VEXFS_FACT_H

#include <linux/dcache.h>
#include <linux/fs.h>

#include "abi/event.h"

/*
 * The parent and the name are given in one of two ways:
 *   dir and name   of an operation on a name; the VFS holds dir's lock
 *   dentry         of an operation on an object: its parent and name are read from it, and may be changing
 */
struct vx_fact {
	struct inode *inode;          /* the object; NULL: only ino and gen are known, or nothing */
	struct dentry *dentry;
	struct inode *dir;
	const struct qstr *name;
	const char *name2;            /* symlink target, "type:source" */
	u32 name2_len;
	u32 flags;                    /* VX_F_* */
	u64 offset;
	u64 length;
	u64 ino;
	u32 gen;
	u32 parent_gen;
	u64 parent_ino;               /* where neither dir nor dentry is there any more */
	bool elsewhere;               /* not in the watched file system but in the one with fsid, which may be 0 */
	u64 fsid;
	/* FileRename */
	struct inode *old_dir;
	const struct qstr *old_name;
	struct inode *target;         /* replaced */
	u32 cookie;
};

#endif
