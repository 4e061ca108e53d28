// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sync: fsync and its like from vfs_fsync_range() (also O_SYNC writes and msync); fsync, fdatasync,
 * syncfs and sync from their own functions. Reported when they have returned, because then what
 * they promise is true. Also when they have failed: who relies on a sync must learn that it was
 * none.
 */
#include <linux/file.h>
#include <linux/timekeeping.h>

#include "emit.h"
#include "filter.h"
#include "notes.h"
#include "probe.h"

#define SYNC_OPS VX_OP_BIT(VX_OP_SYNC)

/*
 * vfs_fsync(), fsync(2), fdatasync(2) and the like call vfs_fsync_range(), or the compiler has put
 * it into them: which, differs from kernel to kernel. So all are probed, and the outer one leaves a
 * note about the dentry: who finds it is inside. So is overlayfs below itself: until 6.7 the file
 * on its upper layer, which it syncs in turn, is another but has the same dentry.
 */
static VX_NOTES_KEPT(notes);

struct range_call {
	struct file *file;   /* the caller holds it until it returns; system calls: compared only */
	const struct dentry *dentry;  /* compared only */
	loff_t start;
	loff_t end;
	int datasync;
	unsigned int fd;
	u64 started;
};

/* 0 or the errno. What some file system answers besides is none. */
static int error_of(struct pt_regs *regs)
{
	return min_t(int, regs_return_value(regs), 0);
}

/* A call that a signal has interrupted and that begins anew is reported when it ends. */
static bool ended(struct pt_regs *regs)
{
	return error_of(regs) > -ERESTARTSYS;
}

/*
 * A system call that was found to pass through vfs_fsync_range() does so always, and needs no note
 * from then on: each of them may push out one that is needed.
 */
enum outer { OUTER_FUNCTION, OUTER_FSYNC, OUTER_FDATASYNC, OUTERS };

static bool passes[OUTERS];

/* False: it is not watched, or inside of one that is. */
static bool is_outer(struct range_call *c, enum outer kind)
{
	struct vx_note found;
	struct vx_note n = {
		.key = c->file->f_path.dentry,
		.other = c->file,
		.kind = kind,
	};

	c->dentry = n.key;
	c->started = ktime_get_mono_fast_ns();
	if (!vx_super_watched(c->dentry->d_sb, SYNC_OPS))
		return false;
	if (vx_notes_find(&notes, n.key, &found)) {
		/* Of another file: a layer below, which says nothing about this one's way. */
		if (found.other == c->file && found.kind != OUTER_FUNCTION)
			WRITE_ONCE(passes[found.kind], true);
		return false;
	}
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
	return !is_outer(c, OUTER_FUNCTION);
}
NOKPROBE_SYMBOL(range_enter);

static int whole_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct range_call *c = (struct range_call *)ri->data;

	c->file = (struct file *)regs_get_kernel_argument(regs, 0);
	c->start = 0;
	c->end = LLONG_MAX;
	c->datasync = (int)regs_get_kernel_argument(regs, 1);
	return !is_outer(c, OUTER_FUNCTION);
}
NOKPROBE_SYMBOL(whole_enter);

static void report_file(const struct range_call *c, struct file *file, int error)
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
		.error = error,
		.started = c->started,
	};

	preempt_disable();
	vx_report_all(dentry->d_sb, VX_OP_SYNC, &f);
	preempt_enable();
}

static int range_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct range_call *c = (const struct range_call *)ri->data;

	vx_notes_drop(&notes, c->dentry);
	if (ended(regs))
		report_file(c, c->file, error_of(regs));
	return 0;
}
NOKPROBE_SYMBOL(range_leave);

/* A system call's only argument is a pointer to the registers that it came with. */
static const struct pt_regs *user_regs(struct pt_regs *regs)
{
	return (const struct pt_regs *)regs_get_kernel_argument(regs, 0);
}

static int call_enter(struct kretprobe_instance *ri, unsigned int fd, int datasync)
{
	const enum outer kind = datasync ? OUTER_FDATASYNC : OUTER_FSYNC;
	struct range_call *c = (struct range_call *)ri->data;
	struct file *file;
	bool outer;

	if (READ_ONCE(passes[kind]))
		return 1;
	file = fget(fd);
	if (!file)
		return 1;
	*c = (struct range_call){ .file = file, .end = LLONG_MAX, .datasync = datasync, .fd = fd };
	outer = is_outer(c, kind);
	fput(file);
	return !outer;
}
NOKPROBE_SYMBOL(call_enter);

static int sync_enter_native(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return call_enter(ri, user_regs(regs)->di, 0);
}
NOKPROBE_SYMBOL(sync_enter_native);

static int sync_enter_ia32(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return call_enter(ri, user_regs(regs)->bx, 0);
}
NOKPROBE_SYMBOL(sync_enter_ia32);

static int data_enter_native(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return call_enter(ri, user_regs(regs)->di, 1);
}
NOKPROBE_SYMBOL(data_enter_native);

static int data_enter_ia32(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return call_enter(ri, user_regs(regs)->bx, 1);
}
NOKPROBE_SYMBOL(data_enter_ia32);

/*
 * The call has let go of the file already. Another thread may have closed it in the meantime, and
 * only then is the event left out: a reference taken at the entry would be lost when the probe is
 * stopped before the call returns.
 */
static int call_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct range_call *c = (const struct range_call *)ri->data;
	struct file *file;

	vx_notes_drop(&notes, c->dentry);
	if (!ended(regs))
		return 0;
	file = fget(c->fd);
	if (!file)
		return 0;
	if (file == c->file)
		report_file(c, file, error_of(regs));
	fput(file);
	return 0;
}
NOKPROBE_SYMBOL(call_leave);

struct fs_call {
	const struct super_block *sb;   /* compared only: the file may be closed meanwhile */
	u64 started;
};

static int fs_enter(struct kretprobe_instance *ri, unsigned int fd)
{
	struct fs_call *c = (struct fs_call *)ri->data;
	struct file *file = fget(fd);

	if (!file)
		return 1;
	c->sb = file->f_path.dentry->d_sb;
	c->started = ktime_get_mono_fast_ns();
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
	struct vx_fact f = {
		.flags = VX_F_SYNC_FS,
		.more = true,
		.error = error_of(regs),
		.started = c->started,
	};
	struct vx_super *s;

	if (!ended(regs))
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

static int all_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	*(u64 *)ri->data = ktime_get_mono_fast_ns();
	return 0;
}
NOKPROBE_SYMBOL(all_enter);

/* One event for each channel that wants Sync anywhere. */
static int all_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct vx_fact f = {
		.flags = VX_F_SYNC_ALL,
		.more = true,
		.elsewhere = true,
		.started = *(const u64 *)ri->data,
	};
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
	{ .symbol = "__x64_sys_fsync", .entry = sync_enter_native, .leave = call_leave,
	  .data_size = sizeof(struct range_call), .at_once = 1024 },
	{ .symbol = "__ia32_sys_fsync", .entry = sync_enter_ia32, .leave = call_leave,
	  .data_size = sizeof(struct range_call), .optional = true },
	{ .symbol = "__x64_sys_fdatasync", .entry = data_enter_native, .leave = call_leave,
	  .data_size = sizeof(struct range_call), .at_once = 1024 },
	{ .symbol = "__ia32_sys_fdatasync", .entry = data_enter_ia32, .leave = call_leave,
	  .data_size = sizeof(struct range_call), .optional = true },
	{ .symbol = "ksys_sync", .entry = all_enter, .leave = all_leave,
	  .data_size = sizeof(u64) },
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
