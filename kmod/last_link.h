/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who says that an object's last name is gone. The kernel reports it when it has let go of the
 * object's lock: two tasks that remove the last two names at once both find a link count of 0.
 * The one that comes first to this table says it; so a reader is told once, and with the first of
 * the two events.
 *
 * The table forgets: when another last name falls on the same place between the two, both say it.
 * It does not judge objects without a generation, whose numbers may mean another object by now; and
 * a random generation can be that of an earlier object with the same number, so what is created is
 * taken out.
 */
#ifndef VEXFS_LAST_LINK_H
#define VEXFS_LAST_LINK_H

#include <linux/fs.h>

#include "super.h"

/* True when the channel that watches @s has not been told yet that @inode has no name. */
bool vx_last_link_claim(const struct vx_super *s, const struct inode *inode);
/* @inode has just got its first name: what is known is of an earlier object. */
void vx_last_link_forget(const struct vx_super *s, const struct inode *inode);

#endif
