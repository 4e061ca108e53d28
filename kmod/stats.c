// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs. The list of channels is held still while a file is made, so nothing goes away meanwhile.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "channel.h"
#include "stats.h"
#include "watch.h"

static struct dentry *folder;

struct sums {
	struct vx_stats counters;
	u64 depth[VX_CLASSES];
	u64 high_water[VX_CLASSES];
	u64 bad_tail;
	u64 pending;
};

static void sum_up(struct vx_channel *ch, struct sums *out)
{
	unsigned int cpu, cls;

	memset(out, 0, sizeof(*out));
	vx_counters_sum(ch, &out->counters);
	for (cpu = 0; cpu < ch->ring.n; cpu++) {
		for (cls = 0; cls < VX_CLASSES; cls++) {
			const struct vx_producer *p = vx_ring_producer(&ch->ring, cpu, cls);
			const u64 used =
				READ_ONCE(p->head) - READ_ONCE(ch->ring.slots[cpu].tail[cls]);

			/* A reader that lies about its position does so for itself only. */
			out->depth[cls] += min(used, ch->ring.size[cls]);
			/* The producer looks at it rarely. */
			out->high_water[cls] =
				max3(out->high_water[cls], READ_ONCE(p->high_water),
				     min(used, ch->ring.size[cls]));
			out->bad_tail += READ_ONCE(p->bad_tail);
			out->pending += READ_ONCE(p->loss_pending);
		}
	}
}

static const char *name_of(const struct vx_channel *ch)
{
	return ch->name[0] ? ch->name : "-";
}

/* The seconds that it has been without an owner. */
static u64 lingered_s(const struct vx_channel *ch)
{
	return ch->owner ? 0 : div_u64(ktime_get_ns() - ch->ownerless_ns, NSEC_PER_SEC);
}

static void show_channel(struct seq_file *m, struct vx_channel *ch, const struct sums *s)
{
	const struct vx_stats *c = &s->counters;
	u64 latency[VX_LATENCY_BUCKETS] = {};
	unsigned int i;

	seq_printf(m, "channel %llu  pid %d  comm %s  name %s\n", ch->id, ch->owner, ch->comm,
		   name_of(ch));
	seq_printf(m, "  %-16s %14s %14s %14s %14s %14s\n", "op", "seen", "filtered", "emitted",
		   "lost_no_room", "pushed");
	for (i = 0; i < VX_OP_SLOTS; i++)
		seq_printf(m, "  %-16s %14llu %14llu %14llu %14llu %14llu\n", vx_op_name(i),
			   c->seen[i], c->filtered[i], c->emitted[i], c->lost[i], c->pushed_op[i]);
	seq_printf(m,
		   "  tickets %llu  dirs %llu  wakeups %llu  pushed %llu  push_failed %llu  "
		   "probe_missed %llu\n",
		   c->tickets, c->dirs, c->wakeups, c->pushed, c->push_failed, c->probe_missed);
	for (i = 0; i < VX_CLASSES; i++)
		seq_printf(m, "  class %c  depth %llu  high_water %llu  subring_size %llu\n",
			   i == VX_CLASS_M ? 'M' : 'D', s->depth[i], s->high_water[i],
			   ch->ring.size[i]);
	seq_printf(m, "  loss_pending %llu  bad_tail %llu\n", s->pending, s->bad_tail);
	vx_counters_latency(ch, latency);
	seq_puts(m, "  emit_ns");
	for (i = 0; i < VX_LATENCY_BUCKETS; i++)
		if (latency[i])
			seq_printf(m, "  %llu+:%llu", i ? 1ull << i : 0, latency[i]);
	seq_puts(m, "\n");
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct sums *s = kmalloc(sizeof(*s), GFP_KERNEL);
	struct vx_channel *ch;

	if (!s)
		return -ENOMEM;
	vx_channels_lock();
	vx_for_each_channel(ch) {
		sum_up(ch, s);
		show_channel(m, ch, s);
	}
	vx_channels_unlock();
	kfree(s);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int channels_show(struct seq_file *m, void *unused)
{
	struct sums *s = kmalloc(sizeof(*s), GFP_KERNEL);
	struct vx_channel *ch;

	if (!s)
		return -ENOMEM;
	seq_printf(m, "%-8s %-8s %-16s %8s %10s %12s %12s %12s %12s %10s %9s %8s  %s\n",
		   "channel", "pid", "comm", "watches", "producers", "size_m", "size_d", "depth_m",
		   "depth_d", "user_ops", "lingers_s", "of", "name");
	vx_channels_lock();
	vx_for_each_channel(ch) {
		sum_up(ch, s);
		seq_printf(m, "%-8llu %-8d %-16s %8u %10u %12llu %12llu %12llu %12llu %#10x ",
			   ch->id, ch->owner, ch->comm, READ_ONCE(ch->watches), ch->ring.n,
			   ch->ring.size[VX_CLASS_M], ch->ring.size[VX_CLASS_D],
			   s->depth[VX_CLASS_M], s->depth[VX_CLASS_D], ch->user_ops);
		seq_printf(m, "%9llu %8u  %s\n", lingered_s(ch), ch->linger_s, name_of(ch));
	}
	vx_channels_unlock();
	kfree(s);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(channels);

static void show_watch(struct seq_file *m, const struct vx_super *s, const struct vx_watch *w)
{
	seq_printf(m, "%-8llu %-8llu %-5s %-10s %-16s %016llx %05llx ", s->channel->id, w->id,
		   s->sb ? "live" : "dead", s->type, s->name, s->fsid, w->ops);
	seq_printf(m, "%-8s ", w->flags & VX_WATCH_SUBTREE ? "subtree" : "fs");
	if (w->flags & VX_WATCH_UID)
		seq_printf(m, "%-10u ", w->uid);
	else
		seq_printf(m, "%-10s ", "-");
	if (w->flags & VX_WATCH_PID)
		seq_printf(m, "%-8d ", w->pid);
	else
		seq_printf(m, "%-8s ", "-");
	if (w->flags & VX_WATCH_NOT_ME)
		seq_printf(m, "%-8d ", w->adder);
	else
		seq_printf(m, "%-8s ", "-");
	seq_printf(m, "%-8llu %#x\n", w->ino, w->detail);
}

static int watches_show(struct seq_file *m, void *unused)
{
	struct vx_channel *ch;
	struct vx_super *s;
	struct vx_watch *w;

	seq_printf(m, "%-8s %-8s %-5s %-10s %-16s %-16s %-5s ", "channel", "watch", "state",
		   "type", "device", "fsid", "ops");
	seq_printf(m, "%-8s %-10s %-8s %-8s %-8s %s\n", "scope", "uid", "pid", "not_pid", "ino",
		   "detail");
	vx_channels_lock();
	vx_for_each_channel(ch) {
		mutex_lock(&ch->lock);
		list_for_each_entry(s, &ch->supers, node)
			list_for_each_entry(w, &s->watches, node)
				show_watch(m, s, w);
		mutex_unlock(&ch->lock);
	}
	vx_channels_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(watches);

void vx_stats_init(void)
{
	folder = debugfs_create_dir("vexfs", NULL);
	debugfs_create_file("stats", 0400, folder, NULL, &stats_fops);
	debugfs_create_file("channels", 0400, folder, NULL, &channels_fops);
	debugfs_create_file("watches", 0400, folder, NULL, &watches_fops);
}

void vx_stats_exit(void)
{
	debugfs_remove_recursive(folder);
}
