// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many names an object has left when it loses one. fsnotify tells the loss after the object's
 * lock was let go: of two names that go at once in different directories, both hooks may find none
 * left. So the count is remembered where it changes, with that lock held, by a probe on the entry
 * of drop_nlink().
 *
 * Only what is not the last name needs a note: the entry is left at once by objects with one name,
 * which are nearly all. A file system that counts in another way (set_nlink() of what a server
 * says) leaves no note, and the count is what it is when the hook looks.
 */
#include "emit.h"
#include "notes.h"
#include "probe.h"

#define LINK_OPS (VX_OP_BIT(VX_OP_FILE_DELETE) | VX_OP_BIT(VX_OP_FILE_RENAME))

static VX_NOTES(drops);

static int drop_enter(struct kprobe *kp, struct pt_regs *regs)
{
	const struct inode *inode = (const struct inode *)regs_get_kernel_argument(regs, 0);
	struct vx_note n = { .key = inode, .kind = inode->i_nlink - 1 };

	if (S_ISDIR(inode->i_mode))
		return 0;
	/* What the last name's call must not find is a note of an earlier one. */
	if (inode->i_nlink < 2 || !vx_super_watched(inode->i_sb, LINK_OPS)) {
		if (!vx_notes_none(&drops))
			vx_notes_drop(&drops, inode);
		return 0;
	}
	vx_notes_write(&drops, &n);
	return 0;
}
NOKPROBE_SYMBOL(drop_enter);

/* Each channel's hook reads the note, so it stays. */
static bool find(const struct inode *inode, struct vx_note *n)
{
	return !vx_notes_none(&drops) && vx_notes_find(&drops, inode, n);
}

u32 vx_probe_names_left(const struct inode *inode)
{
	struct vx_note n;

	return find(inode, &n) ? n.kind : inode->i_nlink;
}

void vx_probe_delete_read(struct vx_fact *f, struct vx_object *object)
{
	struct vx_note n;

	if (!f->inode || likely(!find(f->inode, &n)))
		return;
	/* Of the inode the count may be read only once: it may change until the record is built. */
	vx_object_read(object, f->inode);
	object->nlink = n.kind;
	*f = (struct vx_fact){
		.copy = object,
		.dir = f->dir,
		.name = f->name,
		.flags = f->flags & ~VX_F_LAST_LINK,
		.more = true,
	};
}

static struct vx_entryprobe on_drop = { .symbol = "drop_nlink", .enter = drop_enter };

static int start(void)
{
	return vx_entryprobe_start(&on_drop);
}

static void stop(void)
{
	vx_entryprobe_stop(&on_drop);
	vx_notes_clear(&drops);
}

static unsigned long missed(void)
{
	return vx_entryprobe_missed(&on_drop) + vx_notes_lost(&drops);
}

const struct vx_probe_group vx_probe_links = {
	.ops = LINK_OPS,
	.start = start,
	.stop = stop,
	.missed = missed,
};
