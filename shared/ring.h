/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The ring, producers' side. The same source runs in the kernel (a producer is a CPU) and in user
 * space (a thread).
 *
 * What it is: for each producer one single-producer sub-ring per class of operation; class M
 * attempts take a dense ticket from one counter that all share. A producer writes only its own
 * sub-rings, so there is no lock and, but for the ticket, no atomic read-modify-write.
 *
 * Why not one ring: a lock or a shared head costs 3 to 15 times the speed when producers contend,
 * and a flood of reads would evict renames. Why not timestamps for the order: clocks of CPUs and
 * the moment that they are read at do not say which rename came first; the ticket is taken while
 * the VFS holds the directory's lock.
 *
 * A producer gets: a wait-free attempt, record or loss. What finds no room is counted (struct
 * vx_producer, lost[]) and reported by one VX_REC_LOST in front of the next record that finds room:
 * room for that is always kept, so a pending loss can be written out at any time
 * (vx_ring_flush_loss). What it lost of class M it says the place of (vx_ring_dirty): the
 * directories travel in the same record, so that a reader can look through them and not through the
 * world. At most VX_DIRTY_MAX; what does not fit, and what nobody said the place of, makes the
 * record say that the set is not all (VX_LOST_F_OVERFLOW).
 *
 * The reader gets (ring_reader.h): one stream in which class M stands in ticket order, class D
 * between the right tickets, and every loss at its place.
 *
 * Price: a full barrier a record (the wakeup check), a shared counter for class M, and room for the
 * longest record and the longest VX_REC_LOST behind it is needed to write a short one.
 *
 * Callers must not: let two contexts be the same producer at once (kernel: preemption off, never
 * from interrupts); begin without committing; sleep between begin and commit.
 */
#ifndef VEXFS_RING_H
#define VEXFS_RING_H

#include "abi/event.h"
#include "abi/layout.h"
#include "abi/version.h"
#include "barrier.h"

VX_BEGIN_DECLS

/* A producer's view. Private memory: nothing here is believed from what a user can write. */
struct vx_ring {
	struct vx_ring_header *header;
	struct vx_producer *producers;   /* [producer * VX_CLASSES + class] */
	struct vx_consumer *consumer;
	struct vx_consumer_slot *slots;  /* [producer] */
	/* sub-rings one after the other, each mapped twice in a row */
	unsigned char *data;
	__u64 size[VX_CLASSES];
	__u32 n;                         /* producers */
	void (*wake)(struct vx_ring *r);  /* wakes the reader; may be called by every producer */
};

/* An attempt that found room, between begin and commit. */
struct vx_slot {
	struct vx_producer *producer;
	void *at;
	__u64 head;
	__u32 number;  /* of the producer */
	__u32 cls;
	__u32 op;   /* below VX_OP_SLOTS, or VX_OP_NONE for a record that is no attempt */
};

/*
 * Writes the header for @r, whose pointers, size[] and n are set and whose memory is zero.
 * @channel: id; @features: VX_FEATURE_*; @real_offset_ns: CLOCK_REALTIME - CLOCK_MONOTONIC.
 */
void vx_ring_format(struct vx_ring *r, __u64 channel, __u64 features, __s64 real_offset_ns);

/* True if @size can be the size of a sub-ring in bytes: a power of two within the limits. */
int vx_subring_size_ok(__u64 size);

/*
 * Finds room for a record of class @cls that becomes at most @max_len bytes long (at most
 * VX_RECORD_MAX). Returns where it will stand, or NULL when there is no room. Nothing is counted
 * yet: the place may be written to or looked for again. An attempt that commits, or a loss, must
 * follow: it wakes the reader for a loss that was written out to make room.
 */
static inline void *vx_ring_reserve(struct vx_ring *r, __u32 producer, __u32 cls, __u32 max_len,
				    struct vx_slot *slot);

/*
 * Makes the place of @slot an attempt of @op (below VX_OP_SLOTS, of the class that it was reserved
 * for) and counts it; class M takes its ticket here. All filtering comes before. Fills in ticket,
 * count and mono_ns of the record; vx_ring_commit is next. @now_ns: CLOCK_MONOTONIC.
 */
static inline void vx_ring_attempt(struct vx_ring *r, struct vx_slot *slot, __u32 op, __u64 now_ns);

/*
 * An attempt that found no room: it is counted and accounted as lost. For class M vx_ring_dirty is
 * next.
 */
void vx_ring_lose(struct vx_ring *r, __u32 producer, __u32 op, __u64 now_ns);

/*
 * The three in one: returns where to build the record, or NULL when it is lost; for class M
 * vx_ring_dirty is next then.
 */
static inline void *vx_ring_begin(struct vx_ring *r, __u32 producer, __u32 op, __u32 max_len,
				  __u64 now_ns, struct vx_slot *slot);

/*
 * The same for a record that is no attempt and takes no ticket (VX_REC_DIR) in the sub-ring of
 * @cls.
 */
void *vx_ring_begin_dir(struct vx_ring *r, __u32 producer, __u32 cls, __u64 now_ns,
			struct vx_slot *slot);

/*
 * Publishes the record of @len bytes (multiple of 8, at most the max_len of begin); wakes the
 * reader if it sleeps.
 */
static inline void vx_ring_commit(struct vx_ring *r, struct vx_slot *slot, __u32 len);

/*
 * Says where the class M attempt was that @producer has just lost: in @dirs[0 ...
 * @n - 1] something has changed (0: nothing that a look at a directory could find; 2: a rename
 * from one to another). A directory with ino 0 is one that is not known. Once for each lost
 * attempt, before the producer's next call: a loss without it overflows the set.
 */
void vx_ring_dirty(struct vx_ring *r, __u32 producer, const struct vx_dirty *dirs, __u32 n);

/*
 * Writes out the pending loss of a sub-ring, as its producer. Returns 1 when nothing is pending
 * afterwards, 0 when the kept room is in use by an earlier loss that the reader has not released.
 */
int vx_ring_flush_loss(struct vx_ring *r, __u32 producer, __u32 cls);

/* Tickets taken so far. All that took one before this call has a smaller one. */
static inline __u64 vx_ring_tickets(const struct vx_ring *r)
{
	return vx_load_acquire(&r->header->tickets);
}

static inline struct vx_producer *vx_ring_producer(const struct vx_ring *r, __u32 producer,
						   __u32 cls)
{
	return &r->producers[producer * VX_CLASSES + cls];
}

/* --- what every record passes; the rest is in ring.c ----------------------------------------- */

/* Writes a pending loss out, looks at the reader's position. Is there room now? */
int vx_ring_make_room(struct vx_ring *r, __u32 producer, __u32 cls, __u32 max_len);
void vx_ring_refresh_tail(struct vx_ring *r, __u32 producer, __u32 cls);
/* The reader sleeps: wakes it if it wants to know of @head. */
void vx_ring_wake(struct vx_ring *r, const __u64 *wake_at, __u64 head);

static inline unsigned char *vx_ring_data(const struct vx_ring *r, __u32 producer, __u32 cls)
{
	__u64 off = (__u64)producer * (r->size[VX_CLASS_M] + r->size[VX_CLASS_D]);

	if (cls == VX_CLASS_D)
		off += r->size[VX_CLASS_M];
	return r->data + 2 * off;
}

/* Behind a record there is always room for the longest VX_REC_LOST. */
static inline void *vx_ring_reserve(struct vx_ring *r, __u32 producer, __u32 cls, __u32 max_len,
				    struct vx_slot *slot)
{
	struct vx_producer *p = vx_ring_producer(r, producer, cls);
	const __u64 used = p->head - p->tail_seen + max_len + VX_LOST_MAX;

	if (vx_unlikely(used > r->size[cls] || p->loss_pending) &&
	    !vx_ring_make_room(r, producer, cls, max_len))
		return (void *)0;
	slot->producer = p;
	slot->number = producer;
	slot->cls = cls;
	slot->head = p->head;
	slot->at = vx_ring_data(r, producer, cls) + (slot->head & (r->size[cls] - 1));
	return slot->at;
}

/* Class M: a ticket of its own. Class D: how many have been taken. */
static inline __u64 vx_ring_take_ticket(struct vx_ring *r, struct vx_producer *p, __u32 cls)
{
	if (cls == VX_CLASS_D)
		return vx_load_acquire(&r->header->tickets);
	/*
	 * Ordered before the ticket by the full barrier of vx_fetch_add: see ring_reader.c,
	 * refill().
	 */
	vx_store(&p->busy, 1);
	return vx_fetch_add(&r->header->tickets, 1);
}

static inline void vx_ring_attempt(struct vx_ring *r, struct vx_slot *slot, __u32 op, __u64 now_ns)
{
	struct vx_producer *p = slot->producer;
	struct vx_record *rec = (struct vx_record *)slot->at;

	slot->op = op;
	rec->count = p->attempted;
	rec->mono_ns = now_ns;
	vx_store(&p->attempted, p->attempted + 1);
	rec->ticket = vx_ring_take_ticket(r, p, slot->cls);
}

static inline void *vx_ring_begin(struct vx_ring *r, __u32 producer, __u32 op, __u32 max_len,
				  __u64 now_ns, struct vx_slot *slot)
{
	if (vx_likely(vx_ring_reserve(r, producer, vx_op_class(op), max_len, slot))) {
		vx_ring_attempt(r, slot, op, now_ns);
		return slot->at;
	}
	vx_ring_lose(r, producer, op, now_ns);
	return (void *)0;
}

static inline void vx_ring_commit(struct vx_ring *r, struct vx_slot *slot, __u32 len)
{
	struct vx_producer *p = slot->producer;
	const __u64 head = slot->head + len;
	const int attempt = slot->op < VX_OP_SLOTS;

	if (attempt)
		vx_store(&p->delivered[slot->op], p->delivered[slot->op] + 1);
	/*
	 * Release: pairs with the reader's acquire of head; the record is whole before it can be
	 * seen.
	 */
	vx_store_release(&p->head, head);
	if (slot->cls == VX_CLASS_M && attempt)
		/*
		 * Release: pairs with the reader's acquire of busy: who sees 0 sees the head above.
		 */
		vx_store_release(&p->busy, 0);
	if (vx_unlikely(!(p->attempted & 63)))
		vx_ring_refresh_tail(r, slot->number, slot->cls);
	/*
	 * Full barrier: pairs with the reader's between sleeping = 1 and its last look at the
	 * heads.
	 */
	vx_mb();
	if (vx_unlikely(vx_load(&r->consumer->sleeping)))
		vx_ring_wake(r, &r->slots[slot->number].wake[slot->cls], head);
}

VX_END_DECLS

#endif
