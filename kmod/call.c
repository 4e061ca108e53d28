// SPDX-License-Identifier: GPL-2.0-only
/* Calls under way. The contract is in call.h. */
#include <linux/timekeeping.h>

#include "call.h"
#include "dirs.h"
#include "emit.h"
#include "filter.h"
#include "place.h"

struct vx_slots vx_calls = { .size = sizeof(struct vx_call) };

static void forget(struct vx_spot *at)
{
	at->ino = 0;
	at->gen = 0;
	at->len = 0;
}

struct vx_call *vx_call_begin(unsigned int op, struct dentry *dentry)
{
	struct vx_call *c = vx_call_current() ? NULL : vx_slots_take(&vx_calls);

	if (!c)
		return NULL;
	c->op = op;
	c->started = ktime_get_mono_fast_ns();
	c->told = false;
	c->dentry = dentry;
	c->name[0] = NULL;
	c->name[1] = NULL;
	c->sb = NULL;
	c->passed = 0;
	c->flags = 0;
	c->known = false;
	c->walked = false;
	forget(&c->at);
	forget(&c->old);
	return c;
}

/* Asks who wants to hear of it at @dentry, and tells them where @dir is. */
static void ask(struct vx_call *c, struct dentry *dentry, struct dentry *dir)
{
	const struct inode *inode = d_inode_rcu(dir);
	const unsigned int cls = vx_op_class(c->op);
	const unsigned int cpu = smp_processor_id();
	struct vx_super *s;

	c->sb = dentry->d_sb;
	vx_for_each_super(s, c->sb) {
		if (!((READ_ONCE(s->ops_failed) >> c->op) & 1) ||
		    !vx_filter_at(s, c->op, VX_DETAIL_FAILED, dentry))
			continue;
		c->passed |= 1ull << s->channel->slot;
		if (inode && !vx_dirs_known(s, vx_dirs_of(s, cpu, cls), inode->i_ino,
					    inode->i_generation))
			vx_dirs_announce(s, cpu, cls, dir, ktime_get_mono_fast_ns());
	}
}

void vx_call_object(struct vx_call *c, struct dentry *dentry)
{
	const struct inode *inode = d_inode_rcu(dentry);

	/* The first one of a rename is what is to be moved. */
	if (!inode || dentry->d_sb != c->sb || (c->known && c->op == VX_OP_FILE_RENAME))
		return;
	vx_object_read(&c->object, inode);
	c->known = true;
	c->flags = S_ISDIR(inode->i_mode) ? VX_F_DIRECTORY : 0;
	/* The root of a watched subtree belongs to it, its parent does not. */
	if (c->flags)
		ask(c, dentry, READ_ONCE(dentry->d_parent));
}

static void next_spot(struct vx_call *c, bool walked)
{
	/* What a walk was given up at is replaced by where the next one ends. */
	if (c->op == VX_OP_FILE_RENAME && c->at.ino && !c->walked)
		c->old = c->at;
	c->walked = walked;
	c->known = false;
	c->flags = 0;
}

void vx_call_at_name(struct vx_call *c, struct dentry *dir, const struct qstr *name, bool walked)
{
	const struct inode *inode = d_inode_rcu(dir);
	struct vx_spot *at = &c->at;

	/* From one file system to another: told where it was. */
	if (c->op == VX_OP_FILE_RENAME && at->ino && c->sb != dir->d_sb) {
		next_spot(c, false);
		forget(at);
		return;
	}
	if (!inode || !vx_super_detailed(dir->d_sb, VX_DETAIL_FAILED, VX_OP_BIT(c->op)))
		return;
	next_spot(c, walked);
	at->ino = inode->i_ino;
	at->gen = inode->i_generation;
	at->len = min_t(u32, name->len, NAME_MAX);
	memcpy(at->name, name->name, at->len);
	ask(c, dir, dir);
}

void vx_call_at(struct vx_call *c, struct dentry *dentry)
{
	struct vx_place place;

	if (!vx_super_detailed(dentry->d_sb, VX_DETAIL_FAILED, VX_OP_BIT(c->op)))
		return;
	next_spot(c, true);
	vx_place_read(dentry, &place, (u64 *)c->at.name);
	c->at.ino = place.ino;
	c->at.gen = place.gen;
	c->at.len = place.parent == dentry ? 0 : place.len;
	ask(c, dentry, place.parent);
	vx_call_object(c, dentry);
}

static void report_held(const struct vx_call *c, int error)
{
	struct inode *inode = d_inode(c->dentry);
	const struct vx_fact f = {
		.inode = inode,
		.dentry = c->dentry,
		.flags = inode && S_ISDIR(inode->i_mode) ? VX_F_DIRECTORY : 0,
		.more = true,
		.error = error,
		.started = c->started,
	};
	struct vx_super *s;

	vx_for_each_super(s, c->dentry->d_sb)
		if ((READ_ONCE(s->ops_failed) >> c->op) & 1)
			vx_report_passed(s, c->op, &f,
					 vx_filter(s, c->op, VX_DETAIL_FAILED, &f));
}

static void report_copy(const struct vx_call *c, int error)
{
	const struct qstr name = QSTR_INIT(c->at.name, c->at.len);
	const struct qstr old_name = QSTR_INIT(c->old.name, c->old.len);
	const struct vx_fact f = {
		.name = c->at.len ? &name : NULL,
		.flags = c->flags,
		.more = true,
		.copy = c->known ? &c->object : NULL,
		.parent_ino = c->at.ino,
		.parent_gen = c->at.gen,
		.error = error,
		.started = c->started,
		.old_name = &old_name,
		.old_parent_ino = c->old.ino,
		.old_parent_gen = c->old.gen,
	};
	struct vx_super *s;

	vx_for_each_super(s, c->sb)
		if ((READ_ONCE(s->ops_failed) >> c->op) & 1)
			vx_report_passed(s, c->op, &f, (c->passed >> s->channel->slot) & 1);
}

void vx_call_report(const struct vx_call *c, int error)
{
	if (c->dentry)
		report_held(c, error);
	else if (c->sb)
		report_copy(c, error);
}
