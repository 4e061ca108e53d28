// SPDX-License-Identifier: GPL-2.0-only
/* Channels: their making and their end. The contract is in channel.h. */
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/topology.h>

#include "abi/command.h"
#include "dirs.h"
#include "linger.h"
#include "probe.h"
#include "push.h"
#include "super.h"
#include "watch.h"

/*
 * What all sub-rings of a class come to by default, when the machine has many CPUs; and a share of
 * the memory.
 */
#define CLASS_BYTES_DEFAULT (64ull << 20)
#define MEMORY_SHARE 4

LIST_HEAD(vx_channels);
static DEFINE_MUTEX(list_lock);
static u64 last_id;                /* [list_lock] */
static u64 slots;                  /* bit n: slot n is in use [list_lock] */

void vx_channels_lock(void)
{
	mutex_lock(&list_lock);
}

void vx_channels_unlock(void)
{
	mutex_unlock(&list_lock);
}

bool vx_channels_held(void)
{
	return !IS_ENABLED(CONFIG_PROVE_LOCKING) || lockdep_is_held(&list_lock);
}

u64 vx_features(void)
{
	return vx_probes_features() | VX_FEATURE_PUSH | VX_FEATURE_INJECT;
}

/*
 * Called by a producer, under the locks of the file operation: waking only takes the queue's own
 * lock.
 */
static void wake_reader(struct vx_ring *r)
{
	struct vx_channel *ch = container_of(r, struct vx_channel, ring);

	this_cpu_inc(ch->counters->wakeups);
	wake_up_interruptible_poll(&ch->wait, EPOLLIN | EPOLLRDNORM);
}

void vx_channel_lost(struct vx_channel *ch, unsigned int op)
{
	/* Read first: losses come in floods, and only one of them writes. */
	if (READ_ONCE(ch->loss_said) || xchg(&ch->loss_said, 1))
		return;
	pr_warn("channel %llu: the ring is full; first loss (%s)\n", ch->id, vx_op_name(op));
}

static u64 default_size(u64 wanted)
{
	const u64 share = rounddown_pow_of_two(CLASS_BYTES_DEFAULT / nr_cpu_ids);

	return clamp_t(u64, share, VX_SUBRING_MIN, wanted);
}

static int choose_sizes(struct vx_create *a)
{
	const u64 memory = (u64)totalram_pages() << PAGE_SHIFT;

	if (!a->size_m)
		a->size_m = default_size(VX_SUBRING_M_DEFAULT);
	if (!a->size_d)
		a->size_d = default_size(VX_SUBRING_D_DEFAULT);
	if (!a->push_size)
		a->push_size = VX_PUSH_DEFAULT;
	if (!vx_subring_size_ok(a->size_m) || !vx_subring_size_ok(a->size_d))
		return -EINVAL;
	if (a->push_size < VX_PUSH_MIN || a->push_size > VX_PUSH_MAX ||
	    !is_power_of_2(a->push_size))
		return -EINVAL;
	if ((a->size_m + a->size_d) * nr_cpu_ids + a->push_size > memory / MEMORY_SHARE)
		return -ENOMEM;
	return 0;
}

static int make_ring(struct vx_channel *ch, const struct vx_create *a)
{
	struct vx_ring *r = &ch->ring;
	struct vx_area *area = &ch->ring_area;
	unsigned int cpu;
	int err;

	r->n = nr_cpu_ids;
	r->size[VX_CLASS_M] = a->size_m;
	r->size[VX_CLASS_D] = a->size_d;
	r->wake = wake_reader;
	err = vx_area_init(area, vx_ring_bytes(r->n, a->size_m, a->size_d));
	if (!err)
		err = vx_area_add(area, vx_data_off(r->n), 1, NUMA_NO_NODE);
	for (cpu = 0; cpu < r->n && !err; cpu++) {
		const int node = cpu_possible(cpu) ? cpu_to_node(cpu) : NUMA_NO_NODE;

		err = vx_area_add(area, a->size_m, 2, node);
		if (!err)
			err = vx_area_add(area, a->size_d, 2, node);
	}
	if (!err)
		err = vx_area_finish(area);
	if (err)
		return err;
	r->header = area->base;
	r->producers = area->base + VX_PAGE;
	r->data = area->base + vx_data_off(r->n);
	return 0;
}

static int make_consumer(struct vx_channel *ch)
{
	struct vx_area *area = &ch->consumer_area;
	const u64 bytes = vx_consumer_bytes(nr_cpu_ids);
	int err = vx_area_init(area, bytes);

	if (!err)
		err = vx_area_add(area, bytes, 1, NUMA_NO_NODE);
	if (!err)
		err = vx_area_finish(area);
	if (err)
		return err;
	ch->ring.consumer = area->base;
	ch->ring.slots = (struct vx_consumer_slot *)(ch->ring.consumer + 1);
	return 0;
}

static void free_channel(struct vx_channel *ch)
{
	vx_push_free(&ch->push);
	vx_area_free(&ch->consumer_area);
	vx_area_free(&ch->ring_area);
	vx_dirs_free(ch->dirs);
	free_percpu(ch->counters);
	kfree(ch);
}

static int make_parts(struct vx_channel *ch, const struct vx_create *a)
{
	int err;

	ch->counters = alloc_percpu_gfp(struct vx_counters, GFP_KERNEL_ACCOUNT);
	ch->dirs = vx_dirs_alloc(nr_cpu_ids * VX_CLASSES);
	if (!ch->counters || !ch->dirs)
		return -ENOMEM;
	err = make_ring(ch, a);
	if (!err)
		err = make_consumer(ch);
	if (!err)
		err = vx_push_init(&ch->push, a->push_size);
	return err;
}

/*
 * Gives it a number and a slot, and lets probes and pushes find it. -EMFILE when there are too
 * many, -EBUSY when its name is taken.
 */
static int publish(struct vx_channel *ch)
{
	int err = -EMFILE;

	BUILD_BUG_ON(VX_CHANNELS_MAX != 64);
	mutex_lock(&list_lock);
	if (vx_linger_named(ch->name)) {
		err = -EBUSY;
	} else if (~slots) {
		ch->slot = ffz(slots);
		slots |= 1ull << ch->slot;
		ch->id = ++last_id;
		vx_ring_format(&ch->ring, ch->id, vx_features(),
			       ktime_get_real_ns() - ktime_get_ns());
		list_add_tail_rcu(&ch->node, &vx_channels);
		err = 0;
	}
	mutex_unlock(&list_lock);
	return err;
}

static void answer(const struct vx_channel *ch, struct vx_create *a)
{
	a->size_m = ch->ring.size[VX_CLASS_M];
	a->size_d = ch->ring.size[VX_CLASS_D];
	a->push_size = ch->push.size;
	a->channel = ch->id;
	a->ring_bytes = (u64)ch->ring_area.count << PAGE_SHIFT;
	a->consumer_bytes = (u64)ch->consumer_area.count << PAGE_SHIFT;
	a->push_bytes = (u64)ch->push.area.count << PAGE_SHIFT;
	a->last_watch = ch->last_watch;
}

static struct vx_channel *make(const struct vx_create *a)
{
	struct vx_channel *ch;
	int err;

	ch = kzalloc(sizeof(*ch), GFP_KERNEL_ACCOUNT);
	if (!ch)
		return ERR_PTR(-ENOMEM);
	init_waitqueue_head(&ch->wait);
	mutex_init(&ch->lock);
	INIT_LIST_HEAD(&ch->supers);
	init_completion(&ch->group_gone);
	ch->user_ops = a->user_ops;
	ch->missed_before = vx_probes_missed();
	ch->owner = current->tgid;
	get_task_comm(ch->comm, current);
	vx_linger_init(ch, a);
	err = make_parts(ch, a);
	if (err)
		goto fail;
	ch->group = vx_super_group(ch);
	if (IS_ERR(ch->group)) {
		err = PTR_ERR(ch->group);
		goto fail;
	}
	err = publish(ch);
	if (err)
		goto fail_group;
	pr_info("channel %llu opened by %s[%d]\n", ch->id, ch->comm, ch->owner);
	return ch;

fail_group:
	fsnotify_put_group(ch->group);
	wait_for_completion(&ch->group_gone);
fail:
	free_channel(ch);
	return ERR_PTR(err);
}

struct vx_channel *vx_channel_create(struct vx_create *a)
{
	struct vx_channel *ch;
	int err = vx_linger_check(a);

	if (!err)
		err = choose_sizes(a);
	if (err)
		return ERR_PTR(err);
	ch = vx_linger_take(a);
	if (!ch)
		ch = make(a);
	if (!IS_ERR(ch))
		answer(ch, a);
	return ch;
}

void vx_channel_unlist(struct vx_channel *ch)
{
	lockdep_assert_held(&list_lock);
	list_del_rcu(&ch->node);
	slots &= ~(1ull << ch->slot);
}

void vx_channel_end(struct vx_channel *ch)
{
	vx_watch_remove_all(ch);
	/* The marks hold the group, and are gone when the last hook has left them. */
	fsnotify_put_group(ch->group);
	wait_for_completion(&ch->group_gone);
	/* Probes and pushes that have still found it. */
	synchronize_rcu();
	pr_info("channel %llu closed\n", ch->id);
	free_channel(ch);
}
