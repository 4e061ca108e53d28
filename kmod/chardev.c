// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vexfs: open, calls, mappings, poll. Every structure is copied once, checked, and answered
 * from the copy.
 */
#include <linux/capability.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "channel.h"
#include "chardev.h"
#include "probe.h"
#include "push.h"
#include "watch.h"

struct session {
	struct mutex lock;           /* making the channel */
	struct vx_channel *channel;  /* set once */
};

static struct vx_channel *channel_of(struct file *file)
{
	/* Acquire: pairs with the release in call_create(); the channel is whole. */
	return smp_load_acquire(&((struct session *)file->private_data)->channel);
}

static int dev_open(struct inode *inode, struct file *file)
{
	struct session *s;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	if (!s)
		return -ENOMEM;
	mutex_init(&s->lock);
	file->private_data = s;
	return nonseekable_open(inode, file);
}

static int dev_release(struct inode *inode, struct file *file)
{
	struct session *s = file->private_data;

	if (s->channel)
		vx_channel_release(s->channel);
	kfree(s);
	return 0;
}

static long call_query(struct session *s, void *arg)
{
	struct vx_query *q = arg;

	if (q->flags || q->reserved)
		return -EINVAL;
	q->abi_version = VX_ABI_VERSION;
	q->producers = nr_cpu_ids;
	q->features = vx_features();
	q->detail = vx_probes_detail();
	q->ops = vx_probes_ops();
	q->real_offset_ns = ktime_get_real_ns() - ktime_get_ns();
	return 0;
}

static long call_create(struct session *s, void *arg)
{
	struct vx_create *c = arg;
	struct vx_channel *ch;
	long err = 0;

	if (c->flags || c->reserved64 || c->user_ops >> VX_UOP_COUNT)
		return -EINVAL;
	mutex_lock(&s->lock);
	if (s->channel) {
		err = -EISCONN;
	} else {
		ch = vx_channel_create(c);
		if (IS_ERR(ch))
			err = PTR_ERR(ch);
		else
			/* Release: pairs with channel_of(). */
			smp_store_release(&s->channel, ch);
	}
	mutex_unlock(&s->lock);
	return err;
}

static long call_watch_add(struct session *s, void *arg)
{
	return vx_watch_add(s->channel, arg);
}

static long call_watch_remove(struct session *s, void *arg)
{
	const struct vx_watch_remove *r = arg;

	if (r->flags & ~VX_WATCH_REMOVE_UP_TO)
		return -EINVAL;
	if (r->flags & VX_WATCH_REMOVE_UP_TO)
		return vx_watch_remove_up_to(s->channel, r->watch);
	return vx_watch_remove(s->channel, r->watch);
}

static long call_watch_state(struct session *s, void *arg)
{
	struct vx_watch_state *w = arg;

	return w->flags || w->reserved ? -EINVAL : vx_watch_state(s->channel, w);
}

static long call_push(struct session *s, void *arg)
{
	return vx_push(s->channel, arg);
}

static long call_barrier(struct session *s, void *arg)
{
	struct vx_barrier *b = arg;

	if (b->flags)
		return -EINVAL;
	b->tickets = vx_channel_barrier(s->channel);
	return 0;
}

static long call_stats(struct session *s, void *arg)
{
	struct vx_stats *out = arg;

	if (out->flags)
		return -EINVAL;
	*out = (struct vx_stats){ .size = out->size };
	vx_counters_sum(s->channel, out);
	return 0;
}

struct call {
	long (*handler)(struct session *s, void *arg);
	unsigned int number;
	u32 size;
	/* the structure is copied back, after an error too if the call says so */
	bool answers;
	bool answers_error;
	bool needs_channel;
};

static const struct call calls[] = {
	{call_query, VX_IOC_QUERY, sizeof(struct vx_query), .answers = true},
	{call_create, VX_IOC_CREATE, sizeof(struct vx_create), .answers = true},
	{call_watch_add, VX_IOC_WATCH_ADD, sizeof(struct vx_watch_add), .answers = true,
	 .needs_channel = true},
	{call_watch_remove, VX_IOC_WATCH_REMOVE, sizeof(struct vx_watch_remove),
	 .needs_channel = true},
	{call_watch_state, VX_IOC_WATCH_STATE, sizeof(struct vx_watch_state), .answers = true,
	 .needs_channel = true},
	{call_push, VX_IOC_PUSH, sizeof(struct vx_push_call), .answers = true,
	 .answers_error = true, .needs_channel = true},
	{call_barrier, VX_IOC_BARRIER, sizeof(struct vx_barrier), .answers = true,
	 .needs_channel = true},
	{call_stats, VX_IOC_STATS, sizeof(struct vx_stats), .answers = true, .needs_channel = true},
};

union argument {
	struct vx_query query;
	struct vx_create create;
	struct vx_watch_add watch_add;
	struct vx_watch_remove watch_remove;
	struct vx_watch_state watch_state;
	struct vx_push_call push;
	struct vx_barrier barrier;
	struct vx_stats stats;
};

/* A later version's structure is longer; its number differs in the size only. */
static const struct call *find_call(unsigned int number)
{
	const unsigned int size_bits = _IOC_SIZEMASK << _IOC_SIZESHIFT;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (!((calls[i].number ^ number) & ~size_bits))
			return &calls[i];
	return NULL;
}

static long read_argument(const struct call *c, void *to, const void __user *from)
{
	u32 size;
	int err;

	if (get_user(size, (const u32 __user *)from))
		return -EFAULT;
	if (size < c->size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	/* -EFAULT, or -E2BIG for something behind what is known here. */
	err = copy_struct_from_user(to, c->size, from, size);
	/* The size that was checked, whatever stands there by now. */
	*(u32 *)to = c->size;
	return err;
}

static long dev_ioctl(struct file *file, unsigned int number, unsigned long arg)
{
	const struct call *c = find_call(number);
	struct session *s = file->private_data;
	union argument *copy;
	long err;

	if (!c)
		return -ENOTTY;
	copy = kzalloc(sizeof(*copy), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	err = read_argument(c, copy, (const void __user *)arg);
	if (!err && c->needs_channel && !channel_of(file))
		err = -ENOTCONN;
	else if (!err) {
		err = c->handler(s, copy);
		if (c->answers && (!err || c->answers_error) &&
		    copy_to_user((void __user *)arg, copy, c->size))
			err = -EFAULT;
	}
	kfree(copy);
	return err;
}

static int dev_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vx_channel *ch = channel_of(file);

	if (!ch)
		return -ENOTCONN;
	switch ((u64)vma->vm_pgoff << PAGE_SHIFT) {
	case VX_MMAP_RING:
		return vx_area_mmap(&ch->ring_area, vma, false);
	case VX_MMAP_CONSUMER:
		return vx_area_mmap(&ch->consumer_area, vma, true);
	case VX_MMAP_PUSH:
		return vx_area_mmap(&ch->push.area, vma, true);
	}
	return -EINVAL;
}

/*
 * Readable: the reader has not said that it sleeps, or a producer has woken it, and there is
 * something that it has not released, or a loss that is not reported yet. A reader that sleeps
 * until there is more (wake) is not woken by less.
 */
static bool readable(const struct vx_channel *ch)
{
	const struct vx_ring *r = &ch->ring;
	unsigned int i;

	if (READ_ONCE(r->consumer->sleeping))
		return false;
	for (i = 0; i < r->n * VX_CLASSES; i++) {
		const struct vx_producer *p = &r->producers[i];

		if (READ_ONCE(p->head) !=
			    READ_ONCE(r->slots[i / VX_CLASSES].tail[i % VX_CLASSES]) ||
		    READ_ONCE(p->loss_pending))
			return true;
	}
	return false;
}

static __poll_t dev_poll(struct file *file, struct poll_table_struct *table)
{
	struct vx_channel *ch = channel_of(file);

	if (!ch)
		return EPOLLERR;
	poll_wait(file, &ch->wait, table);
	/*
	 * poll_wait() has taken the queue's lock, and a producer clears sleeping before it takes it
	 * to wake: one of the two sees the other.
	 */
	return readable(ch) ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = dev_release,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = dev_mmap,
	.poll = dev_poll,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vexfs",
	.fops = &fops,
	.mode = 0600,
};

int vx_chardev_init(void)
{
	return misc_register(&device);
}

void vx_chardev_exit(void)
{
	misc_deregister(&device);
}
