/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an object is: its parent and its name, read from a dentry that may be moving, without a
 * lock and without an atomic operation. Preemption off (which also keeps what RCU frees).
 */
#ifndef VEXFS_PLACE_H
#define VEXFS_PLACE_H

#include <linux/dcache.h>
#include <linux/fs.h>

struct vx_place {
	struct dentry *parent;   /* the dentry itself: it is a root */
	u64 ino;                 /* of the parent; 0: none */
	u32 gen;
	u32 len;                 /* bytes of the name, at most NAME_MAX */
};

/*
 * Fills @p and writes the name to @name, which has room for NAME_MAX + 1 bytes. Both are of one
 * moment: never the old parent with the new name.
 */
void vx_place_read(struct dentry *dentry, struct vx_place *p, char *name);

/*
 * The dentry of directory @dir, to be compared or walked up from while preemption is off; NULL when
 * none is cached.
 */
struct dentry *vx_place_dir(struct inode *dir);

#endif
