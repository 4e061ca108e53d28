// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is at the head of struct nameidata, which is private to fs/namei.c, has been the same for
 * over ten years. It is believed only after it was right for a walk of our own, whose end is known.
 */
#include <linux/namei.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "walk.h"

#define NO_SUCH_NAME ".vexfs: no such name"

struct walk_front {
	struct path path;
	struct qstr last;
};

static const struct task_struct *checker;
static const struct dentry *root;
static bool trusted;

bool vx_walk_read(const void *walk, struct dentry **at, struct qstr *last)
{
	const struct walk_front *front = walk;

	if (!READ_ONCE(trusted) || !front->path.dentry)
		return false;
	*at = front->path.dentry;
	*last = front->last;
	return true;
}

void vx_walk_seen(const void *walk)
{
	const struct walk_front *front = walk;
	char name[sizeof(NO_SUCH_NAME)] = {};

	if (likely(READ_ONCE(checker) != current) || front->path.dentry != root ||
	    front->last.len != sizeof(name) - 1 ||
	    copy_from_kernel_nofault(name, front->last.name, sizeof(name) - 1))
		return;
	if (!strcmp(name, NO_SUCH_NAME) &&
	    front->last.hash == full_name_hash(root, name, sizeof(name) - 1))
		WRITE_ONCE(trusted, true);
}

bool vx_walk_check(void)
{
	struct path path, none;

	if (trusted)
		return true;
	if (kern_path("/", 0, &path))
		return false;
	root = path.dentry;
	WRITE_ONCE(checker, current);
	if (!kern_path("/" NO_SUCH_NAME, 0, &none))
		path_put(&none);
	WRITE_ONCE(checker, NULL);
	path_put(&path);
	return trusted;
}
