/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a mount(2) or move_mount(2) mounts. path_mount() does not tell: it resolves the source of a
 * bind mount or a move and makes a new mount's super block inside. Neither does do_move_mount() on
 * every kernel (see probe_mount.c). So the tasks that are in one of them are remembered, and
 * functions that they call there are looked at:
 *
 *   kern_path()            the first one of a bind mount or a move resolves its source
 *   vfs_get_tree()         makes or finds the super block that is mounted anew
 *   security_move_mount()  is told what move_mount(2) moves, and where to
 */
#ifndef VEXFS_MOUNTING_H
#define VEXFS_MOUNTING_H

#include <linux/fs.h>

#define VX_MOUNTINGS 64   /* calls of path_mount() that can be under way */

enum vx_mounting_kind { VX_MOUNTING_NEW, VX_MOUNTING_BIND, VX_MOUNTING_MOVE };

/*
 * This task enters path_mount() or move_mount(2); @to is where the mount goes, NULL if that is not
 * known yet. From a handler; before vx_mounting_end().
 */
void vx_mounting_begin(enum vx_mounting_kind kind, const struct path *to);
/*
 * What this task is about to move, and where to; false when that is not known. For the entry of
 * do_move_mount(): both paths are its caller's, and stay until it has returned.
 */
bool vx_mounting_moves(const struct path **from, const struct path **to);
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
