// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that older kernels report twice, or not at all. Each is one read or write to the program,
 * and is one event:
 *
 *   sendfile, copy_file_range  each part is reported as a write by do_splice_direct(), and then the
 *                              whole by the call: what comes from inside is left out
 *   splice from a file         not reported: done here, unless the kernel did it in the meantime
 *   io_uring's fallocate       reported by vfs_fallocate() and again by io_uring: the second is
 *                              left out
 *
 * While such a call is under way there is a note about the file, so nothing that the kernel reports
 * rightly is touched and a newer kernel needs no knowledge of versions here.
 */
#include <linux/io_uring_types.h>

#include "detail.h"
#include "emit.h"
#include "notes.h"
#include "probe.h"

#define READ_OPS VX_OP_BIT(VX_OP_FILE_READ)
#define WRITE_OPS VX_OP_BIT(VX_OP_FILE_WRITE)

enum { PARTS = 1, SPLICE, ONCE };

struct call {
	struct file *file;   /* the caller holds it until it returns */
	u32 kind;
};

static VX_NOTES_KEPT(notes);
atomic_t vx_calls_under_way;

bool vx_probe_calls_pass(unsigned int op, const struct dentry *dentry, unsigned int slot)
{
	const u64 bit = 1ull << slot;
	struct vx_note before;

	if (!vx_notes_mark(&notes, dentry, bit, &before) || op != VX_OP_FILE_WRITE)
		return true;
	if (before.kind == PARTS)
		return false;
	return before.kind != ONCE || !(before.seen & bit);
}

static int enter(struct kretprobe_instance *ri, struct file *file, u64 ops, u32 kind)
{
	struct vx_note n = { .key = file->f_path.dentry, .kind = kind };

	if (!S_ISREG(file_inode(file)->i_mode) || !vx_super_watched(file->f_path.dentry->d_sb, ops))
		return 1;
	*(struct call *)ri->data = (struct call){ .file = file, .kind = kind };
	vx_notes_write(&notes, &n);
	atomic_inc(&vx_calls_under_way);
	return 0;
}
NOKPROBE_SYMBOL(enter);

static int parts_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return enter(ri, (struct file *)regs_get_kernel_argument(regs, 2), WRITE_OPS, PARTS);
}
NOKPROBE_SYMBOL(parts_enter);

static int splice_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return enter(ri, (struct file *)regs_get_kernel_argument(regs, 0), READ_OPS, SPLICE);
}
NOKPROBE_SYMBOL(splice_enter);

static int once_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct io_kiocb *req = (const struct io_kiocb *)regs_get_kernel_argument(regs, 0);

	return req->file ? enter(ri, req->file, WRITE_OPS, ONCE) : 1;
}
NOKPROBE_SYMBOL(once_enter);

static int leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct call *c = (const struct call *)ri->data;
	struct dentry *dentry = c->file->f_path.dentry;
	struct vx_super *s;
	struct vx_note n;
	const bool found = vx_notes_take(&notes, dentry, &n);

	atomic_dec(&vx_calls_under_way);
	if (c->kind != SPLICE || (long)regs_return_value(regs) <= 0)
		return 0;
	/*
	 * A note that had to make room while the call slept says nothing: rather twice than not at
	 * all.
	 */
	if (found && n.seen)
		return 0;
	preempt_disable();
	vx_for_each_super(s, dentry->d_sb) {
		struct vx_fact f = { .inode = d_inode(dentry), .dentry = dentry };

		if (!vx_detail(s, VX_OP_FILE_READ, &f))
			vx_report(s, VX_OP_FILE_READ, &f);
	}
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(leave);

static struct vx_retprobe probes[] = {
	{.symbol = "do_splice_direct",
	 .entry = parts_enter,
	 .leave = leave,
	 .data_size = sizeof(struct call),
	 .at_once = 512,
	 .optional = true},
	{.symbol = "do_splice",
	 .entry = splice_enter,
	 .leave = leave,
	 .data_size = sizeof(struct call),
	 .at_once = 512,
	 .optional = true},
	{.symbol = "io_fallocate",
	 .entry = once_enter,
	 .leave = leave,
	 .data_size = sizeof(struct call),
	 .at_once = 128,
	 .optional = true},
};

static int start(void)
{
	return vx_retprobes_start(probes, ARRAY_SIZE(probes));
}

static void stop(void)
{
	vx_retprobes_stop(probes, ARRAY_SIZE(probes));
	/* Calls that are still under way will not be seen to end. */
	atomic_set(&vx_calls_under_way, 0);
	vx_notes_clear(&notes);
}

static unsigned long missed(void)
{
	return vx_retprobes_missed(probes, ARRAY_SIZE(probes)) + vx_notes_lost(&notes);
}

const struct vx_probe_group vx_probe_calls = {
	.ops = READ_OPS | WRITE_OPS,
	.start = start,
	.stop = stop,
	.missed = missed,
};
