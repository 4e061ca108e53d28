// SPDX-License-Identifier: GPL-2.0-only
/*
 * FileChmod, FileChown, FileTruncate: from the return of notify_change(), through which all changes
 * of attributes go, with the inode's lock held. What was really changed is in the attributes after
 * the call: the kernel adds the mode when it drops set-id bits.
 */
#include <linux/timekeeping.h>

#include "emit.h"
#include "probe.h"

#define ATTR_OPS \
	(VX_OP_BIT(VX_OP_FILE_CHMOD) | VX_OP_BIT(VX_OP_FILE_CHOWN) | VX_OP_BIT(VX_OP_FILE_TRUNCATE))
#define INTERESTING (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_SIZE | ATTR_KILL_SUID | ATTR_KILL_SGID)

struct call {
	struct dentry *dentry;      /* the caller holds both until it returns */
	const struct iattr *attr;
	unsigned int asked;
	u64 started;
};

static int enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *c = (struct call *)ri->data;

	c->dentry = (struct dentry *)regs_get_kernel_argument(regs, 1);
	c->attr = (const struct iattr *)regs_get_kernel_argument(regs, 2);
	c->asked = c->attr->ia_valid;
	c->started = ktime_get_mono_fast_ns();
	return !(c->asked & INTERESTING) || !vx_super_watched(c->dentry->d_sb, ATTR_OPS);
}
NOKPROBE_SYMBOL(enter);

static void report(const struct call *c, unsigned int op, u32 flags)
{
	struct inode *inode = d_inode(c->dentry);
	const struct vx_fact f = {
		.inode = inode,
		.dentry = c->dentry,
		.flags = flags | (S_ISDIR(inode->i_mode) ? VX_F_DIRECTORY : 0),
		.more = true,
		.started = c->started,
	};

	vx_report_all(c->dentry->d_sb, op, &f);
}

static int leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct call *c = (const struct call *)ri->data;
	unsigned int done;

	if ((int)regs_return_value(regs))
		return 0;
	done = c->attr->ia_valid;
	preempt_disable();
	if (done & (ATTR_UID | ATTR_GID))
		report(c, VX_OP_FILE_CHOWN,
		       (done & ATTR_UID ? VX_F_OWNER : 0) | (done & ATTR_GID ? VX_F_GROUP : 0));
	if (done & ATTR_SIZE)
		report(c, VX_OP_FILE_TRUNCATE, done & ATTR_OPEN ? VX_F_OPEN_TRUNC : 0);
	if (done & ATTR_MODE)
		report(c, VX_OP_FILE_CHMOD, VX_F_MODE | (c->asked & ATTR_MODE ? 0 : VX_F_FORCED));
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(leave);

static struct vx_retprobe probe = {
	.symbol = "notify_change",
	.entry = enter,
	.leave = leave,
	.data_size = sizeof(struct call),
	.at_once = 1024,
};

static int start(void)
{
	return vx_retprobes_start(&probe, 1);
}

static void stop(void)
{
	vx_retprobes_stop(&probe, 1);
}

static unsigned long missed(void)
{
	return vx_retprobes_missed(&probe, 1);
}

const struct vx_probe_group vx_probe_attr = {
	.ops = ATTR_OPS,
	.feature = VX_FEATURE_ATTR_PROBE,
	.needed = true,
	.start = start,
	.stop = stop,
	.missed = missed,
};
