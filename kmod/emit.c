// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emit path. Between vx_ring_begin() and vx_ring_commit() nothing is locked, nothing sleeps,
 * nothing is walked; the only atomic operation of the path is the ticket.
 *
 * Where the caller holds a directory's lock, the ticket is taken under it: that makes the order of
 * the tickets the order of the operations.
 */
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "dirs.h"
#include "emit.h"
#include "filter.h"
#include "place.h"
#include "record.h"
#include "trace.h"

/* Parent and name, wherever they come from. */
struct where {
	struct vx_place place;
	const unsigned char *name;
	u64 copy[VX_PLACE_NAME / 8];
};

/* O_TMPFILE objects are called "#" and their inode number: no name that anybody gave. */
static bool is_tmpfile_name(const struct where *w, const struct inode *inode)
{
	u64 number = 0;
	u32 i;

	if (w->place.len < 2 || w->name[0] != '#' || !inode)
		return false;
	for (i = 1; i < w->place.len; i++) {
		if (!isdigit(w->name[i]))
			return false;
		number = number * 10 + (w->name[i] - '0');
	}
	return number == inode->i_ino;
}

/* Of an operation on a name. Returns flags to add. */
static inline u32 locate_given(struct where *w, const struct vx_fact *f)
{
	w->place.parent = NULL;
	w->place.ino = 0;
	w->place.gen = 0;
	if (likely(f->dir)) {
		w->place.ino = f->dir->i_ino;
		w->place.gen = f->dir->i_generation;
	} else if (f->more) {
		w->place.ino = f->parent_ino;
		w->place.gen = f->parent_gen;
	}
	w->place.len = 0;
	w->name = NULL;
	if (unlikely(!f->name))
		return VX_F_NO_NAME;
	w->place.len = min_t(u32, f->name->len, NAME_MAX);
	w->name = f->name->name;
	return 0;
}

/* Of an operation on an object: from its dentry. Returns flags to add. */
static __always_inline u32 locate_dentry(struct where *w, const struct vx_fact *f)
{
	vx_place_read(f->dentry, &w->place, w->copy);
	w->name = (const unsigned char *)w->copy;
	if (unlikely(w->place.parent == f->dentry)) {
		w->place.len = 0;
		return VX_F_NO_NAME;
	}
	if (likely(!d_unhashed(f->dentry)))
		return 0;
	if (!is_tmpfile_name(w, f->inode))
		return VX_F_UNLINKED;
	w->place.len = 0;
	return VX_F_UNLINKED | VX_F_NO_NAME;
}

/* Announces directory (ino, gen), whose dentry is @at or, where that is NULL, @dir's. */
static noinline void announce(struct vx_super *s, unsigned int cpu, unsigned int cls,
			      struct dentry *at, struct inode *dir, u64 now)
{
	if (!at && dir)
		at = vx_place_dir(dir);
	if (at)
		vx_dirs_announce(s, cpu, cls, at, now);
}

/* The directories that the reader needs for this event's paths. */
static __always_inline void announce_unknown(struct vx_super *s, unsigned int cpu, unsigned int op,
				    const struct vx_fact *f, const struct where *w, u64 now)
{
	const unsigned int cls = vx_op_class(op);
	struct vx_dirs *d = vx_dirs_of(s, cpu, cls);
	struct inode *i = f->inode;

	if (unlikely(f->more && f->elsewhere))
		return;
	if (f->dentry && (f->flags & VX_F_DIRECTORY)) {
		/* The directory itself: its parents are known with it. */
		if (i && unlikely(!vx_dirs_known(s, d, i->i_ino, i->i_generation)))
			announce(s, cpu, cls, f->dentry, NULL, now);
		return;
	}
	if (unlikely(w->place.ino && !vx_dirs_known(s, d, w->place.ino, w->place.gen)))
		announce(s, cpu, cls, w->place.parent, f->dir, now);
	if (likely(op != VX_OP_FILE_RENAME) || f->old_dir == f->dir)
		return;
	if (!vx_dirs_known(s, d, f->old_dir->i_ino, f->old_dir->i_generation))
		announce(s, cpu, cls, NULL, f->old_dir, now);
}

static void fill_copy(struct vx_event *e, const struct vx_fact *f)
{
	static const struct vx_object unknown;
	const struct vx_object *o = f->more && f->copy ? f->copy : &unknown;

	e->ino = o->ino;
	e->gen = o->gen;
	e->size = o->size;
	e->mode = o->mode;
	e->nlink = o->nlink;
	e->owner_uid = o->owner_uid;
	e->owner_gid = o->owner_gid;
}

static inline void fill_object(struct vx_event *e, const struct vx_fact *f)
{
	const struct inode *inode = f->inode;

	if (unlikely(!inode)) {
		fill_copy(e, f);
		return;
	}
	e->ino = inode->i_ino;
	e->gen = inode->i_generation;
	e->size = i_size_read(inode);
	e->mode = inode->i_mode;
	e->nlink = inode->i_nlink;
	/* A kuid is the number in the initial user namespace. */
	e->owner_uid = __kuid_val(inode->i_uid);
	e->owner_gid = __kgid_val(inode->i_gid);
}

static inline void fill_task(struct vx_event *e)
{
	const struct task_struct *task = current;
	const struct cred *cred = current_cred();

	/* pid and tgid are those of the initial pid namespace. */
	e->uid = __kuid_val(cred->euid);
	e->gid = __kgid_val(cred->egid);
	e->pid = task->tgid;
	e->tid = task->pid;
	BUILD_BUG_ON(TASK_COMM_LEN != VX_COMM_LEN);
	memcpy(e->comm, task->comm, VX_COMM_LEN);
}

static u32 build_rename(struct vx_event *e, const struct vx_fact *f, const struct where *w,
			u32 flags)
{
	struct vx_rename *r = vx_event_rename(e);
	const struct inode *target = f->target;

	*r = (struct vx_rename){
		.old_parent_ino = f->old_dir->i_ino,
		.old_parent_gen = f->old_dir->i_generation,
	};
	if (target) {
		r->target_ino = target->i_ino;
		r->target_gen = target->i_generation;
		r->target_nlink = target->i_nlink;
		r->target_mode = target->i_mode;
		flags |= VX_F_REPLACED | (target->i_nlink ? 0 : VX_F_LAST_LINK);
	}
	e->flags = flags;
	e->cookie = f->cookie;
	return vx_event_strings(e, w->name, w->place.len, f->old_name->name,
				min_t(u32, f->old_name->len, NAME_MAX));
}

/* What most events have not. */
static u32 build_more(struct vx_event *e, unsigned int op, const struct vx_fact *f,
		      const struct where *w, u32 flags)
{
	if (f->elsewhere)
		e->fsid = f->fsid;
	e->offset = f->offset;
	e->length = f->length;
	if (op == VX_OP_FILE_RENAME)
		return build_rename(e, f, w, flags);
	return vx_event_strings(e, w->name, w->place.len, f->name2, f->name2_len);
}

static __always_inline u32 build(struct vx_event *e, const struct vx_super *s, unsigned int op,
			const struct vx_fact *f, const struct where *w, u32 flags)
{
	const u32 len = VX_ALIGN8((u32)sizeof(*e) + w->place.len);

	e->rec.type = VX_REC_EVENT;
	e->rec.op = op;
	e->fsid = s->fsid;
	e->parent_ino = w->place.ino;
	e->parent_gen = w->place.gen;
	fill_object(e, f);
	fill_task(e);
	e->error = 0;
	e->cookie = 0;
	e->flags = flags;
	if (unlikely(f->more))
		return build_more(e, op, f, w, flags);
	e->offset = 0;
	e->length = 0;
	e->name_len = w->place.len;
	e->name2_len = 0;
	e->rec.len = len;
	vx_place_copy((u64 *)(e + 1), w->name, w->place.len);
	return len;
}

/* What the reader is not told of a directory it has to be told in another way. */
static inline void not_told(struct vx_super *s, unsigned int op, const struct vx_fact *f)
{
	if (op == VX_OP_FILE_RENAME && (f->flags & VX_F_DIRECTORY))
		vx_dirs_moved_unseen(s);
}

static noinline void lost(struct vx_super *s, unsigned int op, const struct vx_fact *f)
{
	not_told(s, op, f);
	vx_channel_lost(s->channel, op);
}

static inline u32 max_len(unsigned int op, const struct vx_fact *f)
{
	if (likely(!f->more))
		return vx_event_len(VX_OP_FILE_OPEN, NAME_MAX, 0);
	return vx_event_len(op, NAME_MAX, op == VX_OP_FILE_RENAME ? NAME_MAX : f->name2_len);
}

static __always_inline void write_record(struct vx_super *s, unsigned int cpu, unsigned int op,
				const struct vx_fact *f, u64 now)
{
	struct vx_ring *r = &s->channel->ring;
	struct vx_slot slot VX_UNINIT;
	struct where w VX_UNINIT;
	u32 flags = f->flags;
	struct vx_event *e;

	flags |= f->dentry ? locate_dentry(&w, f) : locate_given(&w, f);
	announce_unknown(s, cpu, op, f, &w, now);
	e = vx_ring_begin(r, cpu, op, max_len(op, f), now, &slot);
	if (unlikely(!e)) {
		lost(s, op, f);
		return;
	}
	vx_ring_commit(r, &slot, build(e, s, op, f, &w, flags));
	if (unlikely(op == VX_OP_DIR_CREATE))
		vx_dirs_created(s, cpu, f);
	trace_vexfs_emit(s->channel->id, &e->rec, e);
}

static noinline void time_it(struct vx_channel *ch, u64 since)
{
	const u64 ns = ktime_get_mono_fast_ns() - since;
	const unsigned int bucket = ns ? min_t(unsigned int, ilog2(ns), VX_LATENCY_BUCKETS - 1) : 0;

	this_cpu_inc(ch->counters->latency[bucket]);
}

static __always_inline void report(struct vx_super *s, unsigned int op, const struct vx_fact *f,
				   bool passed)
{
	struct vx_channel *ch = s->channel;
	struct vx_counters *c = this_cpu_ptr(ch->counters);
	u64 now;

	/* Preemption is off and no interrupt comes here: a plain addition will do. */
	c->seen[op]++;
	if (unlikely(op == VX_OP_DIR_DELETE))
		vx_dirs_deleted(s, f);
	if (!passed) {
		c->filtered[op]++;
		not_told(s, op, f);
		return;
	}
	now = ktime_get_mono_fast_ns();
	write_record(s, smp_processor_id(), op, f, now);
	if (unlikely(!(c->attempts++ % VX_LATENCY_EVERY)))
		time_it(ch, now);
}

void vx_report_passed(struct vx_super *s, unsigned int op, const struct vx_fact *f, bool passed)
{
	report(s, op, f, passed);
}

void vx_report(struct vx_super *s, unsigned int op, const struct vx_fact *f)
{
	if (unlikely(!((READ_ONCE(s->ops) >> op) & 1))) {
		not_told(s, op, f);
		return;
	}
	report(s, op, f, (READ_ONCE(s->ops_unfiltered) >> op) & 1 || vx_filter(s, op, f));
}

void vx_report_all(const struct super_block *sb, unsigned int op, const struct vx_fact *f)
{
	struct vx_super *s;

	vx_for_each_super(s, sb)
		vx_report(s, op, f);
}
