// SPDX-License-Identifier: GPL-2.0-only
/* Watched super blocks. The contract is in super.h. */
#include <linux/hash.h>
#include <linux/kdev_t.h>
#include <linux/slab.h>
#include <linux/statfs.h>

#include "abi/ioctl.h"
#include "capture.h"
#include "super.h"
#include "watch.h"

#define TABLE_BITS 6

static struct hlist_head table[1 << TABLE_BITS];
static DEFINE_SPINLOCK(table_lock);
static DEFINE_MUTEX(nudge_lock);          /* one mark of the group on a super block at a time */
static struct fsnotify_group *nudge_group;

struct hlist_head *vx_super_bucket(const struct super_block *sb)
{
	return &table[hash_ptr(sb, TABLE_BITS)];
}

bool vx_super_watched(const struct super_block *sb, u64 ops)
{
	struct vx_super *s;

	vx_for_each_super(s, sb)
		if (READ_ONCE(s->ops) & ops)
			return true;
	return false;
}

/* VX_OP_BIT()s of which some watch of @s wants one of @detail. */
static u64 ops_with(const struct vx_super *s, u32 detail)
{
	return (detail & VX_DETAIL_FAILED ? READ_ONCE(s->ops_failed) : 0) |
	       (detail & VX_DETAIL_RANGE ? READ_ONCE(s->ops_range) : 0) |
	       (detail & VX_DETAIL_DURATION ? READ_ONCE(s->ops_duration) : 0);
}

bool vx_super_detailed(const struct super_block *sb, u32 detail, u64 ops)
{
	struct vx_super *s;

	vx_for_each_super(s, sb)
		if (ops_with(s, detail) & ops)
			return true;
	return false;
}

static void unpublish(struct vx_super *s)
{
	spin_lock(&table_lock);
	hlist_del_init_rcu(&s->hash);
	spin_unlock(&table_lock);
}

/*
 * What it holds of the super block is let go; afterwards nobody looks at the super block any more.
 */
static void let_go(struct vx_super *s)
{
	struct vx_watch *w;

	mutex_lock(&s->alive);
	if (s->sb) {
		unpublish(s);
		list_for_each_entry(w, &s->watches, node)
			if (w->root)
				iput(w->root);
		WRITE_ONCE(s->sb, NULL);
	}
	mutex_unlock(&s->alive);
}

/*
 * fsnotify: the mark is going, because of us or because of the super block. In the latter case
 * before it is freed.
 */
static void freeing_mark(struct fsnotify_mark *mark, struct fsnotify_group *group)
{
	let_go(container_of(mark, struct vx_super, mark));
}

/* fsnotify: no hook is in the mark any more. Probes may still be, under RCU. */
static void free_mark(struct fsnotify_mark *mark)
{
	kfree_rcu(container_of(mark, struct vx_super, mark), rcu);
}

static void free_group(struct fsnotify_group *group)
{
	struct vx_channel *ch = group->private;

	complete(&ch->group_gone);
}

static const struct fsnotify_ops ops = {
	.handle_event = vx_capture,
	.freeing_mark = freeing_mark,
	.free_mark = free_mark,
	.free_group_priv = free_group,
};

static int nudge_event(struct fsnotify_group *group, u32 mask, const void *data, int data_type,
		       struct inode *dir, const struct qstr *name, u32 cookie,
		       struct fsnotify_iter_info *iter_info)
{
	return 0;
}

static void nudge_free(struct fsnotify_mark *mark)
{
	kfree(mark);
}

static const struct fsnotify_ops nudge_ops = {.handle_event = nudge_event, .free_mark = nudge_free};

int vx_supers_init(void)
{
	nudge_group = fsnotify_alloc_group(&nudge_ops, 0);
	return PTR_ERR_OR_ZERO(nudge_group);
}

void vx_supers_exit(void)
{
	fsnotify_put_group(nudge_group);
	/*
	 * What the reaper still has of our marks runs our functions; kfree_rcu() of theirs does
	 * not.
	 */
	fsnotify_wait_marks_destroyed();
}

struct fsnotify_group *vx_super_group(struct vx_channel *ch)
{
	struct fsnotify_group *group = fsnotify_alloc_group(&ops, 0);

	if (!IS_ERR(group))
		group->private = ch;
	return group;
}

/* Makes fsnotify add up the masks of all marks on the super block. Called with s->alive held. */
static int nudge(struct vx_super *s)
{
	struct fsnotify_mark *mark = kzalloc(sizeof(*mark), GFP_KERNEL);
	int err;

	if (!mark)
		return -ENOMEM;
	mutex_lock(&nudge_lock);
	fsnotify_init_mark(mark, nudge_group);
	/*
	 * An event that no super block has, so that the masks are added up when the mark comes:
	 * when it goes, somebody who waits for a permission may still hold it.
	 */
	mark->mask = FS_Q_OVERFLOW;
	err = vx_add_sb_mark(mark, s->sb);
	if (!err)
		fsnotify_destroy_mark(mark, nudge_group);
	mutex_unlock(&nudge_lock);
	fsnotify_put_mark(mark);
	return err;
}

int vx_super_want(struct vx_super *s, const struct vx_wanted *want)
{
	const u32 mask = vx_capture_mask(want->ops);
	int err = 0;

	mutex_lock(&s->alive);
	if (!s->sb) {
		err = -ENOENT;
	} else if (s->mark.mask != mask) {
		spin_lock(&s->mark.lock);
		s->mark.mask = mask;
		spin_unlock(&s->mark.lock);
		err = nudge(s);
	}
	mutex_unlock(&s->alive);
	WRITE_ONCE(s->ops_unfiltered, want->unfiltered);
	WRITE_ONCE(s->ops, want->ops);
	WRITE_ONCE(s->ops_failed, want->failed);
	WRITE_ONCE(s->ops_range, want->range);
	WRITE_ONCE(s->ops_duration, want->duration);
	WRITE_ONCE(s->ops_detail, want->range | want->duration);
	return err;
}

/* The number of the file system that its events carry. */
static int read_fsid(const struct path *path, u64 *fsid)
{
	struct kstatfs st;
	int err = vfs_statfs(path, &st);

	if (err)
		return err;
	*fsid = (u32)st.f_fsid.val[0] | (u64)(u32)st.f_fsid.val[1] << 32;
	if (!*fsid)
		*fsid = new_encode_dev(path->dentry->d_sb->s_dev);
	return 0;
}

static void describe(struct vx_super *s, struct super_block *sb)
{
	s->sb = sb;
	s->dev = new_encode_dev(sb->s_dev);
	vx_object_read(&s->root, d_inode(sb->s_root));
	atomic64_set(&s->dir_salt, hash_64(s->fsid ^ s->dev, 64));
	strscpy(s->name, sb->s_id, sizeof(s->name));
	strscpy(s->type, sb->s_type->name, sizeof(s->type));
}

static struct vx_super *make(struct vx_channel *ch, const struct path *path)
{
	struct super_block *sb = path->dentry->d_sb;
	struct vx_super *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	int err;

	if (!s)
		return ERR_PTR(-ENOMEM);
	err = read_fsid(path, &s->fsid);
	if (err) {
		kfree(s);
		return ERR_PTR(err);
	}
	describe(s, sb);
	s->channel = ch;
	mutex_init(&s->alive);
	INIT_LIST_HEAD(&s->watches);
	INIT_HLIST_NODE(&s->hash);
	fsnotify_init_mark(&s->mark, ch->group);
	err = vx_add_sb_mark(&s->mark, sb);
	if (err) {
		fsnotify_put_mark(&s->mark);
		return ERR_PTR(err);
	}
	list_add_tail_rcu(&s->node, &ch->supers);
	spin_lock(&table_lock);
	hlist_add_head_rcu(&s->hash, vx_super_bucket(sb));
	spin_unlock(&table_lock);
	return s;
}

struct vx_super *vx_super_get(struct vx_channel *ch, const struct path *path)
{
	struct vx_super *s;

	lockdep_assert_held(&ch->lock);
	list_for_each_entry(s, &ch->supers, node)
		if (s->sb == path->dentry->d_sb)
			return s;
	return make(ch, path);
}

void vx_super_put(struct vx_super *s)
{
	struct fsnotify_group *group = s->channel->group;

	lockdep_assert_held(&s->channel->lock);
	list_del_rcu(&s->node);
	let_go(s);
	fsnotify_destroy_mark(&s->mark, group);
	fsnotify_put_mark(&s->mark);
}
