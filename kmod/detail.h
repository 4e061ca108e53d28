/* SPDX-License-Identifier: GPL-2.0-only */
/* What the watches of a super block may want to know besides (VX_DETAIL_*): added to a fact. */
#ifndef VEXFS_DETAIL_H
#define VEXFS_DETAIL_H

#include "fact.h"
#include "super.h"

/* The two ways: from calls on names and attributes, and from those that move data. */
void vx_probe_paths_add(unsigned int op, struct vx_fact *f);
bool vx_transfer_add(struct vx_super *s, unsigned int op, struct vx_fact *f);

bool vx_detail_add(struct vx_super *s, unsigned int op, struct vx_fact *f);

/*
 * A hook sees @op. Adds to @f what is known already. True: the call under way will report it when
 * it returns, because only then it is known which bytes. Preemption off.
 */
static __always_inline bool vx_detail(struct vx_super *s, unsigned int op, struct vx_fact *f)
{
	return unlikely((READ_ONCE(s->ops_detail) >> op) & 1) && vx_detail_add(s, op, f);
}

#endif
