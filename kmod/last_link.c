// SPDX-License-Identifier: GPL-2.0-only
/* Who says that an object's last name is gone. The contract is in last_link.h. */
#include <linux/atomic.h>
#include <linux/hash.h>

#include "last_link.h"

#define PLACES_BITS 10

/* Keys of what was said last. 0: none. */
static atomic64_t said[1 << PLACES_BITS];

static u64 key_of(const struct vx_super *s, const struct inode *inode)
{
	const u64 key = inode->i_ino * GOLDEN_RATIO_64 + (unsigned long)s;

	return (key ^ inode->i_generation) * GOLDEN_RATIO_64;
}

static atomic64_t *place_of(u64 key)
{
	return &said[key >> (64 - PLACES_BITS)];
}

bool vx_last_link_claim(const struct vx_super *s, const struct inode *inode)
{
	const u64 key = key_of(s, inode);

	return !inode->i_generation || (u64)atomic64_xchg(place_of(key), (s64)key) != key;
}

void vx_last_link_forget(const struct vx_super *s, const struct inode *inode)
{
	const u64 key = key_of(s, inode);

	if (unlikely((u64)atomic64_read(place_of(key)) == key))
		atomic64_cmpxchg(place_of(key), (s64)key, 0);
}
