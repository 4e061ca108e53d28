// SPDX-License-Identifier: GPL-2.0-only
/* What a mount(2) or move_mount(2) mounts. The contract is in mounting.h. */
#include <linux/fs_context.h>
#include <linux/sched.h>

#include "mounting.h"
#include "probe.h"

static struct mounting {
	struct task_struct *task;   /* NULL: free */
	enum vx_mounting_kind kind;
	const struct super_block *sb;
	const struct path *from, *to;   /* a move's */
} mountings[VX_MOUNTINGS];

static struct mounting *mounting_of(struct task_struct *task)
{
	unsigned int i;

	for (i = 0; i < VX_MOUNTINGS; i++)
		if (READ_ONCE(mountings[i].task) == task)
			return &mountings[i];
	return NULL;
}

void vx_mounting_begin(enum vx_mounting_kind kind, const struct path *to)
{
	unsigned int i;

	for (i = 0; i < VX_MOUNTINGS; i++) {
		struct mounting *m = &mountings[i];

		if (READ_ONCE(m->task) || cmpxchg(&m->task, NULL, current))
			continue;
		m->kind = kind;
		m->sb = NULL;
		m->from = NULL;
		m->to = to;
		return;
	}
}

const struct super_block *vx_mounting_end(void)
{
	struct mounting *m = mounting_of(current);
	const struct super_block *sb;

	if (!m)
		return NULL;
	sb = m->sb;
	/* Release: what is in it was read before another task takes it. */
	smp_store_release(&m->task, NULL);
	return sb;
}

bool vx_mounting_moves(const struct path **from, const struct path **to)
{
	const struct mounting *m = mounting_of(current);

	if (!m || !m->from || !m->to)
		return false;
	*from = m->from;
	*to = m->to;
	return true;
}

struct lookup_call {
	const struct path *path;
};

static int lookup_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct lookup_call *c = (struct lookup_call *)ri->data;
	const struct mounting *m = mounting_of(current);

	c->path = (const struct path *)regs_get_kernel_argument(regs, 2);
	return !m || m->kind == VX_MOUNTING_NEW || !m->to || m->sb;
}
NOKPROBE_SYMBOL(lookup_enter);

static int lookup_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct lookup_call *c = (const struct lookup_call *)ri->data;
	struct mounting *m = mounting_of(current);

	if (!m || (int)regs_return_value(regs))
		return 0;
	m->sb = c->path->dentry->d_sb;
	m->from = c->path;
	return 0;
}
NOKPROBE_SYMBOL(lookup_leave);

struct tree_call {
	const struct fs_context *fc;   /* the caller's until it returns */
};

static int tree_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct tree_call *c = (struct tree_call *)ri->data;
	const struct mounting *m = mounting_of(current);

	c->fc = (const struct fs_context *)regs_get_kernel_argument(regs, 0);
	return !m || m->kind != VX_MOUNTING_NEW;
}
NOKPROBE_SYMBOL(tree_enter);

/* The last one counts: a file system may mount others for itself while it is made. */
static int tree_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct tree_call *c = (const struct tree_call *)ri->data;
	struct mounting *m = mounting_of(current);

	if (m && !(int)regs_return_value(regs) && c->fc->root)
		m->sb = c->fc->root->d_sb;
	return 0;
}
NOKPROBE_SYMBOL(tree_leave);

static int move_call_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	vx_mounting_begin(VX_MOUNTING_MOVE, NULL);
	return 0;
}
NOKPROBE_SYMBOL(move_call_enter);

static int move_call_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	vx_mounting_end();
	return 0;
}
NOKPROBE_SYMBOL(move_call_leave);

static int move_enter(struct kprobe *p, struct pt_regs *regs)
{
	struct mounting *m = mounting_of(current);

	if (!m || m->kind != VX_MOUNTING_MOVE)
		return 0;
	m->from = (const struct path *)regs_get_kernel_argument(regs, 0);
	m->to = (const struct path *)regs_get_kernel_argument(regs, 1);
	return 0;
}
NOKPROBE_SYMBOL(move_enter);

static struct vx_retprobe probes[] = {
	{ .symbol = "kern_path", .entry = lookup_enter, .leave = lookup_leave,
	  .data_size = sizeof(struct lookup_call) },
	{ .symbol = "vfs_get_tree", .entry = tree_enter, .leave = tree_leave,
	  .data_size = sizeof(struct tree_call) },
	{ .symbol = "__x64_sys_move_mount", .entry = move_call_enter, .leave = move_call_leave,
	  .at_once = VX_MOUNTINGS, .at_most = true },
	{ .symbol = "__ia32_sys_move_mount", .entry = move_call_enter, .leave = move_call_leave,
	  .at_once = VX_MOUNTINGS, .at_most = true, .optional = true },
};
static struct vx_entryprobe move_probe = { .symbol = "security_move_mount", .enter = move_enter };

int vx_mounting_start(void)
{
	int err;

	/* Of calls that outlived the probes: their end was not seen. */
	memset(mountings, 0, sizeof(mountings));
	err = vx_retprobes_start(probes, ARRAY_SIZE(probes));
	/* Not on a kernel without CONFIG_SECURITY: there do_move_mount() may tell, or nobody. */
	if (!err)
		vx_entryprobe_start(&move_probe);
	return err;
}

void vx_mounting_stop(void)
{
	vx_entryprobe_stop(&move_probe);
	vx_retprobes_stop(probes, ARRAY_SIZE(probes));
}

unsigned long vx_mounting_missed(void)
{
	return vx_retprobes_missed(probes, ARRAY_SIZE(probes)) + vx_entryprobe_missed(&move_probe);
}
