// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which operation an fsnotify event is. What arrives for which system call was measured on 6.1,
 * 6.12 and 7.3; the table is in docs/abi.md.
 */
#include <linux/fsnotify_backend.h>

#include "classify.h"
#include "place.h"

static unsigned int created(struct vx_fact *f, u32 mask, int data_type)
{
	if (mask & FS_ISDIR) {
		f->flags = VX_F_DIRECTORY;
		return VX_OP_DIR_CREATE;
	}
	if (!f->inode)
		return VX_OP_FILE_CREATE;
	/*
	 * link(2) is the only one that hands the inode over: the new dentry is not yet joined to
	 * it. One name alone can also mean that the old one has gone in the meantime.
	 */
	if (data_type == FSNOTIFY_EVENT_INODE) {
		if (f->inode->i_nlink != 1 || !vx_place_tmpfile(f->inode))
			return VX_OP_HARDLINK_CREATE;
		f->flags = VX_F_TMPFILE;
		return VX_OP_FILE_CREATE;
	}
	if (S_ISLNK(f->inode->i_mode))
		return VX_OP_SYMLINK_CREATE;
	if (!S_ISREG(f->inode->i_mode))
		f->flags = VX_F_SPECIAL;
	return VX_OP_FILE_CREATE;
}

static unsigned int deleted(struct vx_fact *f, u32 mask)
{
	f->flags = f->inode && !f->inode->i_nlink ? VX_F_LAST_LINK : 0;
	if (!(mask & FS_ISDIR))
		return VX_OP_FILE_DELETE;
	f->flags = VX_F_DIRECTORY | VX_F_LAST_LINK;
	return VX_OP_DIR_DELETE;
}

static unsigned int renamed(struct vx_fact *f, struct dentry *moved, struct inode *dir,
			    const struct qstr *name)
{
	if (!moved)
		return VX_OP_NONE;
	/* Both directories are locked: the dentry stays where it has just been put. */
	f->dir = d_inode(moved->d_parent);
	f->name = &moved->d_name;
	f->flags = f->inode ? vx_kind_flags(f->inode->i_mode) : 0;
	f->more = true;
	f->elsewhere = false;
	f->copy = NULL;
	f->error = 0;
	f->started = 0;
	f->old_dir = dir;
	f->old_name = name;
	f->target = NULL;
	f->cookie = 0;
	return VX_OP_FILE_RENAME;
}

unsigned int vx_classify(struct vx_fact *f, u32 mask, const void *data, int data_type,
			 struct inode *dir, const struct qstr *name)
{
	f->inode = fsnotify_data_inode(data, data_type);
	f->dentry = NULL;
	f->dir = dir;
	f->name = name;
	f->flags = 0;
	f->more = false;
	if (mask & FS_RENAME)
		return renamed(f, fsnotify_data_dentry(data, data_type), dir, name);
	if (mask & (FS_CREATE | FS_DELETE)) {
		if (!dir || !name)
			return VX_OP_NONE;
		return mask & FS_CREATE ? created(f, mask, data_type) : deleted(f, mask);
	}
	/*
	 * With a dentry: from notify_change(), whose probe reports it. With an inode: sysfs and the
	 * like.
	 */
	if (data_type == FSNOTIFY_EVENT_INODE && f->inode && (mask & FS_MODIFY)) {
		if (!dir || !name)
			f->dir = NULL, f->name = NULL;
		return VX_OP_FILE_WRITE;
	}
	return VX_OP_NONE;
}
