/* SPDX-License-Identifier: GPL-2.0-only */
/* What a channel counts on each CPU, beside what the ring's own accounts say. */
#ifndef VEXFS_COUNTERS_H
#define VEXFS_COUNTERS_H

#include <linux/types.h>

#include "abi/ioctl.h"

/* bucket n: 2^n to 2^(n+1) - 1 ns; the first from 0, the last without end */
#define VX_LATENCY_BUCKETS 32
#define VX_LATENCY_EVERY 64    /* of the attempts on a CPU, the first and then each 64th is timed */

struct vx_channel;

struct vx_counters {
	u64 seen[VX_OP_SLOTS];
	u64 filtered[VX_OP_SLOTS];
	u64 dirs;
	u64 wakeups;
	u64 attempts;      /* of all operations: chooses those that are timed */
	u64 latency[VX_LATENCY_BUCKETS];
};

/* Of one channel since it was made; fills all but size and flags. */
void vx_counters_sum(struct vx_channel *ch, struct vx_stats *out);
/* Adds up the latency histogram. */
void vx_counters_latency(struct vx_channel *ch, u64 out[VX_LATENCY_BUCKETS]);

#endif
