// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel tells a module where a mount hangs by follow_up() only, which takes and drops
 * references and so cannot be called where a probe runs. struct mount is private to fs/, but what
 * stands in front of its struct vfsmount has been the same for over ten years. It is believed only
 * after it has agreed with follow_up() on a mount of this machine; where it does not, unmount and
 * remount events have no mount point's name, and nothing else is lost.
 */
#include <linux/list.h>
#include <linux/namei.h>

#include "mountpoint.h"

struct mount_front {
	struct hlist_node hash;
	struct mount_front *parent;
	struct dentry *mountpoint;
	struct vfsmount mnt;
};

static bool trusted;

static struct mount_front *front_of(struct vfsmount *mnt)
{
	return container_of(mnt, struct mount_front, mnt);
}

static bool agrees(const char *name)
{
	struct vfsmount *mnt;
	struct path path;
	bool same;

	if (kern_path(name, LOOKUP_FOLLOW, &path))
		return false;
	mnt = mntget(path.mnt);
	same = path.dentry == mnt->mnt_root && follow_up(&path);
	same = same && front_of(mnt)->mountpoint == path.dentry &&
	       &front_of(mnt)->parent->mnt == path.mnt;
	mntput(mnt);
	path_put(&path);
	return same;
}

void vx_mountpoint_check(void)
{
	static const char *const names[] = { "/dev", "/proc", "/sys", "/run", "/tmp" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names) && !trusted; i++)
		trusted = agrees(names[i]);
	if (!trusted)
		pr_info("mount points of unmounts and remounts are not known on this kernel\n");
}

struct dentry *vx_mountpoint(struct vfsmount *mnt, struct vfsmount **parent)
{
	struct mount_front *front = front_of(mnt);

	if (!trusted || front->parent == front)
		return NULL;
	*parent = &front->parent->mnt;
	return front->mountpoint;
}
