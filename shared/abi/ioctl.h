/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The calls of /dev/vexfs. Every structure begins with its size and flags: a size that the kernel
 * does not know is -EINVAL (larger with a non-zero rest: -E2BIG), as are unknown flags and reserved
 * fields that are not zero.
 *
 *   open     -EPERM without CAP_SYS_ADMIN; each open file is at most one channel
 *   ioctls   -ENOTTY unknown call; -EFAULT bad pointer; -ENOTCONN the file has no channel yet
 *   close    removes the watches and the channel
 *
 * docs/abi.md lists every error of every call.
 */
#ifndef VEXFS_ABI_IOCTL_H
#define VEXFS_ABI_IOCTL_H

#include <linux/ioctl.h>

#include "types.h"
#include "version.h"
#include "../op_table.h"

#define VX_DEVICE "/dev/vexfs"
#define VX_WATCHES_MAX 1024u    /* of one channel */
#define VX_CHANNELS_MAX 64u     /* of the module */

struct vx_query {
	__u32 size;
	__u32 flags;            /* must be 0 */
	__u32 abi_version;      /* out */
	__u32 producers;        /* out: sub-ring pairs that a channel gets */
	__u64 features;         /* out: VX_FEATURE_* that work on this kernel */
	__u64 ops;              /* out: VX_OP_BIT()s that can be observed on this kernel */
	__s64 real_offset_ns;   /* out: CLOCK_REALTIME - CLOCK_MONOTONIC now */
	__u32 detail;           /* out: VX_DETAIL_* that can be observed on this kernel */
	__u32 reserved;
};

#define VX_CHANNEL_NAME_MAX 39u /* bytes of a name */
#define VX_LINGER_MAX_S 86400u

/*
 * A channel with a name outlives its owner: when its last descriptor is closed while it has
 * watches, it lingers for linger_s seconds, and its ring fills. Who asks for a channel of that name
 * meanwhile takes it over as it is, whatever sizes he asks for: ring, consumer mapping and watches.
 */
struct vx_create {
	__u32 size;
	__u32 flags;            /* must be 0 */
	__u64 size_m;           /* bytes of each class M sub-ring, power of two; 0: default */
	__u64 size_d;           /* the same for class D */
	__u64 push_size;        /* bytes of the push ring, power of two; 0: default */
	/* bit n: receive userspace operation n when another channel pushes it */
	__u32 user_ops;
	__u32 linger_s;         /* at most VX_LINGER_MAX_S; 0 without a name */
	/* of [0-9A-Za-z._-], zeros behind it; empty: the channel ends with its owner */
	char name[VX_CHANNEL_NAME_MAX + 1];
	__u64 channel;          /* out: id */
	__u64 ring_bytes;       /* out: length of VX_MMAP_RING */
	__u64 consumer_bytes;   /* out: length of VX_MMAP_CONSUMER */
	__u64 push_bytes;       /* out: length of VX_MMAP_PUSH */
	/* out: 0: a new channel; taken over: for how long it had no owner, at least 1 */
	__u64 lingered_ns;
	__u64 last_watch;       /* out: the last watch's id that was given; 0: none */
	__u64 reserved64;
};

#define VX_WATCH_SUBTREE (1u << 0)    /* only below path_fd; otherwise its whole file system */
#define VX_WATCH_UID (1u << 1)        /* only what this uid does */
#define VX_WATCH_PID (1u << 2)        /* only what this process (thread group) does */
#define VX_WATCH_NOT_ME (1u << 3)     /* not what the process that adds the watch does */
#define VX_WATCH_ALL 15u

/* What costs more and is observed only while some watch wants it. */
#define VX_DETAIL_FAILED (1u << 0)    /* events of operations that fail, with their errno */
#define VX_DETAIL_RANGE (1u << 1)     /* offset and length of what is read and written */
#define VX_DETAIL_DURATION (1u << 2)  /* how long each operation took */
#define VX_DETAIL_ALL 7u

struct vx_watch_add {
	__u32 size;
	__u32 flags;            /* VX_WATCH_* */
	__s32 path_fd;          /* any open file or O_PATH descriptor in the file system */
	__u32 detail;           /* VX_DETAIL_* */
	__u64 ops;              /* VX_OP_BIT()s, not 0 */
	__u32 uid;              /* with VX_WATCH_UID, initial user namespace; otherwise 0 */
	__u32 pid;              /* with VX_WATCH_PID, initial pid namespace; otherwise 0 */
	__u64 watch;            /* out: id, unique in the channel for ever */
	__u64 fsid;             /* out: what the events will carry */
	__u64 ino;              /* out: of path_fd */
	__u64 root_ino;         /* out: of the file system's root */
	__u64 dev;              /* out: device number of the super block */
	__u32 gen;              /* out: of path_fd */
	__u32 root_gen;         /* out */
};

#define VX_WATCH_REMOVE_UP_TO (1u << 0)  /* all whose ids are at most that */

struct vx_watch_remove {
	__u32 size;
	__u32 flags;            /* VX_WATCH_REMOVE_* */
	__u64 watch;
};

#define VX_WATCH_LIVE 0u
#define VX_WATCH_GONE 1u        /* its file system was unmounted, or its subtree's root deleted */

struct vx_watch_state {
	__u32 size;
	__u32 flags;            /* must be 0 */
	__u64 watch;
	__u32 state;            /* out: VX_WATCH_LIVE or VX_WATCH_GONE */
	__u32 reserved;
};

struct vx_push_call {
	__u32 size;
	__u32 flags;            /* must be 0 */
	__u32 entries;          /* in: at most so many, at most VX_PUSH_BATCH_MAX */
	__u32 handled;          /* out */
	__u32 failed;           /* out: of the handled ones, those with a result below 0 */
	__u32 reserved;
};

/*
 * All that happened before the call is in the ring (or lost and reported there) when it returns:
 * pending losses are written out, tickets is what the reader must reach.
 */
struct vx_barrier {
	__u32 size;
	__u32 flags;            /* must be 0 */
	__u64 tickets;          /* out: taken so far */
};

/*
 * Counters of one channel since it was made. seen == filtered + emitted + lost, per operation, when
 * nothing runs.
 */
struct vx_stats {
	__u32 size;
	__u32 flags;            /* must be 0 */
	__u64 tickets;
	__u64 wakeups;
	__u64 dirs;             /* VX_REC_DIR records written */
	__u64 pushed;           /* entries handled */
	__u64 push_failed;
	/*
	 * calls that a probe of the kernel could not follow: operations that were not seen, or not
	 * completely; at most so many
	 */
	__u64 probe_missed;
	__u64 seen[VX_OP_SLOTS];
	__u64 filtered[VX_OP_SLOTS];
	__u64 emitted[VX_OP_SLOTS];
	__u64 lost[VX_OP_SLOTS];
	__u64 pushed_op[VX_OP_SLOTS];  /* entries by the kernel operation of their event record */
	__u64 pushed_uop[VX_UOP_COUNT]; /* by userspace operation: every bit of uop_mask counts */
};

#define VX_IOC_QUERY _IOWR('V', 0xf0, struct vx_query)
#define VX_IOC_CREATE _IOWR('V', 0xf1, struct vx_create)
#define VX_IOC_WATCH_ADD _IOWR('V', 0xf2, struct vx_watch_add)
#define VX_IOC_WATCH_REMOVE _IOW('V', 0xf3, struct vx_watch_remove)
#define VX_IOC_PUSH _IOWR('V', 0xf4, struct vx_push_call)
#define VX_IOC_BARRIER _IOWR('V', 0xf5, struct vx_barrier)
#define VX_IOC_STATS _IOWR('V', 0xf6, struct vx_stats)
#define VX_IOC_WATCH_STATE _IOWR('V', 0xf7, struct vx_watch_state)

#endif
