/* SPDX-License-Identifier: GPL-2.0-only */
/* From what fsnotify says to one of the 18 operations. */
#ifndef VEXFS_CLASSIFY_H
#define VEXFS_CLASSIFY_H

#include "fact.h"

/*
 * Fills @f from an fsnotify event. Returns the operation, or VX_OP_NONE for an event that is
 * another one's shadow (the modification that a truncation raises: its probe reports it) or means
 * nothing here.
 */
unsigned int vx_classify(struct vx_fact *f, u32 mask, const void *data, int data_type,
			 struct inode *dir, const struct qstr *name);

#endif
