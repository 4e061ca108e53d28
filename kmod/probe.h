/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fsnotify does not tell comes from probes on kernel functions. A probe costs everybody who
 * calls the function, so it is there only while some watch wants what it tells, and its entry
 * handler leaves at once for super blocks that nobody watches.
 *
 * Handlers run with preemption off, and never sleep. Entry handlers may run in a breakpoint's
 * context: they remember, the return handlers report.
 */
#ifndef VEXFS_PROBE_H
#define VEXFS_PROBE_H

#include <linux/kprobes.h>

#include "fact.h"

/*
 * A kretprobe that is started and stopped; the fields of struct kretprobe are set anew at each
 * start.
 */
struct vx_retprobe {
	const char *symbol;
	const char *or_symbol;    /* what other kernels call it, or NULL */
	unsigned int op;          /* for the handlers, see vx_retprobe_of() */
	kretprobe_handler_t entry;
	kretprobe_handler_t leave;
	size_t data_size;
	int at_once;              /* calls that can be under way at one time; 0: a default */
	bool at_most;             /* what the calls leave elsewhere has no more places than that */
	bool optional;            /* the kernel may not have the function */
	bool running;
	unsigned long missed;     /* by earlier runs */
	struct kretprobe rp;
};

/* Starts @n of them, or none. 0 or an errno. */
int vx_retprobes_start(struct vx_retprobe *p, unsigned int n);
void vx_retprobes_stop(struct vx_retprobe *p, unsigned int n);
unsigned long vx_retprobes_missed(const struct vx_retprobe *p, unsigned int n);

/* Whose handler is running with @ri; NULL when it is just being stopped. */
static inline const struct vx_retprobe *vx_retprobe_of(struct kretprobe_instance *ri)
{
	struct kretprobe *rp = get_kretprobe(ri);

	return rp ? container_of(rp, struct vx_retprobe, rp) : NULL;
}

/* The same for a probe on a function's entry. */
struct vx_entryprobe {
	const char *symbol;
	kprobe_pre_handler_t enter;
	bool running;
	unsigned long missed;
	struct kprobe kp;
};

int vx_entryprobe_start(struct vx_entryprobe *p);
void vx_entryprobe_stop(struct vx_entryprobe *p);
unsigned long vx_entryprobe_missed(const struct vx_entryprobe *p);

/* Probes that belong together. A row of the table in probe.c. */
struct vx_probe_group {
	u64 ops;                  /* started while a watch wants one of these */
	u32 detail;               /* and one of these (VX_DETAIL_*); 0: in any case */
	u64 feature;              /* VX_FEATURE_* */
	bool needed;              /* without it the operations cannot be observed at all */
	int (*start)(void);
	void (*stop)(void);
	unsigned long (*missed)(void);
};

extern const struct vx_probe_group vx_probe_attr, vx_probe_mount, vx_probe_sync, vx_probe_rename,
	vx_probe_symlink, vx_probe_calls, vx_probe_paths, vx_probe_io;

/* Finds out which groups work on this kernel, by starting and stopping each. 0 or -ENOMEM. */
int vx_probes_init(void);
u64 vx_probes_features(void);
/* VX_OP_BIT()s that can be observed on this kernel. */
u64 vx_probes_ops(void);
/* The same for VX_DETAIL_*. */
u32 vx_probes_detail(void);

/*
 * A watch that wants @ops with @detail comes: 0, or -EOPNOTSUPP when one of them cannot be observed
 * here, or another errno.
 */
int vx_probes_get(u64 ops, u32 detail);
void vx_probes_put(u64 ops, u32 detail);
/* Hits that could not be delivered since the module was loaded. */
u64 vx_probes_missed(void);

/*
 * Completes a FileRename by what the probe on vfs_rename() saw: replaced target, exchange.
 * Preemption off.
 */
void vx_probe_rename_read(struct vx_fact *f, const struct dentry *moved);
/* Completes a SymlinkCreate by the link's target. Preemption off. */
void vx_probe_symlink_read(struct vx_fact *f, const struct dentry *link);

/* Calls are under way of which the kernel tells not exactly once. */
extern atomic_t vx_calls_under_way;
/*
 * Is this FileRead or FileWrite of @dentry to be told to the channel in @slot? False for the second
 * report of one call.
 */
bool vx_probe_calls_pass(unsigned int op, const struct dentry *dentry, unsigned int slot);

#endif
