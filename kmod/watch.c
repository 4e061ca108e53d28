// SPDX-License-Identifier: GPL-2.0-only
/* Adding and removing watches. The contract is in watch.h. */
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "dirs.h"
#include "probe.h"
#include "watch.h"

static int check(const struct vx_watch_add *a)
{
	if ((a->flags & ~VX_WATCH_ALL) || (a->detail & ~VX_DETAIL_ALL))
		return -EINVAL;
	if (!a->ops || (a->ops & ~VX_OPS_ALL))
		return -EINVAL;
	if (a->flags & VX_WATCH_UID ? a->uid == (uid_t)-1 : a->uid)
		return -EINVAL;
	if (a->flags & VX_WATCH_PID ? !a->pid || a->pid > PID_MAX_LIMIT : a->pid)
		return -EINVAL;
	return 0;
}

static struct vx_watch *make(struct vx_channel *ch, const struct vx_watch_add *a,
			     struct inode *inode)
{
	struct vx_watch *w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);

	if (!w)
		return NULL;
	w->id = ++ch->last_watch;
	w->ops = a->ops;
	w->flags = a->flags;
	w->detail = a->detail;
	w->uid = a->uid;
	w->pid = a->pid;
	w->adder = current->tgid;
	w->ino = inode->i_ino;
	w->gen = inode->i_generation;
	if (a->flags & VX_WATCH_SUBTREE) {
		ihold(inode);
		w->root = inode;
	}
	return w;
}

static int want_union(struct vx_super *s)
{
	struct vx_wanted want = {};
	const struct vx_watch *w;

	list_for_each_entry(w, &s->watches, node) {
		want.ops |= w->ops;
		want.unfiltered |= w->flags ? 0 : w->ops;
		want.failed |= w->detail & VX_DETAIL_FAILED ? w->ops : 0;
		want.range |= w->detail & VX_DETAIL_RANGE ? w->ops : 0;
		want.duration |= w->detail & VX_DETAIL_DURATION ? w->ops : 0;
	}
	return vx_super_want(s, &want);
}

/*
 * Takes @w off the list. The subtree's root goes with it unless the super block has taken it along
 * already.
 */
static void take_off(struct vx_super *s, struct vx_watch *w)
{
	mutex_lock(&s->alive);
	list_del_rcu(&w->node);
	if (w->root && s->sb)
		iput(w->root);
	mutex_unlock(&s->alive);
	vx_probes_put(w->ops, w->detail);
	s->channel->watches--;
	kfree_rcu(w, rcu);
}

static int put_on(struct vx_channel *ch, struct vx_super *s, struct vx_watch_add *a,
		  struct inode *inode)
{
	struct vx_watch *w;
	int err = vx_probes_get(a->ops, a->detail);

	if (err)
		return err;
	w = make(ch, a, inode);
	if (!w) {
		vx_probes_put(a->ops, a->detail);
		return -ENOMEM;
	}
	mutex_lock(&s->alive);
	list_add_tail_rcu(&w->node, &s->watches);
	mutex_unlock(&s->alive);
	ch->watches++;
	/* Last: what arrives from here on finds the watch. */
	err = want_union(s);
	if (err) {
		take_off(s, w);
		want_union(s);
		return err;
	}
	a->watch = w->id;
	a->fsid = s->fsid;
	a->ino = w->ino;
	a->root_ino = s->root.ino;
	a->dev = s->dev;
	a->gen = w->gen;
	a->root_gen = s->root.gen;
	return 0;
}

static int add_at(struct vx_channel *ch, struct vx_watch_add *a, const struct path *path)
{
	struct inode *inode = d_inode(path->dentry);
	struct vx_super *s;
	int err;

	/* Pipes, sockets: file systems that nobody mounts. */
	if (path->dentry->d_sb->s_flags & SB_NOUSER)
		return -EINVAL;
	if ((a->flags & VX_WATCH_SUBTREE) && !S_ISDIR(inode->i_mode))
		return -ENOTDIR;
	mutex_lock(&ch->lock);
	if (ch->watches >= VX_WATCHES_MAX) {
		err = -ENOSPC;
		goto out;
	}
	s = vx_super_get(ch, path);
	if (IS_ERR(s)) {
		err = PTR_ERR(s);
		goto out;
	}
	err = put_on(ch, s, a, inode);
	if (list_empty(&s->watches))
		vx_super_put(s);
out:
	mutex_unlock(&ch->lock);
	return err;
}

int vx_watch_add(struct vx_channel *ch, struct vx_watch_add *a)
{
	struct file *file;
	int err = check(a);

	if (err)
		return err;
	file = fget_raw(a->path_fd);
	if (!file)
		return -EBADF;
	/* The file's reference to the mount keeps the super block while it is added. */
	err = add_at(ch, a, &file->f_path);
	fput(file);
	return err;
}

static void remove_one(struct vx_super *s, struct vx_watch *w)
{
	take_off(s, w);
	if (list_empty(&s->watches))
		vx_super_put(s);
	else
		/* Without memory it stays wider than need be: what arrives is filtered. */
		want_union(s);
}

/* Under ch->lock. NULL: the channel has no such watch. */
static struct vx_watch *find(struct vx_channel *ch, u64 id, struct vx_super **super)
{
	struct vx_super *s;
	struct vx_watch *w;

	list_for_each_entry(s, &ch->supers, node) {
		list_for_each_entry(w, &s->watches, node) {
			if (w->id == id) {
				*super = s;
				return w;
			}
		}
	}
	return NULL;
}

int vx_watch_remove(struct vx_channel *ch, u64 id)
{
	struct vx_super *s;
	struct vx_watch *w;

	mutex_lock(&ch->lock);
	w = find(ch, id, &s);
	if (w)
		remove_one(s, w);
	mutex_unlock(&ch->lock);
	return w ? 0 : -ENOENT;
}

int vx_watch_remove_up_to(struct vx_channel *ch, u64 id)
{
	struct vx_super *s, *next_super;
	struct vx_watch *w, *next;
	unsigned int before, left;

	mutex_lock(&ch->lock);
	before = ch->watches;
	list_for_each_entry_safe(s, next_super, &ch->supers, node) {
		list_for_each_entry_safe(w, next, &s->watches, node)
			if (w->id <= id)
				take_off(s, w);
		if (list_empty(&s->watches))
			vx_super_put(s);
		else
			want_union(s);
	}
	left = ch->watches;
	mutex_unlock(&ch->lock);
	return left == before ? -ENOENT : 0;
}

void vx_watches_adopt(struct vx_channel *ch, pid_t pid)
{
	struct vx_super *s;
	struct vx_watch *w;

	mutex_lock(&ch->lock);
	list_for_each_entry(s, &ch->supers, node) {
		list_for_each_entry(w, &s->watches, node)
			WRITE_ONCE(w->adder, pid);
		vx_dirs_moved_unseen(s);
	}
	mutex_unlock(&ch->lock);
}

/* Can anything happen that @w would see? */
static bool gone(struct vx_super *s, const struct vx_watch *w)
{
	bool dead;

	mutex_lock(&s->alive);
	/* The root is held, deleted or not, as long as the super block is there. */
	dead = !s->sb || (w->root && (IS_DEADDIR(w->root) || !w->root->i_nlink));
	mutex_unlock(&s->alive);
	return dead;
}

int vx_watch_state(struct vx_channel *ch, struct vx_watch_state *args)
{
	struct vx_super *s;
	struct vx_watch *w;

	mutex_lock(&ch->lock);
	w = find(ch, args->watch, &s);
	if (w)
		args->state = gone(s, w) ? VX_WATCH_GONE : VX_WATCH_LIVE;
	mutex_unlock(&ch->lock);
	return w ? 0 : -ENOENT;
}

void vx_watch_remove_all(struct vx_channel *ch)
{
	vx_watch_remove_up_to(ch, U64_MAX);
}
