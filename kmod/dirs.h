/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where directories are, said in the stream (VX_REC_DIR) instead of walked in every hook.
 *
 * Each sub-ring remembers which directories it has announced, in a direct-mapped cache of 64-bit
 * keys: a hash of inode number, generation, super block and epochs. An event whose directory is in
 * the cache costs one comparison. Otherwise that directory and its ancestors are announced, up to
 * the first one that is known: what is known has all its ancestors known, because announcing ends
 * only there or at the root.
 *
 * Why what was said stays true: the reader moves directories itself, by the renames in the stream.
 * So an announcement carries the tickets that were taken before the dentry was read; a rename with
 * a later ticket is applied on top. A rename of a directory that the reader does not get (filtered
 * or lost) starts a new epoch of the super block, in which nothing is known. A deleted directory's
 * number is used again with another generation; on file systems without generations its key is
 * taken out of every cache.
 *
 * Price: 16 KiB a sub-ring. Two directories with one key are a wrong path. In one epoch of a file
 * system with 31-bit inode numbers there are none; otherwise the odds are 10^-7 with 10^6
 * directories.
 */
#ifndef VEXFS_DIRS_H
#define VEXFS_DIRS_H

#include "fact.h"
#include "super.h"

#define VX_DIRS_BITS 11
/* directories announced at once; deeper ones follow from the top down */
#define VX_DIRS_BATCH 256
#define VX_DIRS_ROUNDS 8    /* batches before one event; the rest comes with the next events */
/* no path is deeper than this; a walk that is was misled by renames and is given up */
#define VX_DIRS_DEPTH 8192

struct vx_dirs {
	u64 key[1 << VX_DIRS_BITS];
};

/* Memory for @n caches, zeroed; NULL when there is none. */
struct vx_dirs *vx_dirs_alloc(unsigned int n);
void vx_dirs_free(struct vx_dirs *dirs);

static inline u64 vx_dirs_key(const struct vx_super *s, u64 ino, u32 gen)
{
	const u64 h = ino * 0x9e3779b97f4a7c15ull + (u64)atomic64_read(&s->dir_salt);

	return (h ^ (u64)gen << 32) | 1;
}

static inline u64 *vx_dirs_slot(struct vx_dirs *d, u64 key)
{
	return &d->key[key >> (64 - VX_DIRS_BITS)];
}

static inline struct vx_dirs *vx_dirs_of(const struct vx_super *s, unsigned int cpu,
					 unsigned int cls)
{
	return &s->channel->dirs[cpu * VX_CLASSES + cls];
}

static inline bool vx_dirs_known(const struct vx_super *s, struct vx_dirs *d, u64 ino, u32 gen)
{
	const u64 key = vx_dirs_key(s, ino, gen);

	return READ_ONCE(*vx_dirs_slot(d, key)) == key;
}

/*
 * Announces @dir and what is unknown above it on sub-ring (cpu, cls). Preemption off, on that CPU.
 */
void vx_dirs_announce(struct vx_super *s, unsigned int cpu, unsigned int cls, struct dentry *dir,
		      u64 now_ns);

/*
 * Announces one directory from copies, as of the stream's beginning: the reader believes all that
 * it knows rather.
 */
struct vx_dirs_copy {
	u64 ino;
	u32 gen;
	u32 parent_gen;
	u64 parent_ino;
	const char *name;
	u32 len;
};

void vx_dirs_announce_copy(struct vx_super *s, unsigned int cpu, unsigned int cls,
			   const struct vx_dirs_copy *c, u64 now_ns);

/*
 * The event that creates directory (ino, gen) was written by @cpu: the reader knows it from that.
 */
void vx_dirs_created(struct vx_super *s, unsigned int cpu, const struct vx_fact *f);

/* A directory of @s was moved, and the reader will not know. */
static inline void vx_dirs_moved_unseen(struct vx_super *s)
{
	atomic64_add(0x2545f4914f6cdd1dull, &s->dir_salt);
}

/* A directory was deleted: where its number can mean another one soon, no cache may know it. */
void vx_dirs_deleted(struct vx_super *s, const struct vx_fact *f);

#endif
