// SPDX-License-Identifier: GPL-2.0-only
/* Reading a dentry's place. The contract is in place.h. */
#include "place.h"

void vx_place_read_locked(struct dentry *dentry, struct vx_place *p, u64 *name)
{
	spin_lock(&dentry->d_lock);
	p->len = min_t(u32, dentry->d_name.len, NAME_MAX);
	vx_place_copy(name, dentry->d_name.name, p->len);
	vx_place_parent(dentry, p);
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
