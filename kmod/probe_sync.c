// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sync: fsync and its like from vfs_fsync_range() (also O_SYNC writes and msync), fdatasync, syncfs
 * and sync from their own functions. Reported when they have returned, because then what they
 * promise is true.
 */
#include <linux/file.h>

#include "emit.h"
#include "filter.h"
#include "notes.h"
#include "probe.h"

#define SYNC_OPS VX_OP_BIT(VX_OP_SYNC)

/*
 * vfs_fsync(), fdatasync(2) and the like call vfs_fsync_range(), or the compiler has put it into
 * them: which, differs from kernel to kernel. So all are probed, and the outer one leaves a note
 * about the dentry: who finds it is inside. So is overlayfs below itself: until 6.7 the file on its
 * upper layer, which it syncs in turn, is another but has the same dentry.
 */
static VX_NOTES_KEPT(notes);

struct range_call {
	struct file *file;   /* the caller holds it until it returns; fdatasync: compared only */
	const struct dentry *dentry;  /* compared only */
	loff_t start;
	loff_t end;
	int datasync;
	unsigned int fd;
};

/* False: it is not watched, or inside of one that is. */
static bool outer(struct range_call *c)
{
	struct vx_note n = { .key = c->file->f_path.dentry };

	c->dentry = n.key;
	if (!vx_super_watched(c->dentry->d_sb, SYNC_OPS) || vx_notes_has(&notes, n.key))
		return false;
	vx_notes_write(&notes, &n);
	return true;
}

static int range_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct range_call *c = (struct range_call *)ri->data;

	c->file = (struct file *)regs_get_kernel_argument(regs, 0);
	c->start = (loff_t)regs_get_kernel_argument(regs, 1);
	c->end = (loff_t)regs_get_kernel_argument(regs, 2);
	c->datasync = (int)regs_get_kernel_argument(regs, 3);
	return !outer(c);
}
NOKPROBE_SYMBOL(range_enter);

static int whole_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct range_call *c = (struct range_call *)ri->data;

	c->file = (struct file *)regs_get_kernel_argument(regs, 0);
	c->start = 0;
	c->end = LLONG_MAX;
	c->datasync = (int)regs_get_kernel_argument(regs, 1);
	return !outer(c);
}
NOKPROBE_SYMBOL(whole_enter);

static void report_file(const struct range_call *c, struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;
	const struct vx_fact f = {
		.inode = d_inode(dentry),
		.more = true,
		.dentry = dentry,
		.flags =
			(c->datasync ? VX_F_DATASYNC : 0) | (d_is_dir(dentry) ? VX_F_DIRECTORY : 0),
		.offset = c->start,
		.length = c->end == LLONG_MAX ? 0 : c->end - c->start + 1,
	};

	preempt_disable();
	vx_report_all(dentry->d_sb, VX_OP_SYNC, &f);
	preempt_enable();
}

static int range_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct range_call *c = (const struct range_call *)ri->data;

	vx_notes_drop(&notes, c->dentry);
	if (!(int)regs_return_value(regs))
		report_file(c, c->file);
	return 0;
}
NOKPROBE_SYMBOL(range_leave);

/* A system call's only argument is a pointer to the registers that it came with. */
static const struct pt_regs *user_regs(struct pt_regs *regs)
{
	return (const struct pt_regs *)regs_get_kernel_argument(regs, 0);
}

static int data_enter(struct kretprobe_instance *ri, unsigned int fd)
{
	struct range_call *c = (struct range_call *)ri->data;
	struct file *file = fget(fd);
	bool is_outer;

	if (!file)
		return 1;
	*c = (struct range_call){ .file = file, .end = LLONG_MAX, .datasync = 1, .fd = fd };
	is_outer = outer(c);
	fput(file);
	return !is_outer;
}
NOKPROBE_SYMBOL(data_enter);

static int data_enter_native(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return data_enter(ri, user_regs(regs)->di);
}
NOKPROBE_SYMBOL(data_enter_native);

static int data_enter_ia32(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return data_enter(ri, user_regs(regs)->bx);
}
NOKPROBE_SYMBOL(data_enter_ia32);

/*
 * The call has let go of the file already. Another thread may have closed it in the meantime, and
 * only then is the event left out: a reference taken at the entry would be lost when the probe is
 * stopped before the call returns.
 */
static int data_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct range_call *c = (const struct range_call *)ri->data;
	struct file *file;

	vx_notes_drop(&notes, c->dentry);
	if ((int)regs_return_value(regs))
		return 0;
	file = fget(c->fd);
	if (!file)
		return 0;
	if (file == c->file)
		report_file(c, file);
	fput(file);
	return 0;
}
NOKPROBE_SYMBOL(data_leave);

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

static int fs_enter_native(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return fs_enter(ri, user_regs(regs)->di);
}
NOKPROBE_SYMBOL(fs_enter_native);

static int fs_enter_ia32(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return fs_enter(ri, user_regs(regs)->bx);
}
NOKPROBE_SYMBOL(fs_enter_ia32);

static int fs_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct fs_call *c = (const struct fs_call *)ri->data;
	struct vx_fact f = { .flags = VX_F_SYNC_FS, .more = true };
	struct vx_super *s;

	if ((int)regs_return_value(regs))
		return 0;
	preempt_disable();
	vx_for_each_super(s, c->sb) {
		if (!(READ_ONCE(s->ops) & SYNC_OPS))
			continue;
		/*
		 * The root, as it was when the watch was added: the super block itself may be
		 * going.
		 */
		f.copy = &s->root;
		vx_report_passed(s, VX_OP_SYNC, &f, vx_filter_task(s, VX_OP_SYNC));
	}
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(fs_leave);

/* One event for each channel that wants Sync anywhere. */
static int all_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct vx_fact f = { .flags = VX_F_SYNC_ALL, .more = true, .elsewhere = true };
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
	{ .symbol = "vfs_fsync", .entry = whole_enter, .leave = range_leave,
	  .data_size = sizeof(struct range_call), .at_once = 256 },
	{ .symbol = "__x64_sys_fdatasync", .entry = data_enter_native, .leave = data_leave,
	  .data_size = sizeof(struct range_call), .at_once = 1024 },
	{ .symbol = "__ia32_sys_fdatasync", .entry = data_enter_ia32, .leave = data_leave,
	  .data_size = sizeof(struct range_call), .optional = true },
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
	/* Of calls that are under way: nobody will see them return and take the note back. */
	vx_notes_clear(&notes);
}

static unsigned long missed(void)
{
	return vx_retprobes_missed(probes, ARRAY_SIZE(probes)) + vx_notes_lost(&notes);
}

const struct vx_probe_group vx_probe_sync = {
	.ops = SYNC_OPS,
	.feature = VX_FEATURE_SYNC_PROBE,
	.needed = true,
	.start = start,
	.stop = stop,
	.missed = missed,
};
