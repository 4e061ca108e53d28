// SPDX-License-Identifier: GPL-2.0-only
/* What a mount(2) mounts. The contract is in mounting.h. */
#include <linux/fs_context.h>
#include <linux/sched.h>

#include "mounting.h"
#include "probe.h"

static struct mounting {
	struct task_struct *task;   /* NULL: free */
	bool bind;
	const struct super_block *sb;
} mountings[VX_MOUNTINGS];

static struct mounting *mounting_of(struct task_struct *task)
{
	unsigned int i;

	for (i = 0; i < VX_MOUNTINGS; i++)
		if (READ_ONCE(mountings[i].task) == task)
			return &mountings[i];
	return NULL;
}

void vx_mounting_begin(bool bind)
{
	unsigned int i;

	for (i = 0; i < VX_MOUNTINGS; i++) {
		struct mounting *m = &mountings[i];

		if (READ_ONCE(m->task) || cmpxchg(&m->task, NULL, current))
			continue;
		m->bind = bind;
		m->sb = NULL;
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

struct lookup_call {
	const struct path *path;
};

static int lookup_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct lookup_call *c = (struct lookup_call *)ri->data;
	const struct mounting *m = mounting_of(current);

	c->path = (const struct path *)regs_get_kernel_argument(regs, 2);
	return !m || !m->bind || m->sb;
}
NOKPROBE_SYMBOL(lookup_enter);

static int lookup_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct lookup_call *c = (const struct lookup_call *)ri->data;
	struct mounting *m = mounting_of(current);

	if (m && !(int)regs_return_value(regs))
		m->sb = c->path->dentry->d_sb;
	return 0;
}
NOKPROBE_SYMBOL(lookup_leave);

/* The last one counts: a file system may mount others for itself while it is made. */
static int create_enter(struct kprobe *p, struct pt_regs *regs)
{
	const struct fs_context *fc = (const struct fs_context *)regs_get_kernel_argument(regs, 0);
	struct mounting *m = mounting_of(current);

	if (m && !m->bind && fc->root)
		m->sb = fc->root->d_sb;
	return 0;
}
NOKPROBE_SYMBOL(create_enter);

static struct vx_retprobe lookup_probe = {
	.symbol = "kern_path",
	.entry = lookup_enter,
	.leave = lookup_leave,
	.data_size = sizeof(struct lookup_call),
};
static struct vx_entryprobe create_probe = { .symbol = "vfs_create_mount", .enter = create_enter };

int vx_mounting_start(void)
{
	int err;

	/* Of calls that outlived the probes: their end was not seen. */
	memset(mountings, 0, sizeof(mountings));
	err = vx_retprobes_start(&lookup_probe, 1);
	if (err)
		return err;
	err = vx_entryprobe_start(&create_probe);
	if (err)
		vx_retprobes_stop(&lookup_probe, 1);
	return err;
}

void vx_mounting_stop(void)
{
	vx_entryprobe_stop(&create_probe);
	vx_retprobes_stop(&lookup_probe, 1);
}

unsigned long vx_mounting_missed(void)
{
	return vx_retprobes_missed(&lookup_probe, 1) + vx_entryprobe_missed(&create_probe);
}
