/* SPDX-License-Identifier: GPL-2.0-only */
/* Does a channel want to see this operation? Decided before anything is written. */
#ifndef VEXFS_FILTER_H
#define VEXFS_FILTER_H

#include "fact.h"
#include "super.h"

/*
 * Some watch of @s wants @op, with all of @detail (VX_DETAIL_*), of the current task on what @f
 * says. Preemption off.
 */
bool vx_filter(const struct vx_super *s, unsigned int op, u32 detail, const struct vx_fact *f);
/* The same for an operation that has no place (sync): by operation and task alone. */
bool vx_filter_task(const struct vx_super *s, unsigned int op);
/* The same for an operation at @dentry, whatever it is. */
bool vx_filter_at(const struct vx_super *s, unsigned int op, u32 detail, struct dentry *dentry);

#endif
