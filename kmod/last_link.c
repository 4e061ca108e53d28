// SPDX-License-Identifier: GPL-2.0-only
/* Who says that an object's last name is gone. The contract is in last_link.h. */
#include <linux/atomic.h>
#include <linux/hash.h>

#include "last_link.h"

#define PLACES_BITS 10

/* Keys of what was said last. 0: none. */
static atomic64_t said[1 << PLACES_BITS];

bool vx_last_link_claim(const struct vx_super *s, const struct inode *inode)
{
	u64 key = inode->i_ino * GOLDEN_RATIO_64 + (unsigned long)s;

	if (!inode->i_generation)
		return true;
	key = (key ^ inode->i_generation) * GOLDEN_RATIO_64;
	return (u64)atomic64_xchg(&said[key >> (64 - PLACES_BITS)], (s64)key) != key;
}
