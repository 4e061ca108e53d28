// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The ring, producers' side. The contract is in ring.h. */
#include "ring.h"

#include "abi/offsets.h"

#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

int vx_subring_size_ok(__u64 size)
{
	return size >= VX_SUBRING_MIN && size <= VX_SUBRING_MAX && !(size & (size - 1));
}

void vx_ring_format(struct vx_ring *r, __u64 channel, __u64 features, __s64 real_offset_ns)
{
	struct vx_ring_header *h = r->header;

	h->abi_version = VX_ABI_VERSION;
	h->producers = r->n;
	h->features = features;
	h->channel = channel;
	h->size[VX_CLASS_M] = r->size[VX_CLASS_M];
	h->size[VX_CLASS_D] = r->size[VX_CLASS_D];
	h->producer_off = VX_PAGE;
	h->data_off = vx_data_off(r->n);
	h->total = vx_ring_bytes(r->n, r->size[VX_CLASS_M], r->size[VX_CLASS_D]);
	h->real_offset_ns = real_offset_ns;
	h->consumer_bytes = vx_consumer_bytes(r->n);
	h->magic = VX_RING_MAGIC;
}

/*
 * Takes the reader's position over if it can be true: it only grows, never passes the head, stays
 * aligned. A reader that lies harms itself: the position is refused and the sub-ring stays full.
 */
void vx_ring_refresh_tail(struct vx_ring *r, __u32 producer, __u32 cls)
{
	struct vx_producer *p = vx_ring_producer(r, producer, cls);
	/*
	 * Acquire: pairs with the reader's release; what it read is not overwritten before it has.
	 */
	const __u64 tail = vx_load_acquire(&r->slots[producer].tail[cls]);

	if (tail - p->tail_seen > p->head - p->tail_seen || (tail & 7)) {
		vx_store(&p->bad_tail, p->bad_tail + 1);
		return;
	}
	vx_store(&p->tail_seen, tail);
	if (p->head - tail > p->high_water)
		vx_store(&p->high_water, p->head - tail);
}

/* Room for @need bytes; looks at the reader's position only when the known one does not suffice. */
static int room(struct vx_ring *r, __u32 producer, __u32 cls, __u64 need)
{
	const struct vx_producer *p = vx_ring_producer(r, producer, cls);

	if (p->head + need - p->tail_seen <= r->size[cls])
		return 1;
	vx_ring_refresh_tail(r, producer, cls);
	return p->head + need - p->tail_seen <= r->size[cls];
}

void vx_ring_wake(struct vx_ring *r, const __u64 *wake_at, __u64 head)
{
	if ((__s64)(head - vx_load(wake_at)) >= 0 && vx_exchange(&r->consumer->sleeping, 0))
		r->wake(r);
}

/* Of a loss a reader that sleeps learns at once. */
static void wake_for_loss(struct vx_ring *r)
{
	/* Full barrier: pairs as in vx_ring_commit(). */
	vx_mb();
	if (vx_load(&r->consumer->sleeping) && vx_exchange(&r->consumer->sleeping, 0))
		r->wake(r);
}

static void account_loss(struct vx_ring *r, struct vx_producer *p, __u32 op, __u64 ticket,
			 __u64 count, __u64 now_ns)
{
	if (!p->loss_pending) {
		vx_store(&p->loss_first_ticket, ticket);
		vx_store(&p->loss_first_count, count);
		vx_store(&p->loss_first_ns, now_ns);
	}
	vx_store(&p->loss_last_ticket, ticket);
	vx_store(&p->loss_last_ns, now_ns);
	if (p->loss_per_op[op] != ~0u)
		vx_store(&p->loss_per_op[op], p->loss_per_op[op] + 1);
	vx_store(&p->lost[op], p->lost[op] + 1);
	/*
	 * Release: a reader that sees the pending loss and asks for it to be written out finds it
	 * whole.
	 */
	vx_store_release(&p->loss_pending, p->loss_pending + 1);
	/*
	 * Release: pairs with the reader's acquire of busy; the ticket is known to be lost once
	 * busy is 0.
	 */
	vx_store_release(&p->busy, 0);
	wake_for_loss(r);
}

static void add_dirty(struct vx_producer *p, const struct vx_dirty *dir)
{
	__u32 i = p->dirty_count;

	/* The newest first: what is lost in one run is mostly in few directories. */
	while (i--) {
		const struct vx_dirty *d = &p->dirty[i];

		if (d->ino == dir->ino && d->gen == dir->gen && d->fsid == dir->fsid)
			return;
	}
	if (!dir->ino || p->dirty_count == VX_DIRTY_MAX) {
		p->dirty_overflow = 1;
		return;
	}
	p->dirty[p->dirty_count] = *dir;
	p->dirty_count++;
}

void vx_ring_dirty(struct vx_ring *r, __u32 producer, const struct vx_dirty *dirs, __u32 n)
{
	struct vx_producer *p = vx_ring_producer(r, producer, VX_CLASS_M);

	p->loss_placed++;
	while (n-- && !p->dirty_overflow)
		add_dirty(p, dirs++);
}

/* True when the directories are all that the pending loss was about. Class D is about none. */
static int dirty_is_all(const struct vx_producer *p, __u32 cls)
{
	return cls == VX_CLASS_D || (!p->dirty_overflow && p->loss_placed == p->loss_pending);
}

/* Bytes of the pending loss's record. */
static __u32 lost_len(const struct vx_producer *p, __u32 cls)
{
	const __u32 dirs = dirty_is_all(p, cls) ? p->dirty_count : 0;

	return (__u32)(sizeof(struct vx_lost) + dirs * sizeof(struct vx_dirty));
}

/* Moves the directories of the pending loss to behind @lost. */
static void write_dirty(struct vx_producer *p, __u32 cls, struct vx_lost *lost)
{
	if (dirty_is_all(p, cls)) {
		lost->dirty = (__u16)p->dirty_count;
		memcpy(lost + 1, p->dirty, p->dirty_count * sizeof(p->dirty[0]));
	} else {
		lost->flags = VX_LOST_F_OVERFLOW;
	}
	p->loss_placed = 0;
	p->dirty_count = 0;
	p->dirty_overflow = 0;
}

/* Writes the pending loss at @head. Returns the new head, not yet published. */
static __u64 write_lost(struct vx_ring *r, __u32 producer, __u32 cls, struct vx_producer *p)
{
	struct vx_lost *lost =
		(struct vx_lost *)(vx_ring_data(r, producer, cls) + (p->head & (r->size[cls] - 1)));
	const __u32 len = lost_len(p, cls);
	__u32 op;

	memset(lost, 0, sizeof(*lost));
	lost->rec.len = len;
	lost->rec.type = VX_REC_LOST;
	lost->rec.op = (__u16)cls;
	lost->rec.ticket = p->loss_first_ticket;
	lost->rec.count = p->loss_first_count;
	lost->rec.mono_ns = p->loss_first_ns;
	lost->last_ticket = p->loss_last_ticket;
	lost->last_ns = p->loss_last_ns;
	lost->lost = p->loss_pending;
	lost->producer = producer;
	for (op = 0; op < VX_OP_SLOTS; op++) {
		lost->per_op[op] = p->loss_per_op[op];
		vx_store(&p->loss_per_op[op], 0);
	}
	write_dirty(p, cls, lost);
	return p->head + len;
}

/* Publishes the pending loss. Release: pairs with the reader's acquire of head. */
static void publish_lost(struct vx_ring *r, __u32 producer, __u32 cls, struct vx_producer *p)
{
	const __u64 head = write_lost(r, producer, cls, p);

	vx_store(&p->loss_pending, 0);
	vx_store_release(&p->head, head);
}

int vx_ring_flush_loss(struct vx_ring *r, __u32 producer, __u32 cls)
{
	struct vx_producer *p = vx_ring_producer(r, producer, cls);

	if (!p->loss_pending)
		return 1;
	if (!room(r, producer, cls, lost_len(p, cls)))
		return 0;
	publish_lost(r, producer, cls, p);
	wake_for_loss(r);
	return 1;
}

/* A pending loss goes first and needs room for another one behind it. */
int vx_ring_make_room(struct vx_ring *r, __u32 producer, __u32 cls, __u32 max_len)
{
	struct vx_producer *p = vx_ring_producer(r, producer, cls);

	if (!p->loss_pending)
		return room(r, producer, cls, (__u64)max_len + VX_LOST_MAX);
	if (!room(r, producer, cls, (__u64)max_len + lost_len(p, cls) + VX_LOST_MAX))
		return 0;
	publish_lost(r, producer, cls, p);
	return 1;
}

void vx_ring_lose(struct vx_ring *r, __u32 producer, __u32 op, __u64 now_ns)
{
	const __u32 cls = vx_op_class(op);
	struct vx_producer *p = vx_ring_producer(r, producer, cls);
	const __u64 count = p->attempted;

	vx_store(&p->attempted, count + 1);
	account_loss(r, p, op, vx_ring_take_ticket(r, p, cls), count, now_ns);
}

void *vx_ring_begin_dir(struct vx_ring *r, __u32 producer, __u32 cls, __u64 now_ns,
			struct vx_slot *slot)
{
	struct vx_record *rec =
		(struct vx_record *)vx_ring_reserve(r, producer, cls, VX_DIR_MAX, slot);

	if (!rec)
		return (void *)0;
	slot->op = VX_OP_NONE;
	rec->ticket = vx_load_acquire(&r->header->tickets);
	rec->count = slot->producer->attempted;
	rec->mono_ns = now_ns;
	return rec;
}
