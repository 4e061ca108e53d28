// SPDX-License-Identifier: GPL-2.0-only
/* Filters. The contract is in filter.h. */
#include <linux/cred.h>
#include <linux/sched.h>

#include "filter.h"
#include "place.h"
#include "watch.h"

static bool task_passes(const struct vx_watch *w)
{
	if ((w->flags & VX_WATCH_UID) && __kuid_val(current_euid()) != w->uid)
		return false;
	if ((w->flags & VX_WATCH_PID) && current->tgid != w->pid)
		return false;
	return !(w->flags & VX_WATCH_NOT_ME) || current->tgid != READ_ONCE(w->adder);
}

/*
 * Is @dentry the subtree's root or below it? The root's dentry is only compared, never looked into:
 * a directory that has anything cached below it is cached itself, so one that is not found contains
 * nothing that happens.
 */
static bool below(const struct vx_watch *w, struct dentry *dentry)
{
	struct dentry *root = vx_place_dir(w->root);

	return root && dentry && is_subdir(dentry, root);
}

static bool place_passes(const struct vx_watch *w, const struct vx_fact *f)
{
	if (!(w->flags & VX_WATCH_SUBTREE))
		return true;
	if (f->inode == w->root)
		return true;
	if (f->dentry)
		return below(w, f->dentry);
	if (f->dir && below(w, vx_place_dir(f->dir)))
		return true;
	/* A rename out of the subtree belongs to it as well. */
	return f->more && f->old_dir && f->old_dir != f->dir && below(w, vx_place_dir(f->old_dir));
}

/* Does @w want @op, with all of @detail, of the current task? */
static bool wants(const struct vx_watch *w, unsigned int op, u32 detail)
{
	return ((w->ops >> op) & 1) && (w->detail & detail) == detail && task_passes(w);
}

bool vx_filter(const struct vx_super *s, unsigned int op, u32 detail, const struct vx_fact *f)
{
	const struct vx_watch *w;

	list_for_each_entry_rcu(w, &s->watches, node)
		if (wants(w, op, detail) && place_passes(w, f))
			return true;
	return false;
}

bool vx_filter_task(const struct vx_super *s, unsigned int op)
{
	const struct vx_watch *w;

	list_for_each_entry_rcu(w, &s->watches, node)
		if (wants(w, op, 0))
			return true;
	return false;
}

bool vx_filter_at(const struct vx_super *s, unsigned int op, u32 detail, struct dentry *dentry)
{
	const struct vx_watch *w;

	list_for_each_entry_rcu(w, &s->watches, node)
		if (wants(w, op, detail) &&
		    (!(w->flags & VX_WATCH_SUBTREE) || below(w, dentry)))
			return true;
	return false;
}
