// SPDX-License-Identifier: GPL-2.0-only
/* Starting and stopping probes. The contract is in probe.h. */
#include <linux/moduleparam.h>
#include <linux/mutex.h>

#include "abi/ioctl.h"
#include "abi/version.h"
#include "op_table.h"
#include "probe.h"

#define AT_ONCE_DEFAULT 256
#define AT_ONCE_MAX 16384       /* each place is allocated when the probe is started */

static uint probe_maxactive;
module_param(probe_maxactive, uint, 0444);
MODULE_PARM_DESC(probe_maxactive,
		 "calls that each return probe can follow at one time; 0: 64 to 1024, by probe");

static const struct vx_probe_group *const groups[] = {
	&vx_probe_attr,	  &vx_probe_mount,   &vx_probe_sync,
	&vx_probe_rename, &vx_probe_symlink, &vx_probe_calls,
	&vx_probe_paths,  &vx_probe_io,
};

static DEFINE_MUTEX(lock);
static unsigned int users[ARRAY_SIZE(groups)];  /* [lock] */
static bool works[ARRAY_SIZE(groups)];          /* set once at load */

static int places(const struct vx_retprobe *p)
{
	const int wanted = p->at_once ? p->at_once : AT_ONCE_DEFAULT;

	if (!probe_maxactive)
		return wanted;
	return min_t(uint, probe_maxactive, p->at_most ? wanted : AT_ONCE_MAX);
}

static int start_named(struct vx_retprobe *p, const char *symbol)
{
	p->rp = (struct kretprobe){
		.kp.symbol_name = symbol,
		.entry_handler = p->entry,
		.handler = p->leave,
		.data_size = p->data_size,
		.maxactive = places(p),
	};
	return register_kretprobe(&p->rp);
}

static int start_one(struct vx_retprobe *p)
{
	int err = start_named(p, p->symbol);

	if (err == -ENOENT && p->or_symbol)
		err = start_named(p, p->or_symbol);
	p->running = !err;
	return p->optional && err == -ENOENT ? 0 : err;
}

static unsigned long missed_by(const struct vx_retprobe *p)
{
	return p->missed + (p->running ? p->rp.nmissed + p->rp.kp.nmissed : 0);
}

unsigned long vx_retprobes_missed(const struct vx_retprobe *p, unsigned int n)
{
	unsigned long sum = 0;

	while (n--)
		sum += missed_by(p++);
	return sum;
}

void vx_retprobes_stop(struct vx_retprobe *p, unsigned int n)
{
	for (; n--; p++) {
		if (!p->running)
			continue;
		unregister_kretprobe(&p->rp);
		p->missed = missed_by(p);
		p->running = false;
	}
}

int vx_retprobes_start(struct vx_retprobe *p, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		const int err = start_one(&p[i]);

		if (err) {
			vx_retprobes_stop(p, i);
			return err;
		}
	}
	return 0;
}

int vx_entryprobe_start(struct vx_entryprobe *p)
{
	int err;

	p->kp = (struct kprobe){ .symbol_name = p->symbol, .pre_handler = p->enter };
	err = register_kprobe(&p->kp);
	p->running = !err;
	return err;
}

unsigned long vx_entryprobe_missed(const struct vx_entryprobe *p)
{
	return p->missed + (p->running ? p->kp.nmissed : 0);
}

void vx_entryprobe_stop(struct vx_entryprobe *p)
{
	if (!p->running)
		return;
	unregister_kprobe(&p->kp);
	p->missed = vx_entryprobe_missed(p);
	p->running = false;
}

int vx_probes_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		const int err = groups[i]->start();

		/* Says nothing of the kernel. */
		if (err == -ENOMEM) {
			pr_err("no memory to find out which operations can be observed\n");
			return err;
		}
		works[i] = !err;
		if (!err)
			groups[i]->stop();
		else
			pr_warn("operations %#llx, detail %#x: no probe on this kernel (%d)\n",
				groups[i]->ops, groups[i]->detail, err);
	}
	return 0;
}

u64 vx_probes_features(void)
{
	u64 features = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if (works[i])
			features |= groups[i]->feature;
	return features;
}

u64 vx_probes_ops(void)
{
	u64 ops = VX_OPS_ALL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if (!works[i] && groups[i]->needed)
			ops &= ~groups[i]->ops;
	return ops;
}

u32 vx_probes_detail(void)
{
	u32 detail = VX_DETAIL_ALL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if (!works[i])
			detail &= ~groups[i]->detail;
	return detail;
}

static bool wants(unsigned int i, u64 ops, u32 detail)
{
	const struct vx_probe_group *g = groups[i];

	return works[i] && (ops & g->ops) && (!g->detail || (detail & g->detail));
}

static void put_below(unsigned int n, u64 ops, u32 detail)
{
	while (n--)
		if (wants(n, ops, detail) && !--users[n])
			groups[n]->stop();
}

int vx_probes_get(u64 ops, u32 detail)
{
	unsigned int i;
	int err = 0;

	if ((ops & ~vx_probes_ops()) || (detail & ~vx_probes_detail()))
		return -EOPNOTSUPP;
	mutex_lock(&lock);
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!wants(i, ops, detail) || users[i]++)
			continue;
		err = groups[i]->start();
		if (err) {
			users[i]--;
			put_below(i, ops, detail);
			break;
		}
	}
	mutex_unlock(&lock);
	return err;
}

void vx_probes_put(u64 ops, u32 detail)
{
	mutex_lock(&lock);
	put_below(ARRAY_SIZE(groups), ops, detail);
	mutex_unlock(&lock);
}

u64 vx_probes_missed(void)
{
	u64 missed = 0;
	unsigned int i;

	mutex_lock(&lock);
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		missed += groups[i]->missed();
	mutex_unlock(&lock);
	return missed;
}
