// SPDX-License-Identifier: GPL-2.0-only
/* Reading a dentry's place. The contract is in place.h. */
#include <linux/ctype.h>

#include "place.h"

#define ALIASES_MAX 64    /* an object has as many dentries as names, and one O_TMPFILE's */

void vx_place_read_locked(struct dentry *dentry, struct vx_place *p, u64 *name)
{
	spin_lock(&dentry->d_lock);
	/* No rename is under way, and none begins: the first try is right. */
	vx_place_try(dentry, p, name);
	spin_unlock(&dentry->d_lock);
}

struct dentry *vx_place_dir(struct inode *dir)
{
	struct dentry *dentry;

	/* A directory has one dentry; the lock keeps the list whole while its head is read. */
	spin_lock(&dir->i_lock);
	dentry = hlist_entry_safe(dir->i_dentry.first, struct dentry, VX_D_ALIAS);
	spin_unlock(&dir->i_lock);
	return dentry;
}

bool vx_place_tmpfile_name(const unsigned char *name, u32 len, u64 ino)
{
	u64 number = 0;
	u32 i;

	if (len < 2 || name[0] != '#')
		return false;
	for (i = 1; i < len; i++) {
		if (!isdigit(name[i]))
			return false;
		number = number * 10 + (name[i] - '0');
	}
	return number == ino;
}

bool vx_place_tmpfile(struct inode *inode)
{
	unsigned int n = 0;
	struct dentry *d;
	bool found = false;

	spin_lock(&inode->i_lock);
	hlist_for_each_entry(d, &inode->i_dentry, VX_D_ALIAS) {
		if (found || n++ == ALIASES_MAX)
			break;
		spin_lock(&d->d_lock);
		found = d_unhashed(d) &&
			vx_place_tmpfile_name(d->d_name.name, d->d_name.len, inode->i_ino);
		spin_unlock(&d->d_lock);
	}
	spin_unlock(&inode->i_lock);
	return found;
}
