/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The ring, reader's side: merges all sub-rings to one stream. One thread; never writes what a
 * producer reads but the consumer mapping.
 *
 * The order that it gives
 *   - class M: the order of the tickets, dense. A ticket that was taken and will not come is a
 *     VX_ITEM_GAP at its place; the reader never waits for it.
 *   - class D: behind the class M operations whose tickets had been taken when it happened and
 *     before the others; among themselves by time. If one operation had returned before another
 *     began, they are in that order whatever CPUs they ran on (as long as the CPUs' clocks agree).
 *   - numbers: every record that was delivered and every attempt that was lost has one seq; there
 *     are no other jumps.
 *
 * How it knows (refill): a snapshot takes, in this order, the tickets T, the heads of all class D
 * sub-rings (the limit), busy and head of all class M sub-rings, and the heads of all class D
 * sub-rings again (visible).
 *   - A ticket below T was taken before the snapshot, and its producer had set busy before. So if
 *     the producer is not busy, the record is visible or the ticket is lost.
 *   - What happened before a record within the limit, or before a ticket below T, is visible in the
 *     second look.
 *
 * The records stay in place until vx_reader_release: the caller says up to where it needs them no
 * more.
 */
#ifndef VEXFS_RING_READER_H
#define VEXFS_RING_READER_H

#include "abi/event.h"
#include "abi/layout.h"
#include "barrier.h"

VX_BEGIN_DECLS

enum vx_item_kind {
	VX_ITEM_NONE = 0,   /* nothing there now */
	VX_ITEM_EVENT,      /* record: VX_REC_EVENT or VX_REC_USER; has one seq */
	VX_ITEM_DIR,        /* record: VX_REC_DIR; has no seq */
	/*
	 * record: VX_REC_LOST, the account, and behind it the directories that it dirtied
	 * (vx_lost_dirs); class M: its gaps are items of their own, which may come before it; no
	 * seq
	 */
	VX_ITEM_LOST,
	/* count attempts of class cls are lost here; they have the seqs seq ... seq + count - 1 */
	VX_ITEM_GAP,
	VX_ITEM_BROKEN,     /* the ring holds something that cannot be: stop reading it */
};

struct vx_item {
	enum vx_item_kind kind;
	__u32 producer;
	__u32 cls;
	__u32 reserved;
	const struct vx_record *record; /* in place; NULL for GAP */
	__u64 seq;
	__u64 count;        /* GAP: attempts */
	/* GAP: class M: the first lost ticket; class D: the tickets taken by then */
	__u64 ticket;
};

/* One sub-ring as the reader sees it. */
struct vx_reader_sub {
	const struct vx_producer *producer;
	const unsigned char *data;
	__u64 mask;
	__u64 pos;          /* read so far */
	__u64 limit;        /* class D: head at the first look */
	__u64 visible;      /* head at the second look */
	__u64 next_count;
	__u64 key_ticket;   /* of the record at pos, while it is in the heap */
	__u64 key_ns;
	__u32 busy;         /* class M: at the snapshot */
	__u32 queued;       /* is in its heap */
};

struct vx_reader {
	const struct vx_ring_header *header;
	struct vx_consumer *consumer;
	struct vx_consumer_slot *slots;
	struct vx_reader_sub *subs;      /* [producer * VX_CLASSES + class] */
	__u32 *heap[VX_CLASSES];         /* indices of subs, smallest key first */
	__u32 queued[VX_CLASSES];
	__u32 n;                         /* producers */
	__u32 broken;
	__u64 tickets;                   /* T of the snapshot */
	__u64 next_ticket;
	__u64 next_seq;
	__u64 behind_limit;              /* class D sub-rings with records left within the limit */
	__u64 lost_by_ticket;            /* attempts in class M gaps so far */
	__u64 lost_by_record;            /* attempts in class M VX_REC_LOST records so far */
};

/*
 * Number of bytes of scratch memory for @producers, for vx_reader_init. The memory must be zero,
 * aligned to 8, and live as long as the reader.
 */
size_t vx_reader_scratch(__u32 producers);

/*
 * Starts a reader on a mapped ring of @ring_bytes and its consumer mapping. The numbers of the
 * stream begin with
 * @first_seq. The geometry in the header is checked.
 * Returns 0; -EPROTO wrong magic or ABI version; -EINVAL a geometry that does not fit the mapping.
 */
int vx_reader_init(struct vx_reader *rd, const void *ring, __u64 ring_bytes, void *consumer,
		   void *scratch, __u64 first_seq);

/*
 * Continues where the reader before this one had come to: at the tails that it had released, plus
 * what is known to have been read behind them: attempts below @next_count (2 * producers places; 0:
 * nothing is known) and tickets below @next_ticket. Right after vx_reader_init. Returns 0; -EINVAL
 * when the tails are none.
 */
int vx_reader_resume(struct vx_reader *rd, const __u64 *next_count, __u64 next_ticket);

/*
 * The next item, in *@item; looks at the ring anew when what it knew of is used up. Returns
 * item->kind.
 */
enum vx_item_kind vx_reader_next(struct vx_reader *rd, struct vx_item *item);

/*
 * Gives all that was read back to the producers. What is in place before must not be used any more.
 */
void vx_reader_release(struct vx_reader *rd);

/*
 * How far the ring has been read, for vx_reader_release_to: @at has vx_reader_places(producers)
 * places.
 */
#define vx_reader_places(producers) (4 * (size_t)(producers) + 1)
void vx_reader_where(const struct vx_reader *rd, __u64 *at);

/* Gives back what lies before @at, which came from vx_reader_where. */
void vx_reader_release_to(struct vx_reader *rd, const __u64 *at);

/*
 * Notes in the consumer mapping that the ring was released to @at, for who takes the channel over:
 * what is not in the ring itself. @next_seq: the caller's number of the first event behind that;
 * @missed: see struct vx_consumer. A reader that dies between the two leaves older notes, which
 * vx_reader_resume() corrects.
 */
void vx_reader_note(struct vx_reader *rd, const __u64 *at, __u64 next_seq, __u64 missed);
/* The first note of a channel of which the caller has told nothing yet. */
void vx_reader_note_first(struct vx_reader *rd, __u64 next_seq);

/*
 * True when more than a quarter of some sub-ring is read and not given back: it is time to.
 */
int vx_reader_crowded(const struct vx_reader *rd);

/*
 * Says that the reader sleeps until some sub-ring has @wake_bytes more than it has read (0 and 1:
 * at the next record), and looks a last time. Returns 1: sleep now (poll the device); 0: do not,
 * there is something to read. The reader must have read everything (VX_ITEM_NONE) before.
 */
int vx_reader_sleep(struct vx_reader *rd, __u64 wake_bytes);

/* The reader is awake again; no wakeup is wanted. */
void vx_reader_awake(struct vx_reader *rd);

/*
 * What has been attempted by now, for vx_reader_passed: @mark has 2 * producers + 1 places. A
 * barrier: it does not move while the producers go on.
 */
void vx_reader_mark(const struct vx_reader *rd, __u64 *mark);

/* True when every attempt before @mark was handed out, as a record or as a loss. */
int vx_reader_passed(const struct vx_reader *rd, const __u64 *mark);

/*
 * True when a loss is accounted that no record reports yet: a barrier (VX_IOC_BARRIER) writes it
 * out.
 */
int vx_reader_loss_pending(const struct vx_reader *rd);

/* Bytes published and not yet read, over all sub-rings. */
__u64 vx_reader_backlog(const struct vx_reader *rd);

VX_END_DECLS

#endif
