// SPDX-License-Identifier: GPL-2.0-only
/* Reading a dentry's place. The contract is in place.h. */
#include <linux/seqlock.h>
#include <linux/string.h>

#include "place.h"

#define TRIES 4

static void read_parent(struct dentry *dentry, struct vx_place *p)
{
	struct dentry *parent = READ_ONCE(dentry->d_parent);
	struct inode *inode = parent == dentry ? NULL : d_inode_rcu(parent);

	p->parent = parent;
	p->ino = inode ? inode->i_ino : 0;
	p->gen = inode ? inode->i_generation : 0;
}

/*
 * One try. A name's pointer and length are believed only when d_seq says that they belong together:
 * a short name's bytes with a long name's length would be read past the end. Once they do, the
 * bytes stay allocated (RCU), and a second look says whether they are still the name.
 */
static bool try_read(struct dentry *dentry, struct vx_place *p, char *name)
{
	const unsigned int seq = read_seqcount_begin(&dentry->d_seq);
	const unsigned char *bytes = READ_ONCE(dentry->d_name.name);
	const u32 len = READ_ONCE(dentry->d_name.len);

	if (read_seqcount_retry(&dentry->d_seq, seq))
		return false;
	p->len = min_t(u32, len, NAME_MAX);
	memcpy(name, bytes, p->len);
	read_parent(dentry, p);
	return !read_seqcount_retry(&dentry->d_seq, seq);
}

void vx_place_read(struct dentry *dentry, struct vx_place *p, char *name)
{
	int i;

	for (i = 0; i < TRIES; i++)
		if (likely(try_read(dentry, p, name)))
			return;
	/* Renamed again and again: the lock that every rename takes. */
	spin_lock(&dentry->d_lock);
	p->len = min_t(u32, dentry->d_name.len, NAME_MAX);
	memcpy(name, dentry->d_name.name, p->len);
	read_parent(dentry, p);
	spin_unlock(&dentry->d_lock);
}

struct dentry *vx_place_dir(struct inode *dir)
{
	struct dentry *dentry;

	/* A directory has one dentry; the lock keeps the list whole while its head is read. */
	spin_lock(&dir->i_lock);
	dentry = hlist_entry_safe(dir->i_dentry.first, struct dentry, d_u.d_alias);
	spin_unlock(&dir->i_lock);
	return dentry;
}
