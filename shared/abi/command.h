/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The push ring: events that user space sends to the kernel. The user writes entries into the
 * VX_MMAP_PUSH mapping, stores their end in tail, and calls VX_IOC_PUSH; the kernel handles them in
 * order, stores each one's result in its place of the result array and the position behind the last
 * handled one in head.
 *
 *   struct vx_push_header (page 0) | struct vx_push_result × VX_PUSH_RESULTS | entries, mapped
 *   twice in a row
 *
 * An entry: struct vx_push, then a whole VX_REC_EVENT record (the context of the kernel event that
 * it answers, or one that user space built). The result of the n-th entry since the channel was
 * made is results[n % VX_PUSH_RESULTS].
 *
 * One bad entry gets its own error and the rest proceed; an entry whose length cannot be believed
 * ends the call, because where the next one begins is not known (-EBADMSG from the ioctl, head
 * stays before it).
 */
#ifndef VEXFS_ABI_COMMAND_H
#define VEXFS_ABI_COMMAND_H

#include "types.h"
#include "event.h"
#include "layout.h"

#define VX_PUSH_BATCH_MAX 1024u  /* entries that one call handles */
#define VX_PUSH_RESULTS 4096u    /* a power of two, above VX_PUSH_BATCH_MAX */
#define VX_PUSH_MIN (16u << 10)  /* bytes of the entry area, a power of two */
#define VX_PUSH_MAX (16u << 20)
#define VX_PUSH_DEFAULT (1u << 20)

#define VX_PUSH_F_NO_EMIT (1u << 0) /* count and trace only; do not re-emit to other channels */
#define VX_PUSH_F_INJECT (1u << 1)  /* raise an fsnotify event on inject_* (VX_FEATURE_INJECT) */
#define VX_PUSH_F_ALL 3u

/* 64 bytes at the start of the push mapping. */
struct vx_push_header {
	__u64 tail;        /* user: bytes written */
	__u64 head;        /* kernel: bytes handled; never read back by it */
	__u64 size;        /* kernel: bytes of the entry area */
	__u64 entries;     /* kernel: entries handled since the channel was made */
	__u64 reserved[4];
};

/* 16 bytes. */
struct vx_push_result {
	__u64 user_data;
	__s32 result;      /* 0, or a negative errno */
	__u32 receivers;   /* channels that it was re-emitted to */
};

/* 72 bytes, then the event record. */
struct vx_push {
	__u32 len;         /* bytes with the event record; multiple of 8 */
	__u16 uop;         /* enum vx_uop */
	__u16 reserved16;
	__u32 flags;       /* VX_PUSH_F_* */
	__u32 uop_mask;    /* bit n: userspace operation n belongs to the same unit; contains uop */
	__u64 user_data;   /* comes back in the result */
	__u64 chain;       /* causal chain that it belongs to; 0: none */
	__u64 expect;      /* must be 0 */
	__u64 inject_fsid; /* with VX_PUSH_F_INJECT: device number of the mount's super block */
	__u64 inject_node; /* hash of the directory's inode there: the FUSE node id */
	__u64 inject_ino;  /* the directory's inode number there */
	/* the FUSE node id of the event's object there; 0: it is not cached, or told elsewhere */
	__u64 inject_object;
};

#define VX_PUSH_RESULTS_OFF ((__u64)VX_PAGE)
#define VX_PUSH_ENTRIES_OFF (VX_PUSH_RESULTS_OFF + VX_PUSH_RESULTS * sizeof(struct vx_push_result))

/* Bytes of the push mapping with an entry area of @size bytes. */
static inline __u64 vx_push_bytes(__u64 size)
{
	return VX_PUSH_ENTRIES_OFF + 2 * size;
}

#endif
