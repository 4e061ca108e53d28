// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pushed events. The entries are in memory that the process can change at any time: each one's
 * length is read once, the entry copied once, and only the checked copy is looked at.
 */
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "abi/command.h"
#include "inject.h"
#include "push.h"
#include "record.h"
#include "trace.h"

#define ENTRY_MIN ((u32)(sizeof(struct vx_push) + sizeof(struct vx_event)))
#define ENTRY_MAX ((u32)(sizeof(struct vx_push) + VX_EVENT_MAX))

int vx_push_init(struct vx_pusher *p, u64 size)
{
	struct vx_push_header *h;
	int err;

	mutex_init(&p->lock);
	p->size = size;
	p->bounce = kmalloc(ENTRY_MAX, GFP_KERNEL_ACCOUNT);
	if (!p->bounce)
		return -ENOMEM;
	BUILD_BUG_ON(VX_PUSH_ENTRIES_OFF % VX_PAGE);
	err = vx_area_init(&p->area, vx_push_bytes(size));
	if (!err)
		err = vx_area_add(&p->area, VX_PUSH_ENTRIES_OFF, 1, NUMA_NO_NODE);
	if (!err)
		err = vx_area_add(&p->area, size, 2, NUMA_NO_NODE);
	if (!err)
		err = vx_area_finish(&p->area);
	if (err)
		return err;
	h = p->area.base;
	h->size = size;
	return 0;
}

void vx_push_free(struct vx_pusher *p)
{
	vx_area_free(&p->area);
	kfree(p->bounce);
}

static int check(const struct vx_push *e, const struct vx_event *event)
{
	const bool inject = e->flags & VX_PUSH_F_INJECT;
	int err;

	if (e->uop >= VX_UOP_COUNT)
		return -EPROTO;
	if (e->uop_mask >> VX_UOP_COUNT || !((e->uop_mask >> e->uop) & 1))
		return -EINVAL;
	if ((e->flags & ~VX_PUSH_F_ALL) || e->reserved16 || e->expect)
		return -EINVAL;
	if (!inject && (e->inject_fsid || e->inject_node || e->inject_ino || e->inject_object))
		return -EINVAL;
	if (event->rec.len != e->len - sizeof(*e))
		return -EBADMSG;
	err = vx_event_check(event, e->len - sizeof(*e));
	if (err)
		return err;
	return vx_uops_answer(e->uop_mask, event->rec.op) ? 0 : -EINVAL;
}

/*
 * Writes the entry into the ring of @to, which has asked for the operations @wanted of it.
 * Preemption off. Returns 1 when it found room.
 */
static u32 deliver(struct vx_channel *from, struct vx_channel *to, const struct vx_push *e,
		   const struct vx_event *event, u32 wanted, u64 now)
{
	const u32 len = sizeof(struct vx_user) + event->rec.len;
	struct vx_user *u;
	struct vx_slot slot;

	this_cpu_inc(to->counters->seen[VX_OP_USER]);
	u = vx_ring_begin(&to->ring, smp_processor_id(), VX_OP_USER, len, now, &slot);
	if (!u) {
		/* No directory has changed by it. */
		vx_ring_dirty(&to->ring, smp_processor_id(), NULL, 0);
		vx_channel_lost(to, VX_OP_USER);
		return 0;
	}
	u->rec.len = len;
	u->rec.type = VX_REC_USER;
	u->rec.op = wanted >> e->uop & 1 ? e->uop : __ffs(wanted);
	u->channel = from->id;
	u->user_data = e->user_data;
	u->pid = current->tgid;
	u->flags = e->flags;
	u->event_len = event->rec.len;
	u->reserved = 0;
	memcpy(u + 1, event, event->rec.len);
	vx_ring_commit(&to->ring, &slot, len);
	trace_vexfs_emit(to->id, &u->rec, (const struct vx_event *)(u + 1));
	return 1;
}

static u32 emit(struct vx_channel *ch, const struct vx_push *e, const struct vx_event *event)
{
	const u64 now = ktime_get_mono_fast_ns();
	struct vx_channel *to;
	u32 receivers = 0;

	rcu_read_lock();
	preempt_disable();
	vx_for_each_channel(to) {
		const u32 wanted = READ_ONCE(to->user_ops) & e->uop_mask;

		if (to != ch && wanted)
			receivers += deliver(ch, to, e, event, wanted, now);
	}
	preempt_enable();
	rcu_read_unlock();
	return receivers;
}

/* An entry that only injects is no operation on its way back: that one has an entry of its own. */
static void count(struct vx_pusher *p, const struct vx_push *e, const struct vx_event *event)
{
	unsigned int uop;

	if (e->flags == (VX_PUSH_F_INJECT | VX_PUSH_F_NO_EMIT))
		return;
	p->by_op[event->rec.op]++;
	for (uop = 0; uop < VX_UOP_COUNT; uop++)
		p->by_uop[uop] += (e->uop_mask >> uop) & 1;
}

static struct vx_push_result handle(struct vx_channel *ch)
{
	const struct vx_push *e = ch->push.bounce;
	const struct vx_event *event = (const struct vx_event *)(e + 1);
	struct vx_push_result r = { .user_data = e->user_data };

	r.result = check(e, event);
	if (!r.result && (e->flags & VX_PUSH_F_INJECT))
		r.result = vx_inject(ch, e, event);
	if (!r.result) {
		count(&ch->push, e, event);
		if (!(e->flags & VX_PUSH_F_NO_EMIT))
			r.receivers = emit(ch, e, event);
	}
	trace_vexfs_push(ch->id, e, r.result, r.receivers);
	return r;
}

/* Copies the entry at the head, if its length can be believed. Returns the length, or -EBADMSG. */
static int fetch(struct vx_pusher *p, u64 avail)
{
	const void *at = p->area.base + VX_PUSH_ENTRIES_OFF + (p->head & (p->size - 1));
	const u32 len = READ_ONCE(((const struct vx_push *)at)->len);

	if (len < ENTRY_MIN || len > ENTRY_MAX || (len & 7) || len > avail)
		return -EBADMSG;
	memcpy(p->bounce, at, len);
	((struct vx_push *)p->bounce)->len = len;
	return len;
}

static int push_locked(struct vx_channel *ch, struct vx_push_call *call)
{
	struct vx_pusher *p = &ch->push;
	struct vx_push_header *h = p->area.base;
	struct vx_push_result *results = p->area.base + VX_PUSH_RESULTS_OFF;
	/* Acquire: pairs with the process's release; the entries before it are written. */
	const u64 tail = smp_load_acquire(&h->tail);

	if ((tail & 7) || tail - p->head > p->size)
		return -EINVAL;
	while (call->handled < call->entries && p->head != tail) {
		const int len = fetch(p, tail - p->head);
		struct vx_push_result r;

		if (len < 0)
			return len;
		r = handle(ch);
		results[p->entries % VX_PUSH_RESULTS] = r;
		p->entries++;
		p->failed += r.result < 0;
		p->head += len;
		call->handled++;
		call->failed += r.result < 0;
		WRITE_ONCE(h->entries, p->entries);
		/*
		 * Release: pairs with the process's load of head; the results before it are there.
		 */
		smp_store_release(&h->head, p->head);
		cond_resched();
	}
	return 0;
}

int vx_push(struct vx_channel *ch, struct vx_push_call *call)
{
	int err;

	call->handled = 0;
	call->failed = 0;
	if (call->flags || call->reserved || !call->entries || call->entries > VX_PUSH_BATCH_MAX)
		return -EINVAL;
	mutex_lock(&ch->push.lock);
	err = push_locked(ch, call);
	mutex_unlock(&ch->push.lock);
	return err;
}
