// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which operation an fsnotify event is. What arrives for which system call was measured on 6.1,
 * 6.12 and 7.3; the table is in docs/abi.md.
 */
#include <linux/fsnotify_backend.h>

#include "classify.h"
#include "place.h"

static u32 kind_flags(umode_t mode)
{
	if (S_ISDIR(mode))
		return VX_F_DIRECTORY;
	return 0;
}

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
	*f = (struct vx_fact){
		.inode = f->inode,
		.dir = d_inode(moved->d_parent),
		.name = &moved->d_name,
		.flags = kind_flags(f->inode ? f->inode->i_mode : 0),
		.more = true,
		.old_dir = dir,
		.old_name = name,
	};
	return VX_OP_FILE_RENAME;
}

/* Something happened to an open file; it brings the path that the file was opened by. */
static unsigned int accessed(struct vx_fact *f, u32 mask)
{
	f->flags = kind_flags(f->inode->i_mode);
	if (mask & FS_OPEN) {
		if (mask & FS_OPEN_EXEC)
			f->flags |= VX_F_EXEC;
		return VX_OP_FILE_OPEN;
	}
	if (mask & (FS_CLOSE_WRITE | FS_CLOSE_NOWRITE)) {
		if (mask & FS_CLOSE_WRITE)
			f->flags |= VX_F_WROTE;
		return VX_OP_FILE_CLOSE;
	}
	if (mask & FS_MODIFY)
		return VX_OP_FILE_WRITE;
	if (mask & FS_ACCESS)
		return f->flags & VX_F_DIRECTORY ? VX_OP_DIR_READ : VX_OP_FILE_READ;
	return VX_OP_NONE;
}

unsigned int vx_classify(struct vx_fact *f, u32 mask, const void *data, int data_type,
			 struct inode *dir, const struct qstr *name)
{
	const struct path *path;

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
	path = fsnotify_data_path(data, data_type);
	if (path) {
		/*
		 * A parent that is watched by somebody else adds dir and name; the dentry knows
		 * them as well.
		 */
		f->dentry = path->dentry;
		f->dir = NULL;
		f->name = NULL;
		return f->inode ? accessed(f, mask) : VX_OP_NONE;
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
