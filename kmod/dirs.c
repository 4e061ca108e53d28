// SPDX-License-Identifier: GPL-2.0-only
/* Announcing directories. The contract is in dirs.h. */
#include <linux/slab.h>

#include "dirs.h"
#include "place.h"
#include "record.h"

struct vx_dirs *vx_dirs_alloc(unsigned int n)
{
	return kvcalloc(n, sizeof(struct vx_dirs), GFP_KERNEL_ACCOUNT);
}

void vx_dirs_free(struct vx_dirs *dirs)
{
	kvfree(dirs);
}

static bool known(const struct vx_super *s, struct vx_dirs *d, const struct dentry *dir)
{
	const struct inode *inode = d_inode_rcu(dir);

	return inode && vx_dirs_known(s, d, inode->i_ino, inode->i_generation);
}

/*
 * How many directories from @dir upwards are not known. 0 also when nothing can be said: a
 * directory that hangs in no tree yet (opened by file handle), or renames that lead the walk
 * astray; the next event tries again.
 */
static unsigned int count_unknown(const struct vx_super *s, struct vx_dirs *d, struct dentry *dir)
{
	unsigned int n = 0;

	while (!known(s, d, dir)) {
		struct dentry *parent = READ_ONCE(dir->d_parent);

		if (++n > VX_DIRS_DEPTH || !d_inode_rcu(dir))
			return 0;
		if (parent == dir)
			return dir == dir->d_sb->s_root ? n : 0;
		dir = parent;
	}
	return n;
}

/* The rest of a record whose ids and name are there already. */
static void finish(struct vx_super *s, struct vx_dir *rec, struct vx_slot *slot, u32 name_len)
{
	const u32 used = sizeof(*rec) + name_len;

	rec->rec.type = VX_REC_DIR;
	rec->rec.op = 0;
	rec->rec.len = VX_ALIGN8(used);
	memset((char *)rec + used, 0, rec->rec.len - used);
	rec->fsid = s->fsid;
	rec->name_len = name_len;
	rec->reserved16 = 0;
	rec->reserved32 = 0;
	vx_ring_commit(&s->channel->ring, slot, rec->rec.len);
	this_cpu_inc(s->channel->counters->dirs);
}

/*
 * Writes one VX_REC_DIR. Returns its parent, NULL at a root, an ERR_PTR when it could not be
 * written.
 */
static struct dentry *announce_one(struct vx_super *s, unsigned int cpu, unsigned int cls,
				   struct dentry *dir, u64 now_ns)
{
	struct vx_ring *r = &s->channel->ring;
	const struct inode *inode = d_inode_rcu(dir);
	struct vx_place place VX_UNINIT;
	struct vx_slot slot VX_UNINIT;
	struct vx_dir *rec;

	if (!inode)
		return ERR_PTR(-ENOENT);
	/*
	 * Takes over the tickets, with acquire, before the dentry is read: see the head of dirs.h.
	 */
	rec = vx_ring_begin_dir(r, cpu, cls, now_ns, &slot);
	if (!rec)
		return ERR_PTR(-ENOSPC);
	vx_place_read(dir, &place, (u64 *)(rec + 1));
	if (place.parent == dir)
		place.len = 0;
	/* A parent that is just being torn down by a rename: say nothing rather than half. */
	else if (!place.ino)
		return ERR_PTR(-EAGAIN);
	rec->ino = inode->i_ino;
	rec->gen = inode->i_generation;
	rec->parent_ino = place.ino;
	rec->parent_gen = place.gen;
	finish(s, rec, &slot, place.len);
	return place.parent == dir ? NULL : place.parent;
}

void vx_dirs_announce_copy(struct vx_super *s, unsigned int cpu, unsigned int cls,
			   const struct vx_dirs_copy *c, u64 now_ns)
{
	struct vx_slot slot;
	struct vx_dir *rec = vx_ring_begin_dir(&s->channel->ring, cpu, cls, now_ns, &slot);

	if (!rec)
		return;
	memcpy(rec + 1, c->name, c->len);
	rec->rec.ticket = 0;
	rec->ino = c->ino;
	rec->gen = c->gen;
	rec->parent_ino = c->parent_ino;
	rec->parent_gen = c->parent_gen;
	finish(s, rec, &slot, c->len);
}

/*
 * Announces up to @n directories from @dir upwards and remembers them. If the walk ends before one
 * that is known, what it has put into the cache has unknown ancestors: then the whole cache begins
 * anew.
 */
static bool announce_batch(struct vx_super *s, unsigned int cpu, unsigned int cls,
			   struct dentry *dir, u64 now_ns)
{
	struct vx_dirs *d = vx_dirs_of(s, cpu, cls);
	unsigned int n;

	for (n = 0; n < 2 * VX_DIRS_BATCH; n++) {
		const struct inode *inode = d_inode_rcu(dir);
		struct dentry *parent = announce_one(s, cpu, cls, dir, now_ns);
		u64 key;

		if (IS_ERR(parent))
			break;
		key = vx_dirs_key(s, inode->i_ino, inode->i_generation);
		WRITE_ONCE(*vx_dirs_slot(d, key), key);
		if (!parent || known(s, d, parent))
			return true;
		dir = parent;
	}
	if (n)
		memset(d, 0, sizeof(*d));
	return false;
}

void vx_dirs_announce(struct vx_super *s, unsigned int cpu, unsigned int cls, struct dentry *dir,
		      u64 now_ns)
{
	struct vx_dirs *d = vx_dirs_of(s, cpu, cls);
	unsigned int round;

	for (round = 0; round < VX_DIRS_ROUNDS; round++) {
		unsigned int n = count_unknown(s, d, dir);
		struct dentry *from = dir;

		if (!n)
			return;
		/* The uppermost first, so that what a batch ends with is known. */
		for (; n > VX_DIRS_BATCH; n--)
			from = READ_ONCE(from->d_parent);
		if (!announce_batch(s, cpu, cls, from, now_ns))
			return;
	}
}

void vx_dirs_created(struct vx_super *s, unsigned int cpu, const struct vx_fact *f)
{
	unsigned int cls;

	if (!f->inode)
		return;
	for (cls = 0; cls < VX_CLASSES; cls++) {
		struct vx_dirs *d = vx_dirs_of(s, cpu, cls);
		const u64 key = vx_dirs_key(s, f->inode->i_ino, f->inode->i_generation);

		WRITE_ONCE(*vx_dirs_slot(d, key), key);
	}
}

void vx_dirs_deleted(struct vx_super *s, const struct vx_fact *f)
{
	unsigned int i;

	if (!f->inode || f->inode->i_generation)
		return;
	for (i = 0; i < s->channel->ring.n * VX_CLASSES; i++) {
		struct vx_dirs *d = &s->channel->dirs[i];
		const u64 key = vx_dirs_key(s, f->inode->i_ino, 0);
		u64 *slot = vx_dirs_slot(d, key);

		/*
		 * Its CPU may just write another key there: that one is lost from the cache and
		 * announced again.
		 */
		if (READ_ONCE(*slot) == key)
			WRITE_ONCE(*slot, 0);
	}
}
