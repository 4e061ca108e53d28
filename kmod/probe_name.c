// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fsnotify does not say of a rename (whether something was replaced, whether it was an
 * exchange) and of a new symlink (its target): probes on the entry of vfs_rename() and
 * vfs_symlink() remember it, and the fsnotify hook that follows in the same task takes it.
 *
 * Each channel's hook reads the note, so it stays; the next call of the task about the same dentry
 * replaces it. What a note points to is held by the caller of vfs_rename() or vfs_symlink() until
 * it returns, and the hooks run before. Nobody else raises these hooks in a directory that has the
 * inode operation: so a note that is found is this call's.
 */
#include <linux/fsnotify_backend.h>
#include <linux/sched.h>

#include "emit.h"
#include "notes.h"
#include "probe.h"

static VX_NOTES(renames);
static VX_NOTES(symlinks);

static int rename_enter(struct kprobe *kp, struct pt_regs *regs)
{
	const struct renamedata *rd = (const struct renamedata *)regs_get_kernel_argument(regs, 0);
	struct inode *target = d_inode(rd->new_dentry);
	const bool exchange = rd->flags & RENAME_EXCHANGE;
	struct vx_note n;

	if (target == d_inode(rd->old_dentry) || !vx_rename_dir(rd)->i_op->rename ||
	    !vx_super_watched(rd->old_dentry->d_sb, VX_OP_BIT(VX_OP_FILE_RENAME)))
		return 0;
	/* A plain rename needs no note, but must not find that of an earlier, failed call. */
	if (!target) {
		if (!vx_notes_none(&renames))
			vx_notes_drop(&renames, rd->old_dentry);
		return 0;
	}
	n = (struct vx_note){
		.key = rd->old_dentry,
		.other = exchange ? rd->new_dentry : NULL,
		.target = exchange ? NULL : target,
		.cookie = exchange ? fsnotify_get_cookie() : 0,
		.level = vx_note_level(rd->old_dentry->d_sb),
	};
	vx_notes_write(&renames, &n);
	return 0;
}
NOKPROBE_SYMBOL(rename_enter);

void vx_probe_rename_read(struct vx_fact *f, const struct dentry *moved)
{
	struct vx_note n;

	if (vx_notes_none(&renames) || !f->old_dir->i_op->rename ||
	    !vx_notes_find(&renames, moved, &n))
		return;
	f->target = n.target;
	f->cookie = n.cookie;
	if (n.other)
		f->flags |= VX_F_EXCHANGE;
}

static int symlink_enter(struct kprobe *kp, struct pt_regs *regs)
{
	const struct dentry *dentry = (const struct dentry *)regs_get_kernel_argument(regs, 2);
	struct vx_note n = {
		.key = dentry,
		.link = (const char *)regs_get_kernel_argument(regs, 3),
		.level = vx_note_level(dentry->d_sb),
	};

	if (vx_super_watched(dentry->d_sb, VX_OP_BIT(VX_OP_SYMLINK_CREATE)))
		vx_notes_write(&symlinks, &n);
	return 0;
}
NOKPROBE_SYMBOL(symlink_enter);

void vx_probe_symlink_read(struct vx_fact *f, const struct dentry *link)
{
	const char *target = NULL;
	struct vx_note n;

	if (link && f->dir->i_op->symlink && vx_notes_find(&symlinks, link, &n))
		target = n.link;
	else if (f->inode)
		/* Made by the kernel itself: some file systems keep the target in the inode. */
		target = READ_ONCE(f->inode->i_link);
	if (!target)
		return;
	*f = (struct vx_fact){
		.inode = f->inode,
		.dir = f->dir,
		.name = f->name,
		.flags = f->flags,
		.more = true,
		.name2 = target,
		.name2_len = strnlen(target, VX_NAME2_MAX),
	};
}

static struct vx_entryprobe on_rename = { .symbol = "vfs_rename", .enter = rename_enter };
static struct vx_entryprobe on_symlink = { .symbol = "vfs_symlink", .enter = symlink_enter };

static int rename_start(void)
{
	return vx_entryprobe_start(&on_rename);
}

static void rename_stop(void)
{
	vx_entryprobe_stop(&on_rename);
	vx_notes_clear(&renames);
}

static unsigned long rename_missed(void)
{
	return vx_entryprobe_missed(&on_rename) + vx_notes_lost(&renames);
}

static int symlink_start(void)
{
	return vx_entryprobe_start(&on_symlink);
}

static void symlink_stop(void)
{
	vx_entryprobe_stop(&on_symlink);
	vx_notes_clear(&symlinks);
}

static unsigned long symlink_missed(void)
{
	return vx_entryprobe_missed(&on_symlink) + vx_notes_lost(&symlinks);
}

const struct vx_probe_group vx_probe_rename = {
	.ops = VX_OP_BIT(VX_OP_FILE_RENAME),
	.feature = VX_FEATURE_RENAME_PROBE,
	.start = rename_start,
	.stop = rename_stop,
	.missed = rename_missed,
};

const struct vx_probe_group vx_probe_symlink = {
	.ops = VX_OP_BIT(VX_OP_SYMLINK_CREATE),
	.start = symlink_start,
	.stop = symlink_stop,
	.missed = symlink_missed,
};
