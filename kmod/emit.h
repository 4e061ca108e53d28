/* SPDX-License-Identifier: GPL-2.0-only */
/* From a fact to a record in the ring of the CPU. The hot path. */
#ifndef VEXFS_EMIT_H
#define VEXFS_EMIT_H

#include "fact.h"
#include "super.h"

/*
 * The channel that watches @s sees @op: counted, filtered, the directories announced, written.
 * Preemption off; never from an interrupt. An operation that no watch of @s names is none of this
 * channel's business and is not counted.
 */
void vx_report(struct vx_super *s, unsigned int op, const struct vx_fact *f);

/* The same for @op at a place whose filter has been decided already. */
void vx_report_passed(struct vx_super *s, unsigned int op, const struct vx_fact *f, bool passed);

/* Does so for every channel that watches @sb. For probes. */
void vx_report_all(const struct super_block *sb, unsigned int op, const struct vx_fact *f);

#endif
