/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the kernel's walk along a path ends. */
#ifndef VEXFS_WALK_H
#define VEXFS_WALK_H

#include <linux/dcache.h>

/*
 * From the argument of terminate_walk(): the dentry that the walk has come to, and the component
 * of the path that it took last or was to take next. The dentry is held for as long as that
 * function has not let go of it. The text of the component is there only if it is a part of the
 * path that was given: that of a symbolic link may be gone. False: the walk has come nowhere, or
 * the kernel keeps these elsewhere.
 */
bool vx_walk_read(const void *walk, struct dentry **at, struct qstr *last);

/*
 * Finds out whether vx_walk_read() tells the truth on this kernel: makes a walk whose end is known.
 * The probe on terminate_walk() is running and calls vx_walk_seen().
 */
bool vx_walk_check(void);
void vx_walk_seen(const void *walk);

#endif
