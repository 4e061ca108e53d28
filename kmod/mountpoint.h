/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a mount hangs: the dentry that it covers. */
#ifndef VEXFS_MOUNTPOINT_H
#define VEXFS_MOUNTPOINT_H

#include <linux/mount.h>
#include <linux/path.h>

/*
 * Finds out whether vx_mountpoint() can be trusted on this kernel, by comparing it with what
 * follow_up() says. Sleeps.
 */
void vx_mountpoint_check(void);

/*
 * The dentry that @mnt is mounted on, in *@parent; NULL when it hangs nowhere or is not known on
 * this kernel. For handlers: takes no reference, so it is good only while the mount cannot go away.
 */
struct dentry *vx_mountpoint(struct vfsmount *mnt, struct vfsmount **parent);

#endif
