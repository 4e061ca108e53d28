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
	void (*wake)(struct vx_ring *);  /* wakes the reader; may be called by every producer */
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
 * Begins an attempt of @op (below VX_OP_SLOTS) as @producer, and counts it; class M takes its
 * ticket here. All filtering comes before.
 * @max_len: the longest that the record can become, at most VX_RECORD_MAX; @now_ns:
 * CLOCK_MONOTONIC. Returns where to build the record (its ticket, count and mono_ns are filled in
 * already), for vx_ring_commit; or NULL when there is no room: the loss is accounted, and for class
 * M vx_ring_dirty is to be called.
 */
void *vx_ring_begin(struct vx_ring *r, __u32 producer, __u32 op, __u32 max_len, __u64 now_ns,
		    struct vx_slot *slot);

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
void vx_ring_commit(struct vx_ring *r, struct vx_slot *slot, __u32 len);

/*
 * Says where the class M attempt was that vx_ring_begin has just refused @producer: in @dirs[0 ...
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

VX_END_DECLS

#endif
