// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing pending losses out (VX_IOC_BARRIER). Only a sub-ring's producer may write it, so the work
 * goes to each CPU: to a thread there, not to an interrupt, which could come between a hook's begin
 * and commit. A CPU that is offline has no producer; while none can come online, its sub-rings are
 * anybody's, one after the other.
 */
#include <linux/cpu.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "channel.h"

static DEFINE_MUTEX(offline);  /* one at a time stands in for producers that are not there */

struct flush {
	struct vx_channel *ch;
	unsigned int cpu;
};

static long flush_cpu(void *arg)
{
	const struct flush *f = arg;
	unsigned int cls;

	preempt_disable();
	for (cls = 0; cls < VX_CLASSES; cls++)
		vx_ring_flush_loss(&f->ch->ring, f->cpu, cls);
	preempt_enable();
	return 0;
}

static bool pending(const struct vx_channel *ch, unsigned int cpu)
{
	unsigned int cls;

	for (cls = 0; cls < VX_CLASSES; cls++)
		/* Acquire: pairs with the producer's release in account_loss(). */
		if (smp_load_acquire(&vx_ring_producer(&ch->ring, cpu, cls)->loss_pending))
			return true;
	return false;
}

u64 vx_channel_barrier(struct vx_channel *ch)
{
	unsigned int cpu;

	cpus_read_lock();
	for (cpu = 0; cpu < ch->ring.n; cpu++) {
		struct flush f = { .ch = ch, .cpu = cpu };

		if (!pending(ch, cpu))
			continue;
		if (cpu_online(cpu)) {
			work_on_cpu(cpu, flush_cpu, &f);
		} else {
			mutex_lock(&offline);
			flush_cpu(&f);
			mutex_unlock(&offline);
		}
	}
	cpus_read_unlock();
	return vx_ring_tickets(&ch->ring);
}
