/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an object is: its parent and its name, read from a dentry that may be moving, without a
 * lock and without an atomic operation. Preemption off (which also keeps what RCU frees).
 */
#ifndef VEXFS_PLACE_H
#define VEXFS_PLACE_H

#include <asm/word-at-a-time.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/seqlock.h>
#include <linux/string.h>

#define VX_PLACE_NAME (NAME_MAX + 1)

struct vx_place {
	struct dentry *parent;   /* the dentry itself: it is a root */
	u64 ino;                 /* of the parent; 0: none */
	u32 gen;
	u32 len;                 /* bytes of the name, at most NAME_MAX */
};

static __always_inline void vx_place_parent(struct dentry *dentry, struct vx_place *p)
{
	struct dentry *parent = READ_ONCE(dentry->d_parent);
	const struct inode *inode = d_inode_rcu(parent);

	p->parent = parent;
	p->ino = 0;
	p->gen = 0;
	if (likely(parent != dentry && inode)) {
		p->ino = inode->i_ino;
		p->gen = inode->i_generation;
	}
}

/*
 * Copies @len bytes of a dentry's name to @to, in whole words, the last one zero padded. As the
 * dentry cache does it: its names begin at a word and may be read to the end of their last one.
 */
static __always_inline void vx_place_copy(u64 *to, const unsigned char *name, u32 len)
{
	if (unlikely((unsigned long)name & 7)) {
		/* Not from the dentry cache. */
		if (len)
			to[(len - 1) / 8] = 0;
		memcpy(to, name, len);
		return;
	}
	for (; len >= 8; len -= 8, name += 8)
		*to++ = read_word_at_a_time(name);
	if (len)
		*to = read_word_at_a_time(name) & bytemask_from_count(len);
}

/*
 * One try to read without a lock. A name's pointer and length are believed only when d_seq says
 * that they belong together: a short name's bytes with a long name's length would be read past the
 * end. Once they do, the bytes stay allocated (RCU), and a second look says whether they are still
 * the name.
 */
static __always_inline bool vx_place_try(struct dentry *dentry, struct vx_place *p, u64 *name)
{
	const unsigned int seq = raw_read_seqcount(&dentry->d_seq);
	const unsigned char *bytes = READ_ONCE(dentry->d_name.name);
	const u32 len = READ_ONCE(dentry->d_name.len);

	if (unlikely((seq & 1) || read_seqcount_retry(&dentry->d_seq, seq)))
		return false;
	p->len = min_t(u32, len, NAME_MAX);
	vx_place_copy(name, bytes, p->len);
	vx_place_parent(dentry, p);
	return !read_seqcount_retry(&dentry->d_seq, seq);
}

/* The same under the lock that every rename takes. */
void vx_place_read_locked(struct dentry *dentry, struct vx_place *p, u64 *name);

/*
 * Fills @p and writes the name to @name, which has room for VX_PLACE_NAME bytes, zero padded to 8.
 * Both are of one moment: never the old parent with the new name.
 */
static __always_inline void vx_place_read(struct dentry *dentry, struct vx_place *p, u64 *name)
{
	if (unlikely(!vx_place_try(dentry, p, name)))
		vx_place_read_locked(dentry, p, name);
}

/*
 * Is this the name of an O_TMPFILE object with inode number @ino? "#" and that number: no name that
 * anybody gave.
 */
bool vx_place_tmpfile_name(const unsigned char *name, u32 len, u64 ino);
/* Has @inode a dentry that it was opened by with O_TMPFILE? */
bool vx_place_tmpfile(struct inode *inode);

/*
 * The dentry of directory @dir, to be compared or walked up from while preemption is off; NULL when
 * none is cached.
 */
struct dentry *vx_place_dir(struct inode *dir);

#endif
