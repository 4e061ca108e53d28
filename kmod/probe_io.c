// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is read and written, how long it takes and how it fails: from the functions behind the
 * system calls, behind io_uring, and those by which the kernel itself reads and writes files. Each
 * may be inside another; the outermost counts.
 */
#include <linux/io_uring_types.h>

#include "call.h"
#include "transfer.h"

#define IO_OPS                                                                            \
	(VX_OP_BIT(VX_OP_FILE_READ) | VX_OP_BIT(VX_OP_FILE_WRITE) |                       \
	 VX_OP_BIT(VX_OP_DIR_READ) | VX_OP_BIT(VX_OP_FILE_CLOSE))

struct io {
	struct vx_transfer *t;
	const struct io_kiocb *req;
};

/* A file whose open failed has no dentry. */
static bool wanted(const struct file *file, unsigned int op)
{
	const struct dentry *dentry = file->f_path.dentry;

	return dentry && vx_super_detailed(dentry->d_sb, VX_DETAIL_ALL, VX_OP_BIT(op));
}

/* Is @file a side of what is spliced, copied or sent? A pipe is none. */
static bool is_side(const struct file *file, unsigned int op)
{
	return S_ISREG(file_inode(file)->i_mode) && wanted(file, op);
}

static struct file *file_arg(struct pt_regs *regs, unsigned int n)
{
	return (struct file *)regs_get_kernel_argument(regs, n);
}

static const loff_t *pos_arg(struct pt_regs *regs, unsigned int n)
{
	return (const loff_t *)regs_get_kernel_argument(regs, n);
}

/* Of one file. */
static int enter(struct kretprobe_instance *ri, struct file *file, const loff_t *pos)
{
	const struct vx_retprobe *p = vx_retprobe_of(ri);
	struct io *io = (struct io *)ri->data;

	if (!p || !wanted(file, p->op))
		return 1;
	io->t = vx_transfer_begin(p->op, VX_TRANSFER_PLAIN);
	io->req = NULL;
	if (io->t)
		vx_transfer_side(io->t, p->op == VX_OP_FILE_WRITE ? VX_SIDE_WRITTEN : VX_SIDE_READ,
				 file, pos);
	return !io->t;
}
NOKPROBE_SYMBOL(enter);

static int enter_pos3(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return enter(ri, file_arg(regs, 0), pos_arg(regs, 3));
}
NOKPROBE_SYMBOL(enter_pos3);

static int enter_pos2(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return enter(ri, file_arg(regs, 0), pos_arg(regs, 2));
}
NOKPROBE_SYMBOL(enter_pos2);

static int leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct io *io = (const struct io *)ri->data;

	preempt_disable();
	vx_transfer_done(io->t, (long)regs_return_value(regs));
	vx_slots_give(io->t);
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(leave);

/* Readdir and close: of these nothing but the beginning and the error is to be known. */
static int enter_file(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return enter(ri, file_arg(regs, 0), NULL);
}
NOKPROBE_SYMBOL(enter_file);

static int leave_int(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct io *io = (const struct io *)ri->data;

	preempt_disable();
	vx_transfer_done(io->t, (int)regs_return_value(regs));
	vx_slots_give(io->t);
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(leave_int);

/* The file is gone by then. */
static int leave_closed(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct io *io = (const struct io *)ri->data;

	vx_slots_give(io->t);
	return 0;
}
NOKPROBE_SYMBOL(leave_closed);

static int fallocate_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct io *io = (struct io *)ri->data;
	struct vx_side *side;

	if (enter(ri, file_arg(regs, 0), NULL))
		return 1;
	side = &io->t->side[VX_SIDE_WRITTEN];
	side->offset = regs_get_kernel_argument(regs, 2);
	side->length = regs_get_kernel_argument(regs, 3);
	side->done = true;
	return 0;
}
NOKPROBE_SYMBOL(fallocate_enter);

/* From one file to another, or to or from a pipe, which is no side. */
static int enter_two(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct file *in = file_arg(regs, 0), *out = file_arg(regs, 2);
	struct io *io = (struct io *)ri->data;
	const bool reads = is_side(in, VX_OP_FILE_READ), writes = is_side(out, VX_OP_FILE_WRITE);

	if (!reads && !writes)
		return 1;
	io->t = vx_transfer_begin(writes ? VX_OP_FILE_WRITE : VX_OP_FILE_READ, VX_TRANSFER_PLAIN);
	if (!io->t)
		return 1;
	if (reads)
		vx_transfer_side(io->t, VX_SIDE_READ, in, NULL);
	if (writes)
		vx_transfer_side(io->t, VX_SIDE_WRITTEN, out, NULL);
	return 0;
}
NOKPROBE_SYMBOL(enter_two);

static int splice_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const loff_t *from = pos_arg(regs, 1), *to = pos_arg(regs, 3);
	struct io *io = (struct io *)ri->data;

	if (enter_two(ri, regs))
		return 1;
	io->t->side[VX_SIDE_READ].pos = from ? from : &file_arg(regs, 0)->f_pos;
	io->t->side[VX_SIDE_WRITTEN].pos = to ? to : &file_arg(regs, 2)->f_pos;
	return 0;
}
NOKPROBE_SYMBOL(splice_enter);

static int copy_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct io *io = (struct io *)ri->data;

	if (enter_two(ri, regs))
		return 1;
	io->t->side[VX_SIDE_READ].offset = regs_get_kernel_argument(regs, 1);
	io->t->side[VX_SIDE_WRITTEN].offset = regs_get_kernel_argument(regs, 3);
	return 0;
}
NOKPROBE_SYMBOL(copy_enter);

static int sendfile_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct io *io = (struct io *)ri->data;

	io->t = vx_transfer_begin(VX_OP_FILE_WRITE, VX_TRANSFER_OUTER);
	return !io->t;
}
NOKPROBE_SYMBOL(sendfile_enter);

/* What sendfile calls to move the data; in another call it says nothing new. */
static struct vx_transfer *sendfile_begin(struct kretprobe_instance *ri)
{
	struct vx_transfer *t = vx_slots_find(&vx_transfers);
	struct io *io = (struct io *)ri->data;

	io->t = t && t->kind == VX_TRANSFER_OUTER ? t : NULL;
	return io->t;
}
NOKPROBE_SYMBOL(sendfile_begin);

static int direct_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct file *in = file_arg(regs, 0), *out = file_arg(regs, 2);
	struct vx_transfer *t = sendfile_begin(ri);

	if (!t)
		return 1;
	if (is_side(in, VX_OP_FILE_READ))
		vx_transfer_side(t, VX_SIDE_READ, in, pos_arg(regs, 1));
	if (is_side(out, VX_OP_FILE_WRITE))
		vx_transfer_side(t, VX_SIDE_WRITTEN, out, pos_arg(regs, 3));
	else
		t->op = VX_OP_FILE_READ;
	return 0;
}
NOKPROBE_SYMBOL(direct_enter);

static int to_pipe_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct file *in = file_arg(regs, 0);
	struct vx_transfer *t = sendfile_begin(ri);

	if (!t || !is_side(in, VX_OP_FILE_READ))
		return 1;
	t->op = VX_OP_FILE_READ;
	vx_transfer_side(t, VX_SIDE_READ, in, pos_arg(regs, 2));
	return 0;
}
NOKPROBE_SYMBOL(to_pipe_enter);

static int inner_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct io *io = (const struct io *)ri->data;

	preempt_disable();
	vx_transfer_done(io->t, (long)regs_return_value(regs));
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(inner_leave);

/*
 * A request of io_uring begins with its struct kiocb: the kernel counts on it, both have the file
 * first. How many bytes it moved it has put into the request before it returns 0. Until it does,
 * the request is there.
 */
static int uring_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct io_kiocb *req = (const struct io_kiocb *)regs_get_kernel_argument(regs, 0);
	struct io *io = (struct io *)ri->data;

	if (!req->file || enter(ri, req->file, &((const struct kiocb *)&req->cmd)->ki_pos))
		return 1;
	io->req = req;
	return 0;
}
NOKPROBE_SYMBOL(uring_enter);

static int uring_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct io *io = (const struct io *)ri->data;
	const int result = (int)regs_return_value(regs);

	preempt_disable();
	vx_transfer_done(io->t, result ? result : io->req->cqe.res);
	vx_slots_give(io->t);
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(uring_leave);

#define PROBE(o, name, enters, leaves)                                                     \
	{                                                                                  \
		.symbol = (name), .op = VX_OP_##o, .entry = (enters), .leave = (leaves),   \
		.data_size = sizeof(struct io), .at_once = 512,                            \
		.optional = !IS_ENABLED(CONFIG_IO_URING)                                   \
	}

static struct vx_retprobe probes[] = {
	PROBE(FILE_READ, "vfs_read", enter_pos3, leave),
	PROBE(FILE_WRITE, "vfs_write", enter_pos3, leave),
	PROBE(FILE_READ, "vfs_readv", enter_pos3, leave),
	PROBE(FILE_WRITE, "vfs_writev", enter_pos3, leave),
	PROBE(FILE_READ, "vfs_iter_read", enter_pos2, leave),
	PROBE(FILE_WRITE, "vfs_iter_write", enter_pos2, leave),
	PROBE(FILE_READ, "__kernel_read", enter_pos3, leave),
	PROBE(FILE_WRITE, "__kernel_write", enter_pos3, leave),
	PROBE(FILE_READ, "io_read", uring_enter, uring_leave),
	PROBE(FILE_WRITE, "io_write", uring_enter, uring_leave),
	PROBE(FILE_WRITE, "vfs_copy_file_range", copy_enter, leave),
	PROBE(FILE_WRITE, "do_splice", splice_enter, leave),
	PROBE(FILE_WRITE, "do_sendfile", sendfile_enter, leave_closed),
	PROBE(FILE_WRITE, "do_splice_direct", direct_enter, inner_leave),
	PROBE(FILE_READ, "splice_file_to_pipe", to_pipe_enter, inner_leave),
	PROBE(FILE_WRITE, "vfs_fallocate", fallocate_enter, leave_int),
	PROBE(DIR_READ, "iterate_dir", enter_file, leave_int),
	PROBE(FILE_CLOSE, "__fput", enter_file, leave_closed),
};

static int start(void)
{
	int err = vx_slots_start(&vx_transfers);

	if (err)
		return err;
	err = vx_retprobes_start(probes, ARRAY_SIZE(probes));
	if (err)
		vx_slots_stop(&vx_transfers, NULL);
	return err;
}

static void stop(void)
{
	vx_retprobes_stop(probes, ARRAY_SIZE(probes));
	vx_slots_stop(&vx_transfers, vx_transfer_marked);
}

static unsigned long missed(void)
{
	return vx_retprobes_missed(probes, ARRAY_SIZE(probes)) +
	       atomic_long_read(&vx_transfers.missed);
}

const struct vx_probe_group vx_probe_io = {
	.ops = IO_OPS,
	.detail = VX_DETAIL_ALL,
	.start = start,
	.stop = stop,
	.missed = missed,
};
