/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the mappings of a channel contain. Three mappings, each at an offset of its own, each whole:
 *
 *   VX_MMAP_RING      read only   struct vx_ring_header (page 0), struct vx_producer × producers ×
 *                                 classes, then the data of every sub-ring, each mapped twice in a
 *                                 row
 *   VX_MMAP_CONSUMER  read/write  struct vx_consumer, then struct vx_consumer_slot × producers: the
 *                                 reader's only say
 *   VX_MMAP_PUSH      read/write  struct vx_push_header, then the push ring's entries and results
 *                                 (command.h)
 *
 * A sub-ring's number is producer * VX_CLASSES + class. Its data begins at data_off + the sizes of
 * the sub-rings before it, twice each. Positions (head, tail) are byte counts that only grow;
 * position & (size - 1) is the place in the data.
 */
#ifndef VEXFS_ABI_LAYOUT_H
#define VEXFS_ABI_LAYOUT_H

#include "types.h"
#include "event.h"

#define VX_MMAP_RING 0x000000000ull
#define VX_MMAP_CONSUMER 0x100000000000ull
#define VX_MMAP_PUSH 0x200000000000ull

#define VX_PAGE 4096u
#define VX_PRODUCERS_MAX 1024u             /* CPUs in the kernel, threads in user space */
#define VX_SUBRING_MIN (16u << 10)         /* bytes; a power of two */
#define VX_SUBRING_MAX (256u << 20)
#define VX_SUBRING_M_DEFAULT (2u << 20)
#define VX_SUBRING_D_DEFAULT (4u << 20)

/* 192 bytes at the start of page 0. Written once by the kernel but for the last cache line. */
struct vx_ring_header {
	__u64 magic;           /* VX_RING_MAGIC */
	__u32 abi_version;
	__u32 producers;
	__u64 features;
	__u64 channel;         /* id */
	__u64 size[VX_CLASSES]; /* bytes of one sub-ring of each class, power of two */
	__u64 producer_off;    /* bytes from the start of the mapping */
	__u64 data_off;
	__u64 total;           /* bytes of the mapping */
	__s64 real_offset_ns;  /* CLOCK_REALTIME - CLOCK_MONOTONIC when the channel was made */
	__u64 consumer_bytes;  /* length of VX_MMAP_CONSUMER */
	__u64 reserved[5];
	/* taken so far: the next class M attempt gets this one */
	__u64 tickets __attribute__((aligned(64)));
	__u64 pad[7];
};

/*
 * One for each sub-ring; written by its producer only. The first cache line is what every record
 * touches. attempted == the sum of delivered[] and lost[] whenever busy is 0.
 */
struct vx_producer {
	__u64 head __attribute__((aligned(64))); /* bytes published */
	/* class M: 1 from before a ticket is taken until the record (or its loss) is published */
	__u64 busy;
	__u64 attempted;       /* the next attempt's count */
	__u64 tail_seen;       /* the producer's copy of the reader's position */
	__u64 loss_pending;    /* lost attempts that no VX_REC_LOST in the ring reports yet */
	/* positions of the reader that were refused: never right in an honest reader */
	__u64 bad_tail;
	/* most bytes that were seen in use: looked at once in 64 attempts and at each refresh */
	__u64 high_water;
	__u64 pad;
	__u64 delivered[VX_OP_SLOTS];
	__u64 lost[VX_OP_SLOTS];
	/* The run of losses that is being collected (loss_pending attempts). */
	__u64 loss_first_ticket;
	__u64 loss_last_ticket;
	__u64 loss_first_count;
	__u64 loss_first_ns;
	__u64 loss_last_ns;
	__u32 loss_per_op[VX_OP_SLOTS + 1];
	/* Class M: of the same run, how many said where they happened, and where that was. */
	__u64 loss_placed;
	__u32 dirty_count;
	__u32 dirty_overflow;   /* 1: not all of it is in dirty[] */
	struct vx_dirty dirty[VX_DIRTY_MAX];
	__u64 tail_pad[4];
};

/*
 * 64 bytes at the start of the consumer mapping. The kernel believes nothing in it that it has not
 * checked. What the reader notes (here and in the slots) the kernel does not look at: it is for who
 * takes the channel over from a reader that died.
 */
struct vx_consumer {
	__u32 sleeping;     /* 1: the reader waits; the producer that wakes it sets it to 0 */
	__u32 reserved;
	__u64 next_ticket;  /* noted: the first one that was not read before the tails */
	__u64 next_seq;     /* noted: the number of the first event behind the tails */
	__u64 missed;       /* noted: vx_stats.probe_missed as far as it has been told */
	__u64 first_seq;    /* noted: next_seq, as long as nothing of it has been told */
	__u64 pad[3];
};

/* 64 bytes for each producer. */
struct vx_consumer_slot {
	__u64 tail[VX_CLASSES]; /* bytes released: the producer may overwrite what is before it */
	__u64 wake[VX_CLASSES]; /* while sleeping: wake when the head has reached this position */
	__u64 next_count[VX_CLASSES]; /* noted: of the first attempt behind the tail */
	__u64 pad[2];
};

/* Bytes of the consumer mapping, whole pages. */
static inline __u64 vx_consumer_bytes(__u32 producers)
{
	__u64 n = sizeof(struct vx_consumer) + (__u64)producers * sizeof(struct vx_consumer_slot);

	return (n + VX_PAGE - 1) & ~(__u64)(VX_PAGE - 1);
}

/* Offset of the first sub-ring's data in the ring mapping. */
static inline __u64 vx_data_off(__u32 producers)
{
	__u64 n = (__u64)producers * VX_CLASSES * sizeof(struct vx_producer);

	return VX_PAGE + ((n + VX_PAGE - 1) & ~(__u64)(VX_PAGE - 1));
}

/* Bytes of the ring mapping; every sub-ring counts twice. */
static inline __u64 vx_ring_bytes(__u32 producers, __u64 size_m, __u64 size_d)
{
	return vx_data_off(producers) + 2 * (__u64)producers * (size_m + size_d);
}

/* Offset of the data of sub-ring (producer, cls) in the ring mapping. */
static inline __u64 vx_subring_off(__u32 producers, __u64 size_m, __u64 size_d, __u32 producer,
				   unsigned int cls)
{
	return vx_data_off(producers) +
	       2 * ((__u64)producer * (size_m + size_d) + (cls == VX_CLASS_D ? size_m : 0));
}

#endif
