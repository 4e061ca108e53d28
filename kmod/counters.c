// SPDX-License-Identifier: GPL-2.0-only
/* Adding up a channel's counters. */
#include "channel.h"
#include "probe.h"

void vx_counters_sum(struct vx_channel *ch, struct vx_stats *out)
{
	unsigned int cpu, op;

	for_each_possible_cpu(cpu) {
		const struct vx_counters *c = per_cpu_ptr(ch->counters, cpu);

		out->dirs += READ_ONCE(c->dirs);
		out->wakeups += READ_ONCE(c->wakeups);
		for (op = 0; op < VX_OP_SLOTS; op++) {
			const struct vx_producer *p =
				vx_ring_producer(&ch->ring, cpu, vx_op_class(op));

			out->seen[op] += READ_ONCE(c->seen[op]);
			out->filtered[op] += READ_ONCE(c->filtered[op]);
			out->emitted[op] += READ_ONCE(p->delivered[op]);
			out->lost[op] += READ_ONCE(p->lost[op]);
		}
	}
	out->tickets = vx_ring_tickets(&ch->ring);
	out->probe_missed = vx_probes_missed() - ch->missed_before;
	mutex_lock(&ch->push.lock);
	out->pushed = ch->push.entries;
	out->push_failed = ch->push.failed;
	memcpy(out->pushed_op, ch->push.by_op, sizeof(out->pushed_op));
	memcpy(out->pushed_uop, ch->push.by_uop, sizeof(out->pushed_uop));
	mutex_unlock(&ch->push.lock);
}

void vx_counters_latency(struct vx_channel *ch, u64 out[VX_LATENCY_BUCKETS])
{
	unsigned int cpu, i;

	for_each_possible_cpu(cpu)
		for (i = 0; i < VX_LATENCY_BUCKETS; i++)
			out[i] += READ_ONCE(per_cpu_ptr(ch->counters, cpu)->latency[i]);
}
