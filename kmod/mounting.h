/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a mount(2) mounts. path_mount() does not tell: it resolves the source of a bind mount and
 * makes a new mount's super block inside. So the tasks that are in it are remembered, and two
 * functions that they call there are looked at:
 *
 *   kern_path()         the first one of a bind mount resolves its source
 *   vfs_create_mount()  has the super block that is mounted anew
 */
#ifndef VEXFS_MOUNTING_H
#define VEXFS_MOUNTING_H

#include <linux/fs.h>

#define VX_MOUNTINGS 64   /* calls of path_mount() that can be under way */

/* This task enters path_mount(), with MS_BIND or not. From a handler; before vx_mounting_end(). */
void vx_mounting_begin(bool bind);
/*
 * This task leaves it. Returns the super block that was mounted, to be compared only; NULL when it
 * is not known.
 */
const struct super_block *vx_mounting_end(void);

/* Started before the probe that calls begin and end, stopped after it. 0 or an errno. */
int vx_mounting_start(void);
void vx_mounting_stop(void);
unsigned long vx_mounting_missed(void);

#endif
