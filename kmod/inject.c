// SPDX-License-Identifier: GPL-2.0-only
/* Injected fsnotify events. The contract is in inject.h. */
#include <linux/hash.h>
#include <linux/magic.h>

#include "inject.h"
#include "record.h"
#include "super.h"

struct task_struct *vx_injecting;
static DEFINE_MUTEX(lock);  /* one at a time: vx_injecting and text have room for one */
static char text[NAME_MAX + 1];  /* [lock] */

static int is_ino(struct inode *inode, void *ino)
{
	return inode->i_ino == *(const u64 *)ino;
}

/*
 * The kernel's names end with a zero byte, and listeners rely on it (inotify copies up to there);
 * those of a record do not. Good until the next call.
 */
static struct qstr as_string(const char *name, u32 len)
{
	memcpy(text, name, len);
	text[len] = 0;
	return (struct qstr)QSTR_INIT(text, len);
}

/* An operation on a name: told to who watches the directory. */
static void name_event(u32 mask, struct inode *dir, const char *name, u32 len, u32 cookie)
{
	const struct qstr q = as_string(name, len);

	fsnotify(mask, dir, FSNOTIFY_EVENT_INODE, dir, &q, NULL, cookie);
}

/*
 * Stands for an object that is not cached, so that nobody watches it: of this argument fsnotify
 * looks at nothing but the marks, and there are none.
 */
static struct inode nobody;

/* A change of an object: told to who watches it or its directory. */
static void object_event(u32 mask, struct inode *dir, struct inode *object, const char *name,
			 u32 len)
{
	const struct qstr q = as_string(name, len);

	fsnotify(mask | FS_EVENT_ON_CHILD, object ?: dir, FSNOTIFY_EVENT_INODE, dir, &q,
		 object ?: &nobody, 0);
}

/*
 * A rename inside one directory raises both halves. Between two, the entry is pushed once for each
 * directory; which half it is says the inode number. What joins the halves is computed from the
 * record, so that it is the same. Who watches the object itself is told by the entry that names it.
 */
static void rename_event(u32 mask, struct inode *dir, struct inode *object,
			 const struct vx_event *e)
{
	const struct vx_rename *r = vx_event_rename_const(e);
	const u32 cookie = hash_64(e->ino ^ e->rec.ticket ^ e->rec.mono_ns, 31) | 1;
	const bool within =
		r->old_parent_ino == e->parent_ino && r->old_parent_gen == e->parent_gen;

	if (within || dir->i_ino == r->old_parent_ino)
		name_event(mask | FS_MOVED_FROM, dir, vx_event_name2(e), e->name2_len, cookie);
	if (within || dir->i_ino != r->old_parent_ino)
		name_event(mask | FS_MOVED_TO, dir, vx_event_name(e), e->name_len, cookie);
	if (object)
		fsnotify(mask | FS_MOVE_SELF, object, FSNOTIFY_EVENT_INODE, NULL, NULL, object, 0);
}

static int raise(struct inode *dir, struct inode *object, const struct vx_event *e)
{
	const u32 mask = S_ISDIR(e->mode) || (e->flags & VX_F_DIRECTORY) ? FS_ISDIR : 0;

	if (!e->name_len)
		return -EINVAL;
	switch (e->rec.op) {
	case VX_OP_FILE_CREATE:
	case VX_OP_DIR_CREATE:
	case VX_OP_SYMLINK_CREATE:
	case VX_OP_HARDLINK_CREATE:
		name_event(mask | FS_CREATE, dir, vx_event_name(e), e->name_len, 0);
		return 0;
	case VX_OP_FILE_DELETE:
	case VX_OP_DIR_DELETE:
		name_event(mask | FS_DELETE, dir, vx_event_name(e), e->name_len, 0);
		return 0;
	case VX_OP_FILE_RENAME:
		if (!e->name2_len)
			return -EINVAL;
		if (e->name2_len > NAME_MAX)
			return -ENAMETOOLONG;
		rename_event(mask, dir, object, e);
		return 0;
	case VX_OP_FILE_WRITE:
	case VX_OP_FILE_TRUNCATE:
		object_event(mask | FS_MODIFY, dir, object, vx_event_name(e), e->name_len);
		return 0;
	case VX_OP_FILE_CHMOD:
	case VX_OP_FILE_CHOWN:
		object_event(mask | FS_ATTRIB, dir, object, vx_event_name(e), e->name_len);
		return 0;
	}
	return -EOPNOTSUPP;
}

static struct inode *cached(struct super_block *sb, u64 node, u64 ino)
{
	return node ? ilookup5(sb, node, is_ino, &ino) : NULL;
}

/*
 * The caller holds an active reference of @sb. Nothing here asks the FUSE server for anything: what
 * is not cached is not looked up.
 */
static int inject_at(struct super_block *sb, const struct vx_push *e, const struct vx_event *event)
{
	struct inode *dir, *object;
	int err;

	if (sb->s_magic != FUSE_SUPER_MAGIC)
		return -EOPNOTSUPP;
	dir = cached(sb, e->inject_node, e->inject_ino);
	if (!dir)
		return -ENOENT;
	err = -ENOTDIR;
	if (S_ISDIR(dir->i_mode)) {
		object = cached(sb, e->inject_object, event->ino);
		mutex_lock(&lock);
		WRITE_ONCE(vx_injecting, current);
		err = raise(dir, object, event);
		WRITE_ONCE(vx_injecting, NULL);
		mutex_unlock(&lock);
		iput(object);
	}
	iput(dir);
	return err;
}

/*
 * The super block of device @dev that @ch watches, with an active reference: one that is being
 * unmounted must not find our references to its dentries. NULL when there is none.
 */
static struct super_block *hold_super(struct vx_channel *ch, u64 dev)
{
	struct super_block *sb = NULL;
	struct vx_super *s;

	mutex_lock(&ch->lock);
	list_for_each_entry(s, &ch->supers, node) {
		if (s->dev != dev)
			continue;
		mutex_lock(&s->alive);
		if (s->sb && atomic_inc_not_zero(&s->sb->s_active))
			sb = s->sb;
		mutex_unlock(&s->alive);
		if (sb)
			break;
	}
	mutex_unlock(&ch->lock);
	return sb;
}

int vx_inject(struct vx_channel *ch, const struct vx_push *e, const struct vx_event *event)
{
	struct super_block *sb = hold_super(ch, e->inject_fsid);
	int err;

	if (!sb)
		return -ENOENT;
	err = inject_at(sb, e, event);
	/* May be the last one: then the super block goes here, and takes s->alive for that. */
	deactivate_super(sb);
	return err;
}
