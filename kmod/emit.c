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
	const char *name;
	char copy[NAME_MAX + 1];
};

/*
 * O_TMPFILE objects are called "#" and their inode number until they are linked: no name that
 * anybody gave.
 */
static bool is_tmpfile_name(const struct where *w, const struct inode *inode)
{
	u64 number = 0;
	u32 i;

	if (w->place.len < 2 || w->copy[0] != '#' || !inode)
		return false;
	for (i = 1; i < w->place.len; i++) {
		if (!isdigit(w->copy[i]))
			return false;
		number = number * 10 + (w->copy[i] - '0');
	}
	return number == inode->i_ino;
}

static inline void locate(struct where *w, const struct vx_fact *f, u32 *flags)
{
	struct dentry *dentry = f->dentry;

	if (!dentry) {
		w->place.parent = NULL;
		w->place.ino = f->dir ? f->dir->i_ino : f->parent_ino;
		w->place.gen = f->dir ? f->dir->i_generation : f->parent_gen;
		w->place.len = f->name ? min_t(u32, f->name->len, NAME_MAX) : 0;
		w->name = f->name ? (const char *)f->name->name : NULL;
		if (!f->name)
			*flags |= VX_F_NO_NAME;
		return;
	}
	vx_place_read(dentry, &w->place, w->copy);
	w->name = w->copy;
	if (unlikely(w->place.parent == dentry)) {
		w->place.len = 0;
		*flags |= VX_F_NO_NAME;
	} else if (unlikely(d_unhashed(dentry))) {
		*flags |= VX_F_UNLINKED;
		if (is_tmpfile_name(w, f->inode)) {
			w->place.len = 0;
			*flags |= VX_F_NO_NAME;
		}
	}
}

/* The directories that the reader needs for this event's paths. */
static inline void announce(struct vx_super *s, unsigned int cpu, unsigned int cls,
			    const struct vx_fact *f, const struct where *w, u64 now)
{
	struct vx_dirs *d = vx_dirs_of(s, cpu, cls);
	const struct inode *old = f->old_dir;

	if (unlikely(f->elsewhere))
		return;
	if (f->dentry && (f->flags & VX_F_DIRECTORY)) {
		if (unlikely(f->inode &&
			     !vx_dirs_known(s, d, f->inode->i_ino, f->inode->i_generation)))
			vx_dirs_announce(s, cpu, cls, f->dentry, now);
	} else if (w->place.ino && unlikely(!vx_dirs_known(s, d, w->place.ino, w->place.gen))) {
		struct dentry *dir = w->place.parent;

		if (!dir && f->dir)
			dir = vx_place_dir(f->dir);
		if (dir)
			vx_dirs_announce(s, cpu, cls, dir, now);
	}
	if (unlikely(old) && old != f->dir && !vx_dirs_known(s, d, old->i_ino, old->i_generation)) {
		struct dentry *dir = vx_place_dir(f->old_dir);

		if (dir)
			vx_dirs_announce(s, cpu, cls, dir, now);
	}
}

static inline void fill_object(struct vx_event *e, const struct vx_fact *f)
{
	static const struct vx_object unknown;
	struct vx_object read;
	const struct vx_object *o = f->copy ? f->copy : &unknown;

	if (likely(f->inode)) {
		vx_object_read(&read, f->inode);
		o = &read;
	}
	e->ino = o->ino;
	e->gen = o->gen;
	e->size = o->size;
	e->mode = o->mode;
	e->nlink = o->nlink;
	e->owner_uid = o->owner_uid;
	e->owner_gid = o->owner_gid;
}

static inline void fill_task(struct vx_event *e)
{
	const struct cred *cred = current_cred();

	/*
	 * A kuid is the number in the initial user namespace, pid and tgid those in the initial pid
	 * namespace.
	 */
	e->uid = __kuid_val(cred->euid);
	e->gid = __kgid_val(cred->egid);
	e->pid = current->tgid;
	e->tid = current->pid;
	BUILD_BUG_ON(TASK_COMM_LEN != VX_COMM_LEN);
	memcpy(e->comm, current->comm, VX_COMM_LEN);
}

static u32 fill_rename(struct vx_event *e, const struct vx_fact *f)
{
	struct vx_rename *r = vx_event_rename(e);
	const struct inode *target = f->target;

	r->old_parent_ino = f->old_dir->i_ino;
	r->old_parent_gen = f->old_dir->i_generation;
	r->target_ino = target ? target->i_ino : 0;
	r->target_gen = target ? target->i_generation : 0;
	r->target_nlink = target ? target->i_nlink : 0;
	r->target_mode = target ? target->i_mode : 0;
	e->cookie = f->cookie;
	if (!target)
		return 0;
	return VX_F_REPLACED | (target->i_nlink ? 0 : VX_F_LAST_LINK);
}

static inline u32 max_len(unsigned int op, const struct vx_fact *f)
{
	return vx_event_len(op, NAME_MAX, op == VX_OP_FILE_RENAME ? NAME_MAX : f->name2_len);
}

static inline u32 build(struct vx_event *e, const struct vx_super *s, unsigned int op,
			const struct vx_fact *f, const struct where *w, u32 flags)
{
	e->rec.type = VX_REC_EVENT;
	e->rec.op = op;
	e->fsid = unlikely(f->elsewhere) ? f->fsid : s->fsid;
	e->parent_ino = w->place.ino;
	e->parent_gen = w->place.gen;
	fill_object(e, f);
	fill_task(e);
	e->offset = f->offset;
	e->length = f->length;
	e->error = 0;
	if (op == VX_OP_FILE_RENAME) {
		e->flags = flags | fill_rename(e, f);
		return vx_event_strings(e, w->name, w->place.len, f->old_name->name,
					min_t(u32, f->old_name->len, NAME_MAX));
	}
	e->cookie = 0;
	e->flags = flags;
	return vx_event_strings(e, w->name, w->place.len, f->name2, f->name2_len);
}

/* What the reader is not told of a directory it has to be told in another way. */
static void not_told(struct vx_super *s, unsigned int op, const struct vx_fact *f)
{
	if (op == VX_OP_FILE_RENAME && (f->flags & VX_F_DIRECTORY))
		vx_dirs_moved_unseen(s);
}

static void say_first_loss(struct vx_channel *ch, unsigned int op)
{
	if (READ_ONCE(ch->loss_said))
		return;
	WRITE_ONCE(ch->loss_said, 1);
	pr_warn_ratelimited("channel %llu: the ring is full; first loss (%s)\n", ch->id,
			    vx_op_name(op));
}

static bool write_record(struct vx_super *s, unsigned int cpu, unsigned int op,
			 const struct vx_fact *f, u64 now)
{
	struct vx_channel *ch = s->channel;
	u32 flags = f->flags;
	struct vx_event *e;
	struct vx_slot slot;
	struct where w;

	locate(&w, f, &flags);
	announce(s, cpu, vx_op_class(op), f, &w, now);
	e = vx_ring_begin(&ch->ring, cpu, op, max_len(op, f), now, &slot);
	if (unlikely(!e)) {
		say_first_loss(ch, op);
		return false;
	}
	vx_ring_commit(&ch->ring, &slot, build(e, s, op, f, &w, flags));
	trace_vexfs_emit(ch->id, e);
	return true;
}

static void time_it(struct vx_channel *ch, u64 since)
{
	const u64 ns = ktime_get_mono_fast_ns() - since;
	const unsigned int bucket = ns ? min_t(unsigned int, ilog2(ns), VX_LATENCY_BUCKETS - 1) : 0;

	this_cpu_inc(ch->counters->latency[bucket]);
}

void vx_report_passed(struct vx_super *s, unsigned int op, const struct vx_fact *f, bool passed)
{
	struct vx_channel *ch = s->channel;
	const unsigned int cpu = smp_processor_id();
	const u64 seen = this_cpu_inc_return(ch->counters->seen[op]);
	u64 now;

	if (op == VX_OP_DIR_DELETE)
		vx_dirs_deleted(s, f);
	if (!passed) {
		this_cpu_inc(ch->counters->filtered[op]);
		not_told(s, op, f);
		return;
	}
	now = ktime_get_mono_fast_ns();
	if (unlikely(!write_record(s, cpu, op, f, now)))
		not_told(s, op, f);
	else if (op == VX_OP_DIR_CREATE)
		vx_dirs_created(s, cpu, f);
	if (unlikely(!(seen % VX_LATENCY_EVERY)))
		time_it(ch, now);
}

void vx_report(struct vx_super *s, unsigned int op, const struct vx_fact *f)
{
	if (unlikely(!((READ_ONCE(s->ops) >> op) & 1))) {
		not_told(s, op, f);
		return;
	}
	vx_report_passed(s, op, f, vx_filter(s, op, f));
}

void vx_report_all(const struct super_block *sb, unsigned int op, const struct vx_fact *f)
{
	struct vx_super *s;

	vx_for_each_super(s, sb)
		vx_report(s, op, f);
}
