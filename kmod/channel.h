/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A channel: one open file's ring, its watches, its push ring.
 *
 * Life: made by VX_IOC_CREATE, published in the list of channels last. When its file is released
 * (mappings hold the file) it ends; or, if it has a name and watches, it lingers (linger.h) until
 * somebody takes it over, its time is up, or the module is unloaded. Hooks reach it three ways, and
 * its end closes these in this order before memory is freed:
 *   - fsnotify marks (super.h): the group's last reference is waited for
 *   - the table of watched super blocks (super.h), used by probes: RCU, preemption off
 *   - the list of channels, used by probes and pushes: RCU
 */
#ifndef VEXFS_CHANNEL_H
#define VEXFS_CHANNEL_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "abi/ioctl.h"
#include "area.h"
#include "counters.h"
#include "ring.h"

struct vx_dirs;
struct fsnotify_group;

/*
 * The push ring's kernel side. All positions are the kernel's own; user space is told, never asked.
 */
struct vx_pusher {
	struct mutex lock;     /* one push at a time */
	struct vx_area area;
	u64 size;
	u64 head;              /* bytes handled */
	u64 entries;
	u64 failed;
	u64 by_op[VX_OP_SLOTS];
	u64 by_uop[VX_UOP_COUNT];
	void *bounce;          /* one entry, copied once and checked */
};

struct vx_channel {
	struct vx_ring ring;
	struct vx_counters __percpu *counters;
	struct vx_dirs *dirs;          /* [producer * VX_CLASSES + class] */
	struct wait_queue_head wait;   /* the reader, in poll */

	u64 id;
	unsigned int slot;             /* below VX_CHANNELS_MAX, unique among the living */
	u32 user_ops;
	u64 missed_before;             /* probe hits missed before it was made */
	struct list_head node;         /* list of channels; RCU */

	struct mutex lock;             /* watches */
	struct list_head supers;       /* struct vx_super [lock]; RCU for debugfs */
	u64 last_watch;                /* id given last [lock] */
	unsigned int watches;          /* [lock] */
	struct fsnotify_group *group;
	struct completion group_gone;

	struct vx_pusher push;
	struct vx_area ring_area;
	struct vx_area consumer_area;
	u32 loss_said;                 /* 1: the first loss was said in the kernel's log */
	pid_t owner;                   /* 0: none, it lingers [list] */
	u32 linger_s;
	u64 ownerless_ns;              /* since when, while it lingers [list] */
	struct delayed_work end;       /* of its time without an owner */
	char name[VX_CHANNEL_NAME_MAX + 1];  /* empty: it ends with its owner */
	char comm[TASK_COMM_LEN];
};

/* VX_FEATURE_*s of this module on this kernel. */
u64 vx_features(void);

/*
 * Makes a channel as @args asks for, or takes over the one of that name; fills the answer's fields.
 * An ERR_PTR: -EINVAL a size or the name, -ENOMEM, -EMFILE, -EBUSY somebody has the one of that
 * name.
 */
struct vx_channel *vx_channel_create(struct vx_create *args);
/* Its file is released: it lingers, or ends. */
void vx_channel_release(struct vx_channel *ch);

/* Its end, in two steps. No probe and no call finds it any more; under vx_channels_lock(). */
void vx_channel_unlist(struct vx_channel *ch);
/* Waits for all that had found it, and frees it. */
void vx_channel_end(struct vx_channel *ch);

int vx_channels_init(void);
/* Ends those that linger. No file is open any more. */
void vx_channels_exit(void);

/* Holds the list of channels still; channels in it stay alive. For processes only. */
void vx_channels_lock(void);
void vx_channels_unlock(void);
extern struct list_head vx_channels;

/* Every living channel, under rcu_read_lock() or vx_channels_lock(). */
#define vx_for_each_channel(ch) list_for_each_entry_rcu(ch, &vx_channels, node, vx_channels_held())
bool vx_channels_held(void);

/* Says a channel's first loss, an attempt of @op, in the kernel's log. Preemption may be off. */
void vx_channel_lost(struct vx_channel *ch, unsigned int op);

/* Writes pending losses out on every CPU (VX_IOC_BARRIER). Returns the tickets taken so far. */
u64 vx_channel_barrier(struct vx_channel *ch);

#endif
