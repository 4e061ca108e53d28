// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fsnotify does not say of a rename (whether something was replaced, whether it was an exchange) and of a new
 * symlink (its target): probes on the entry of vfs_rename() and vfs_symlink() remember it, and the fsnotify hook that
 * follows in the same task takes it.
 *
 * The notes are in a small table, hashed by task. A call that fails raises no hook, so its note stays until another
 * one needs the room: a note says nothing unless task and dentry are right, and a new call of the task on the same
 * dentry overwrites the note of the last. What a note points to is held by the caller of vfs_rename() or vfs_symlink()
 * until it returns; the hook runs before.
 */
#include <linux/hash.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "emit.h"
#include "probe.h"

#define BUCKET_BITS 7
#define WAYS 4

struct note {
	const struct task_struct *task;  /* NULL: free */
	const struct dentry *dentry;     /* renamed, or the new symlink */
	const struct dentry *other;      /* exchange: the second one, whose hook comes second */
	struct inode *target;            /* replaced */
	const char *link;                /* target of the symlink */
	u32 cookie;                      /* exchange */
};

struct bucket {
	raw_spinlock_t lock;
	unsigned int next;               /* which one is given up when all are in use */
	struct note note[WAYS];
};

static struct bucket table[1 << BUCKET_BITS] = {
	[0 ... (1 << BUCKET_BITS) - 1] = { .lock = __RAW_SPIN_LOCK_UNLOCKED(table.lock) },
};

static struct bucket *bucket_of(const struct task_struct *task)
{
	return &table[hash_ptr(task, BUCKET_BITS)];
}

static bool about(const struct note *n, const struct dentry *dentry)
{
	return n->dentry == dentry || n->other == dentry;
}

static void remember(const struct note *n)
{
	struct bucket *b = bucket_of(n->task);
	struct note *place = NULL;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&b->lock, flags);
	for (i = 0; i < WAYS; i++) {
		struct note *at = &b->note[i];

		/* What a failed call of this task has left about these dentries. Calls nest (overlayfs), dentries not. */
		if (at->task == n->task && (about(at, n->dentry) || (n->other && about(at, n->other))))
			at->task = NULL;
		if (!at->task && !place)
			place = at;
	}
	if (!place)
		place = &b->note[b->next++ % WAYS];
	*place = *n;
	raw_spin_unlock_irqrestore(&b->lock, flags);
}

/* Takes the note of the current task about @dentry out, or leaves it for the second half of an exchange. */
static bool take(const struct dentry *dentry, struct note *n)
{
	struct bucket *b = bucket_of(current);
	bool found = false;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&b->lock, flags);
	for (i = 0; i < WAYS; i++) {
		struct note *at = &b->note[i];

		if (at->task != current || !about(at, dentry))
			continue;
		*n = *at;
		if (!at->other || at->other == dentry)
			at->task = NULL;
		found = true;
		break;
	}
	raw_spin_unlock_irqrestore(&b->lock, flags);
	return found;
}

static void forget_all(void)
{
	unsigned int i;

	/* No hook takes notes any more that a stopped probe left. */
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		raw_spin_lock_irq(&table[i].lock);
		memset(table[i].note, 0, sizeof(table[i].note));
		raw_spin_unlock_irq(&table[i].lock);
	}
}

static int rename_enter(struct kprobe *kp, struct pt_regs *regs)
{
	const struct renamedata *rd = (const struct renamedata *)regs_get_kernel_argument(regs, 0);
	struct inode *target = d_inode(rd->new_dentry);
	const bool exchange = rd->flags & RENAME_EXCHANGE;
	struct note n;

	/* A plain rename needs no note, but must not find one that an earlier, failed call has left. */
	if (target == d_inode(rd->old_dentry) ||
	    !vx_super_watched(rd->old_dentry->d_sb, VX_OP_BIT(VX_OP_FILE_RENAME)))
		return 0;
	n = (struct note){
		.task = current,
		.dentry = rd->old_dentry,
		.other = exchange ? rd->new_dentry : NULL,
		.target = exchange ? NULL : target,
		.cookie = exchange ? fsnotify_get_cookie() : 0,
	};
	remember(&n);
	return 0;
}
NOKPROBE_SYMBOL(rename_enter);

void vx_probe_rename_take(struct vx_fact *f, const struct dentry *moved)
{
	struct note n;

	if (!take(moved, &n))
		return;
	f->target = n.target;
	f->cookie = n.cookie;
	if (n.other)
		f->flags |= VX_F_EXCHANGE;
}

static int symlink_enter(struct kprobe *kp, struct pt_regs *regs)
{
	const struct dentry *dentry = (const struct dentry *)regs_get_kernel_argument(regs, 2);
	const struct note n = {
		.task = current,
		.dentry = dentry,
		.link = (const char *)regs_get_kernel_argument(regs, 3),
	};

	if (vx_super_watched(dentry->d_sb, VX_OP_BIT(VX_OP_SYMLINK_CREATE)))
		remember(&n);
	return 0;
}
NOKPROBE_SYMBOL(symlink_enter);

void vx_probe_symlink_take(struct vx_fact *f, const struct dentry *link)
{
	struct note n;

	if (!link)
		return;
	if (take(link, &n) && n.link)
		f->name2 = n.link;
	else
		/* Made by the kernel itself: known where the file system keeps the target in the inode. */
		f->name2 = f->inode ? READ_ONCE(f->inode->i_link) : NULL;
	if (f->name2)
		f->name2_len = strnlen(f->name2, VX_NAME2_MAX);
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
	forget_all();
}

static unsigned long rename_missed(void)
{
	return vx_entryprobe_missed(&on_rename);
}

static int symlink_start(void)
{
	return vx_entryprobe_start(&on_symlink);
}

static void symlink_stop(void)
{
	vx_entryprobe_stop(&on_symlink);
}

static unsigned long symlink_missed(void)
{
	return vx_entryprobe_missed(&on_symlink);
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
