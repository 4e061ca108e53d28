// SPDX-License-Identifier: GPL-2.0-only
/* Compiles where fsnotify_add_mark() takes the object and not its connector pointer. */
#include <linux/fsnotify_backend.h>

int vx_try(struct fsnotify_mark *mark, struct super_block *sb);
int vx_try(struct fsnotify_mark *mark, struct super_block *sb)
{
	return fsnotify_add_mark(mark, sb, FSNOTIFY_OBJ_TYPE_SB, 0);
}
