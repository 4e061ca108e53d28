// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emit path. Between vx_ring_attempt() and vx_ring_commit() nothing is locked, nothing sleeps,
 * nothing is walked. The only atomic operation of the path is the ticket; what takes an object's
 * last name has one more (last_link.h).
 *
 * Where the caller holds a directory's lock, the ticket is taken under it: that makes the order of
 * the tickets the order of the operations.
 */
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "dirs.h"
#include "emit.h"
#include "filter.h"
#include "last_link.h"
#include "place.h"
#include "record.h"
#include "trace.h"

/* The parent of an operation on a name. */
static __always_inline void place_of_dir(struct vx_place *p, const struct vx_fact *f)
{
	p->parent = NULL;
	p->ino = 0;
	p->gen = 0;
	if (likely(f->dir)) {
		p->ino = f->dir->i_ino;
		p->gen = f->dir->i_generation;
	} else if (f->more) {
		p->ino = f->parent_ino;
		p->gen = f->parent_gen;
	}
}

/* Of an operation on a name. Returns flags to add. */
static __always_inline u32 place_given(struct vx_place *p, const struct vx_fact *f, u64 *name)
{
	place_of_dir(p, f);
	p->len = 0;
	if (unlikely(!f->name))
		return VX_F_NO_NAME;
	p->len = min_t(u32, f->name->len, NAME_MAX);
	vx_place_copy(name, f->name->name, p->len);
	return 0;
}

/* Of an operation on an object: from its dentry. Returns flags to add. */
static __always_inline u32 place_dentry(struct vx_place *p, const struct vx_fact *f, u64 *name)
{
	vx_place_read(f->dentry, p, name);
	if (unlikely(p->parent == f->dentry)) {
		p->len = 0;
		return VX_F_NO_NAME;
	}
	if (likely(!d_unhashed(f->dentry)))
		return 0;
	if (!f->inode ||
	    !vx_place_tmpfile_name((const unsigned char *)name, p->len, f->inode->i_ino))
		return VX_F_UNLINKED;
	p->len = 0;
	return VX_F_UNLINKED | VX_F_NO_NAME;
}

static __always_inline bool inode_known(const struct vx_super *s, struct vx_dirs *d,
					const struct inode *dir)
{
	return vx_dirs_known(s, d, dir->i_ino, dir->i_generation);
}

/* Does the reader know the directories that it needs for this event's paths? */
static __always_inline bool dirs_known(const struct vx_super *s, struct vx_dirs *d,
				       unsigned int op, const struct vx_fact *f,
				       const struct vx_place *p, bool more)
{
	if (more && unlikely(f->elsewhere))
		return true;
	if (f->dentry && unlikely(f->flags & VX_F_DIRECTORY))
		/* The directory itself: its parents are known with it. */
		return !f->inode || inode_known(s, d, f->inode);
	if (unlikely(p->ino && !vx_dirs_known(s, d, p->ino, p->gen)))
		return false;
	return !more || op != VX_OP_FILE_RENAME || f->old_dir == f->dir ||
	       inode_known(s, d, f->old_dir);
}

/* Announces those that it does not know. @parent: as the event's place has it. */
static noinline void announce(struct vx_super *s, unsigned int cpu, unsigned int op,
			      const struct vx_fact *f, struct dentry *parent, u64 now)
{
	const unsigned int cls = vx_op_class(op);
	struct dentry *at = parent;

	if (f->dentry && (f->flags & VX_F_DIRECTORY))
		at = f->dentry;
	else if (!at && f->dir)
		at = vx_place_dir(f->dir);
	if (at)
		vx_dirs_announce(s, cpu, cls, at, now);
	if (op != VX_OP_FILE_RENAME || f->old_dir == f->dir)
		return;
	at = vx_place_dir(f->old_dir);
	if (at)
		vx_dirs_announce(s, cpu, cls, at, now);
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

static __always_inline void fill_object(struct vx_event *e, const struct vx_fact *f)
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

static __always_inline void fill_task(struct vx_event *e)
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

/* The old name behind the new one, and what else a rename has. Returns the record's length. */
static u32 build_rename(struct vx_event *e, const struct vx_super *s, const struct vx_fact *f,
			u32 name_len)
{
	const u32 old_len = min_t(u32, f->old_name->len, NAME_MAX);
	const struct inode *target = f->target;
	struct vx_rename *r = vx_event_rename(e);

	r->old_parent_ino = f->old_dir ? f->old_dir->i_ino : f->old_parent_ino;
	r->old_parent_gen = f->old_dir ? f->old_dir->i_generation : f->old_parent_gen;
	r->target_ino = 0;
	r->target_gen = 0;
	r->target_nlink = 0;
	r->target_mode = 0;
	if (target) {
		r->target_ino = target->i_ino;
		r->target_gen = target->i_generation;
		r->target_nlink = target->i_nlink;
		r->target_mode = target->i_mode;
		e->flags |= VX_F_REPLACED;
		if (S_ISDIR(target->i_mode) ||
		    (!r->target_nlink && vx_last_link_claim(s, target)))
			e->flags |= VX_F_LAST_LINK;
	}
	e->offset = 0;
	e->length = 0;
	e->cookie = f->cookie;
	return vx_event_append(e, name_len, f->old_name->name, old_len);
}

/* What most events have not. The name is in its place already. */
static u32 build_more(struct vx_event *e, const struct vx_super *s, unsigned int op,
		      const struct vx_fact *f, u32 name_len)
{
	if (f->elsewhere)
		e->fsid = f->fsid;
	e->error = f->error;
	e->duration_ns = (READ_ONCE(s->ops_duration) >> op) & 1 ?
				 vx_fact_duration(f, e->rec.mono_ns) : 0;
	if (op == VX_OP_FILE_RENAME)
		return build_rename(e, s, f, name_len);
	e->offset = f->offset;
	e->length = f->length;
	return vx_event_append(e, name_len, f->name2, f->name2_len);
}

static __always_inline u32 build(struct vx_event *e, const struct vx_super *s, unsigned int op,
				 const struct vx_fact *f, const struct vx_place *p, u32 flags,
				 bool more)
{
	e->rec.type = VX_REC_EVENT;
	e->rec.op = op;
	e->fsid = s->fsid;
	e->parent_ino = p->ino;
	e->parent_gen = p->gen;
	fill_object(e, f);
	fill_task(e);
	e->error = 0;
	e->cookie = 0;
	e->flags = flags;
	if (more)
		return build_more(e, s, op, f, p->len);
	e->offset = 0;
	e->length = 0;
	e->duration_ns = 0;
	e->name_len = p->len;
	e->name2_len = 0;
	e->rec.len = VX_ALIGN8((u32)sizeof(*e) + p->len);
	return e->rec.len;
}

/* What the reader is not told of a directory it has to be told in another way. */
static __always_inline void not_told(struct vx_super *s, unsigned int op, const struct vx_fact *f)
{
	if (op == VX_OP_FILE_RENAME && (f->flags & VX_F_DIRECTORY) && !f->error)
		vx_dirs_moved_unseen(s);
}

/*
 * Says where the lost event was. Its parent; of what has none, the directory itself; neither is
 * known: the whole scope. A sync changes no directory, nor does what failed.
 */
static void dirty(struct vx_super *s, unsigned int cpu, unsigned int op, const struct vx_fact *f)
{
	const u64 fsid = f->more && f->elsewhere ? f->fsid : s->fsid;
	struct vx_dirty dirs[2] = { { .fsid = fsid } };
	u32 n = op != VX_OP_SYNC && !(f->more && f->error);
	struct vx_place place;

	if (f->dentry)
		vx_place_parent(f->dentry, &place);
	else
		place_of_dir(&place, f);
	dirs[0].ino = place.ino;
	dirs[0].gen = place.gen;
	if (!place.ino && f->inode && S_ISDIR(f->inode->i_mode)) {
		dirs[0].ino = f->inode->i_ino;
		dirs[0].gen = f->inode->i_generation;
	}
	if (n && op == VX_OP_FILE_RENAME && f->old_dir != f->dir)
		dirs[n++] = (struct vx_dirty){ .fsid = fsid, .ino = f->old_dir->i_ino,
					       .gen = f->old_dir->i_generation };
	vx_ring_dirty(&s->channel->ring, cpu, dirs, n);
}

static noinline void lost(struct vx_super *s, unsigned int cpu, unsigned int op,
			  const struct vx_fact *f, u64 now)
{
	vx_ring_lose(&s->channel->ring, cpu, op, now);
	if (vx_op_class(op) == VX_CLASS_M)
		dirty(s, cpu, op, f);
	not_told(s, op, f);
	vx_channel_lost(s->channel, op);
}

static __always_inline u32 max_len(unsigned int op, const struct vx_fact *f, bool more)
{
	if (!more)
		return vx_event_len(VX_OP_FILE_OPEN, NAME_MAX, 0);
	return vx_event_len(op, NAME_MAX, op == VX_OP_FILE_RENAME ? NAME_MAX : f->name2_len);
}

static void write_told(struct vx_super *s, unsigned int cpu, unsigned int op,
		       const struct vx_fact *f, u64 now);

/*
 * The name is read into the room where the record will stand, and stays when the attempt begins. An
 * announcement takes that room, so after one (@told) all begins anew.
 */
static __always_inline void write_record(struct vx_super *s, unsigned int cpu, unsigned int op,
					 const struct vx_fact *f, u64 now, bool more, bool told)
{
	const unsigned int cls = vx_op_class(op);
	struct vx_ring *r = &s->channel->ring;
	struct vx_place place VX_UNINIT;
	struct vx_slot slot VX_UNINIT;
	struct vx_event *e = vx_ring_reserve(r, cpu, cls, max_len(op, f, more), &slot);
	u64 *name;
	u32 flags;

	if (unlikely(!e)) {
		lost(s, cpu, op, f, now);
		return;
	}
	name = (u64 *)((char *)e + (more ? vx_event_fixed(op) : sizeof(*e)));
	flags = f->dentry ? place_dentry(&place, f, name) : place_given(&place, f, name);
	if (!told && unlikely(!dirs_known(s, vx_dirs_of(s, cpu, cls), op, f, &place, more))) {
		announce(s, cpu, op, f, place.parent, now);
		write_told(s, cpu, op, f, now);
		return;
	}
	flags |= f->flags;
	if (unlikely(flags & VX_F_LAST_LINK) && op == VX_OP_FILE_DELETE &&
	    !vx_last_link_claim(s, f->inode))
		flags &= ~VX_F_LAST_LINK;
	vx_ring_attempt(r, &slot, op, now);
	vx_ring_commit(r, &slot, build(e, s, op, f, &place, flags, more));
	if (unlikely(op == VX_OP_DIR_CREATE))
		vx_dirs_created(s, cpu, f);
	if (trace_vexfs_emit_enabled())
		trace_vexfs_emit(s->channel->id, &e->rec, e);
}

static noinline void write_told(struct vx_super *s, unsigned int cpu, unsigned int op,
				const struct vx_fact *f, u64 now)
{
	write_record(s, cpu, op, f, now, f->more, true);
}

static noinline void write_more(struct vx_super *s, unsigned int cpu, unsigned int op,
				const struct vx_fact *f, u64 now)
{
	write_record(s, cpu, op, f, now, true, false);
}

static noinline void time_it(struct vx_channel *ch, u64 since)
{
	const u64 ns = ktime_get_mono_fast_ns() - since;
	const unsigned int bucket = ns ? min_t(unsigned int, ilog2(ns), VX_LATENCY_BUCKETS - 1) : 0;

	this_cpu_inc(ch->counters->latency[bucket]);
}

/* The object has just got its first name, and is known. */
static __always_inline bool is_new(unsigned int op, const struct vx_fact *f)
{
	return (op == VX_OP_FILE_CREATE || op == VX_OP_SYMLINK_CREATE) && f->inode &&
	       !(f->more && f->error);
}

static __always_inline void report(struct vx_super *s, unsigned int op, const struct vx_fact *f)
{
	struct vx_counters *c = this_cpu_ptr(s->channel->counters);
	const u64 now = ktime_get_mono_fast_ns();

	/* Preemption is off and no interrupt comes here: a plain addition will do. */
	c->seen[op]++;
	if (unlikely(op == VX_OP_DIR_DELETE))
		vx_dirs_deleted(s, f);
	if (is_new(op, f))
		vx_last_link_forget(s, f->inode);
	if (unlikely(f->more))
		write_more(s, smp_processor_id(), op, f, now);
	else
		write_record(s, smp_processor_id(), op, f, now, false, false);
	if (unlikely(!(c->attempts++ % VX_LATENCY_EVERY)))
		time_it(s->channel, now);
}

static noinline void filtered(struct vx_super *s, unsigned int op, const struct vx_fact *f)
{
	struct vx_counters *c = this_cpu_ptr(s->channel->counters);

	c->seen[op]++;
	c->filtered[op]++;
	if (op == VX_OP_DIR_DELETE)
		vx_dirs_deleted(s, f);
	not_told(s, op, f);
}

void vx_report_passed(struct vx_super *s, unsigned int op, const struct vx_fact *f, bool passed)
{
	if (passed)
		report(s, op, f);
	else
		filtered(s, op, f);
}

void vx_report(struct vx_super *s, unsigned int op, const struct vx_fact *f)
{
	/* What passes unfiltered is in ops too. */
	if (unlikely(!((READ_ONCE(s->ops_unfiltered) >> op) & 1))) {
		if (!((READ_ONCE(s->ops) >> op) & 1)) {
			not_told(s, op, f);
			return;
		}
		if (!vx_filter(s, op, 0, f)) {
			filtered(s, op, f);
			return;
		}
	}
	report(s, op, f);
}

void vx_report_all(const struct super_block *sb, unsigned int op, const struct vx_fact *f)
{
	struct vx_super *s;

	vx_for_each_super(s, sb)
		vx_report(s, op, f);
}
