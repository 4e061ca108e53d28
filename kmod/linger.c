// SPDX-License-Identifier: GPL-2.0-only
/* Channels without an owner. The contract is in linger.h. */
#include <linux/ctype.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "linger.h"
#include "watch.h"

#define MEMORY_SHARE 8

static struct workqueue_struct *queue;

int vx_linger_check(const struct vx_create *a)
{
	const size_t len = strnlen(a->name, sizeof(a->name));
	size_t i;

	if (a->linger_s > (len ? VX_LINGER_MAX_S : 0) || len > VX_CHANNEL_NAME_MAX ||
	    memchr_inv(a->name + len, 0, sizeof(a->name) - len))
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (!isascii(a->name[i]) || !(isalnum(a->name[i]) || strchr("._-", a->name[i])))
			return -EINVAL;
	return 0;
}

static struct vx_channel *find(const char *name)
{
	struct vx_channel *ch;

	vx_for_each_channel(ch)
		if (!strcmp(ch->name, name))
			return ch;
	return NULL;
}

bool vx_linger_named(const char *name)
{
	return *name && find(name);
}

static u64 ring_bytes(const struct vx_channel *ch)
{
	return (ch->ring.size[VX_CLASS_M] + ch->ring.size[VX_CLASS_D]) * ch->ring.n;
}

static bool may_linger(const struct vx_channel *ch)
{
	const u64 most = ((u64)totalram_pages() << PAGE_SHIFT) / MEMORY_SHARE;
	const struct vx_channel *other;
	u64 bytes = ring_bytes(ch);

	if (!ch->linger_s || !READ_ONCE(ch->watches))
		return false;
	vx_for_each_channel(other)
		if (!other->owner)
			bytes += ring_bytes(other);
	if (bytes > most)
		pr_warn("channel %llu (%s) is not kept: rings without an owner: %llu of %llu MiB\n",
			ch->id, ch->name, bytes >> 20, most >> 20);
	return bytes <= most;
}

static void schedule_end(struct vx_channel *ch, u64 after_ns)
{
	/* One jiffy more: a timer's first one is not a whole one. */
	queue_delayed_work(queue, &ch->end, nsecs_to_jiffies(after_ns) + 1);
}

static void time_up(struct work_struct *work)
{
	struct vx_channel *ch = container_of(to_delayed_work(work), struct vx_channel, end);
	const u64 most = (u64)ch->linger_s * NSEC_PER_SEC;
	bool over = false;
	u64 now;

	vx_channels_lock();
	now = ktime_get_ns();
	if (!ch->owner && now - ch->ownerless_ns < most)
		schedule_end(ch, most - (now - ch->ownerless_ns));
	else if (!ch->owner)
		over = true;
	if (over)
		vx_channel_unlist(ch);
	vx_channels_unlock();
	if (!over)
		return;
	pr_info("channel %llu (%s): nobody took it over for %u s\n", ch->id, ch->name,
		ch->linger_s);
	vx_channel_end(ch);
}

void vx_channel_release(struct vx_channel *ch)
{
	bool keep;

	vx_channels_lock();
	keep = may_linger(ch);
	if (keep) {
		pr_info("channel %llu (%s) lingers for up to %u s: %s[%d] is gone\n", ch->id,
			ch->name, ch->linger_s, ch->comm, ch->owner);
		vx_watches_adopt(ch, 0);
		ch->owner = 0;
		ch->ownerless_ns = ktime_get_ns();
		schedule_end(ch, (u64)ch->linger_s * NSEC_PER_SEC);
	} else {
		vx_channel_unlist(ch);
	}
	vx_channels_unlock();
	if (keep)
		return;
	/* One that was queued while an earlier owner was missing. */
	cancel_delayed_work_sync(&ch->end);
	vx_channel_end(ch);
}

struct vx_channel *vx_linger_take(struct vx_create *a)
{
	struct vx_channel *ch;

	if (!a->name[0])
		return NULL;
	vx_channels_lock();
	ch = find(a->name);
	if (ch && ch->owner) {
		ch = ERR_PTR(-EBUSY);
	} else if (ch) {
		/* It may be at the lock already, and then sees the owner. */
		cancel_delayed_work(&ch->end);
		a->lingered_ns = max(ktime_get_ns() - ch->ownerless_ns, 1ull);
		ch->owner = current->tgid;
		get_task_comm(ch->comm, current);
		ch->linger_s = a->linger_s;
		WRITE_ONCE(ch->user_ops, a->user_ops);
		vx_watches_adopt(ch, ch->owner);
		pr_info("channel %llu (%s) taken over by %s[%d]\n", ch->id, ch->name, ch->comm,
			ch->owner);
	}
	vx_channels_unlock();
	return ch;
}

void vx_linger_init(struct vx_channel *ch, const struct vx_create *a)
{
	INIT_DELAYED_WORK(&ch->end, time_up);
	ch->linger_s = a->linger_s;
	strscpy(ch->name, a->name, sizeof(ch->name));
}

int vx_channels_init(void)
{
	queue = alloc_workqueue("vexfs", WQ_UNBOUND, 0);
	return queue ? 0 : -ENOMEM;
}

static struct vx_channel *take_any(void)
{
	struct vx_channel *ch;

	vx_channels_lock();
	ch = list_first_entry_or_null(&vx_channels, struct vx_channel, node);
	if (ch) {
		/* Not to be found over by the work that may wait for the lock. */
		ch->owner = current->tgid;
		vx_channel_unlist(ch);
	}
	vx_channels_unlock();
	return ch;
}

void vx_channels_exit(void)
{
	struct vx_channel *ch;

	while ((ch = take_any())) {
		cancel_delayed_work_sync(&ch->end);
		vx_channel_end(ch);
	}
	/* Waits for those whose time was up just now. */
	destroy_workqueue(queue);
}
