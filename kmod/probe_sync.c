// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sync: fsync and its like from vfs_fsync_range() (also O_SYNC writes and msync), syncfs and sync from their own
 * functions. Reported when they have returned, because then what they promise is true.
 */
#include <linux/file.h>

#include "emit.h"
#include "filter.h"
#include "probe.h"

#define SYNC_OPS VX_OP_BIT(VX_OP_SYNC)

struct range_call {
	struct file *file;   /* the caller holds it until it returns */
	loff_t start;
	loff_t end;
	int datasync;
};

static int range_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct range_call *c = (struct range_call *)ri->data;

	c->file = (struct file *)regs_get_kernel_argument(regs, 0);
	c->start = (loff_t)regs_get_kernel_argument(regs, 1);
	c->end = (loff_t)regs_get_kernel_argument(regs, 2);
	c->datasync = (int)regs_get_kernel_argument(regs, 3);
	return !vx_super_watched(c->file->f_path.dentry->d_sb, SYNC_OPS);
}
NOKPROBE_SYMBOL(range_enter);

static int range_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct range_call *c = (const struct range_call *)ri->data;
	struct dentry *dentry = c->file->f_path.dentry;
	struct inode *inode = d_inode(dentry);
	const struct vx_fact f = {
		.inode = inode,
		.dentry = dentry,
		.flags = (c->datasync ? VX_F_DATASYNC : 0) | (S_ISDIR(inode->i_mode) ? VX_F_DIRECTORY : 0),
		.offset = c->start,
		.length = c->end == LLONG_MAX ? 0 : c->end - c->start + 1,
	};

	if ((int)regs_return_value(regs))
		return 0;
	preempt_disable();
	vx_report_all(dentry->d_sb, VX_OP_SYNC, &f);
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(range_leave);

struct fs_call {
	const struct super_block *sb;   /* compared only: the file may be closed meanwhile */
};

static int fs_enter(struct kretprobe_instance *ri, unsigned int fd)
{
	struct fs_call *c = (struct fs_call *)ri->data;
	struct file *file = fget(fd);

	if (!file)
		return 1;
	c->sb = file->f_path.dentry->d_sb;
	fput(file);
	return !vx_super_watched(c->sb, SYNC_OPS);
}
NOKPROBE_SYMBOL(fs_enter);

/* A system call's only argument is a pointer to the registers that it came with. */
static int fs_enter_native(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return fs_enter(ri, ((const struct pt_regs *)regs_get_kernel_argument(regs, 0))->di);
}
NOKPROBE_SYMBOL(fs_enter_native);

static int fs_enter_ia32(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return fs_enter(ri, ((const struct pt_regs *)regs_get_kernel_argument(regs, 0))->bx);
}
NOKPROBE_SYMBOL(fs_enter_ia32);

static int fs_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct fs_call *c = (const struct fs_call *)ri->data;
	struct vx_fact f = { .flags = VX_F_SYNC_FS };
	struct vx_super *s;

	if ((int)regs_return_value(regs))
		return 0;
	preempt_disable();
	vx_for_each_super(s, c->sb) {
		if (!(READ_ONCE(s->ops) & SYNC_OPS))
			continue;
		/* The root, as it was when the watch was added: the super block itself may be going. */
		f.ino = s->root_ino;
		f.gen = s->root_gen;
		vx_report_passed(s, VX_OP_SYNC, &f, vx_filter_task(s, VX_OP_SYNC));
	}
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(fs_leave);

/* One event for each channel that wants Sync anywhere. */
static int all_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct vx_fact f = { .flags = VX_F_SYNC_ALL, .elsewhere = true };
	struct vx_channel *ch;
	struct vx_super *s;

	rcu_read_lock();
	preempt_disable();
	vx_for_each_channel(ch) {
		struct vx_super *by = NULL;
		bool passed = false;

		list_for_each_entry_rcu(s, &ch->supers, node) {
			if (!(READ_ONCE(s->ops) & SYNC_OPS))
				continue;
			by = s;
			passed = vx_filter_task(s, VX_OP_SYNC);
			if (passed)
				break;
		}
		if (by)
			vx_report_passed(by, VX_OP_SYNC, &f, passed);
	}
	preempt_enable();
	rcu_read_unlock();
	return 0;
}
NOKPROBE_SYMBOL(all_leave);

static struct vx_retprobe probes[] = {
	{ .symbol = "vfs_fsync_range", .entry = range_enter, .leave = range_leave,
	  .data_size = sizeof(struct range_call), .at_once = 1024 },
	{ .symbol = "ksys_sync", .leave = all_leave },
	{ .symbol = "__x64_sys_syncfs", .entry = fs_enter_native, .leave = fs_leave,
	  .data_size = sizeof(struct fs_call) },
	{ .symbol = "__ia32_sys_syncfs", .entry = fs_enter_ia32, .leave = fs_leave,
	  .data_size = sizeof(struct fs_call), .optional = true },
};

static int start(void)
{
	return vx_retprobes_start(probes, ARRAY_SIZE(probes));
}

static void stop(void)
{
	vx_retprobes_stop(probes, ARRAY_SIZE(probes));
}

static unsigned long missed(void)
{
	return vx_retprobes_missed(probes, ARRAY_SIZE(probes));
}

const struct vx_probe_group vx_probe_sync = {
	.ops = SYNC_OPS,
	.feature = VX_FEATURE_SYNC_PROBE,
	.needed = true,
	.start = start,
	.stop = stop,
	.missed = missed,
};
