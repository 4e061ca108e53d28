/* SPDX-License-Identifier: GPL-2.0-only */
/* From what fsnotify says to one of the 18 operations. */
#ifndef VEXFS_CLASSIFY_H
#define VEXFS_CLASSIFY_H

#include <linux/fsnotify_backend.h>

#include "fact.h"

static inline u32 vx_kind_flags(umode_t mode)
{
	return S_ISDIR(mode) ? VX_F_DIRECTORY : 0;
}

/*
 * Fills @f from an fsnotify event on a name or an object. Returns the operation, or VX_OP_NONE for
 * an event that is another one's shadow (the modification that a truncation raises: its probe
 * reports it) or means nothing here.
 */
unsigned int vx_classify(struct vx_fact *f, u32 mask, const void *data, int data_type,
			 struct inode *dir, const struct qstr *name);

/*
 * The same for an event on an open file, which brings the path that the file was opened by. A
 * parent that is watched by somebody else adds directory and name; the dentry knows them as well.
 */
static __always_inline unsigned int vx_classify_open(struct vx_fact *f, u32 mask,
						     const struct path *path)
{
	struct dentry *dentry = path->dentry;
	struct inode *inode = d_inode(dentry);

	f->inode = inode;
	f->dentry = dentry;
	f->dir = NULL;
	f->name = NULL;
	f->more = false;
	if (unlikely(!inode))
		return VX_OP_NONE;
	f->flags = vx_kind_flags(inode->i_mode);
	if (mask & FS_MODIFY)
		return VX_OP_FILE_WRITE;
	if (mask & FS_ACCESS)
		return f->flags & VX_F_DIRECTORY ? VX_OP_DIR_READ : VX_OP_FILE_READ;
	if (mask & FS_OPEN) {
		f->flags |= mask & FS_OPEN_EXEC ? VX_F_EXEC : 0;
		return VX_OP_FILE_OPEN;
	}
	if (mask & (FS_CLOSE_WRITE | FS_CLOSE_NOWRITE)) {
		f->flags |= mask & FS_CLOSE_WRITE ? VX_F_WROTE : 0;
		return VX_OP_FILE_CLOSE;
	}
	return VX_OP_NONE;
}

#endif
