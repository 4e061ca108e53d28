/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A super block that a channel watches: the fsnotify mark that brings its events, and the list of
 * the channel's watches on it. One for each pair (channel, super block).
 *
 * The mark's mask is the union of what the watches want. It changes without a moment in which the
 * mark is off: the mask is written in place, and an empty mark of another group comes and goes on
 * the same super block, which makes fsnotify add up all masks anew (fsnotify_recalc_mask() itself
 * is not for modules).
 *
 * When the super block goes away first, fsnotify destroys the mark; the watches stay, dead, until
 * they are removed.
 */
#ifndef VEXFS_SUPER_H
#define VEXFS_SUPER_H

#include <linux/fs.h>
#include <linux/fsnotify_backend.h>
#include <linux/rculist.h>

#include "channel.h"
#include "fact.h"

struct vx_super {
	struct fsnotify_mark mark;
	struct vx_channel *channel;
	struct super_block *sb;     /* compared by probes; NULL once it is gone [alive] */
	u64 ops;                    /* union of the watches' */
	u64 ops_unfiltered;         /* of those that filter nothing: these operations always pass */
	u64 ops_failed;             /* of those that want to hear of failures too */
	u64 ops_range;              /* of those that want to know which bytes */
	u64 ops_duration;           /* of those that want to know how long it took */
	u64 ops_detail;             /* of either of these two */
	u64 fsid;                   /* what events carry */
	atomic64_t dir_salt;        /* dirs.h; another one is another epoch */
	/* struct vx_watch; changed under channel->lock and alive, read under RCU */
	struct list_head watches;

	struct hlist_node hash;     /* table of watched super blocks; RCU */
	struct list_head node;      /* channel->supers; RCU */
	struct mutex alive;         /* sb does not go away while it is held */
	u64 dev;
	struct vx_object root;      /* as it was when the first watch was added */
	/* sb->s_id and the type's name, for debugfs: copies, both may go */
	char name[32];
	char type[32];
	struct rcu_head rcu;
};

int vx_supers_init(void);
void vx_supers_exit(void);

/* A group for @ch's marks. An ERR_PTR. */
struct fsnotify_group *vx_super_group(struct vx_channel *ch);

/* What @ch has on the super block of @path, made if need be; under ch->lock. An ERR_PTR. */
struct vx_super *vx_super_get(struct vx_channel *ch, const struct path *path);
/* What the watches of a super block want together: VX_OP_BIT()s, as in struct vx_super. */
struct vx_wanted {
	u64 ops;
	u64 unfiltered;
	u64 failed;
	u64 range;
	u64 duration;
};

/*
 * Makes fsnotify deliver what @want needs, from now on. 0 or -ENOMEM, -ENOENT when the super block
 * is gone.
 */
int vx_super_want(struct vx_super *s, const struct vx_wanted *want);
/* Takes it off; under ch->lock. It is freed when the last hook has left it. */
void vx_super_put(struct vx_super *s);

struct hlist_head *vx_super_bucket(const struct super_block *sb);
/* Those that watch @super_block, for probes: preemption off. */
#define vx_for_each_super(s, super_block)                                \
	hlist_for_each_entry_rcu(s, vx_super_bucket(super_block), hash)  \
		if (READ_ONCE((s)->sb) == (super_block))

/* Does anybody watch one of @ops on @sb? Preemption off. Cheap: it is what a probe asks first. */
bool vx_super_watched(const struct super_block *sb, u64 ops);
/* The same for one of @detail (VX_DETAIL_*) of @ops. */
bool vx_super_detailed(const struct super_block *sb, u32 detail, u64 ops);

#endif
