// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mount and Unmount. The event's object is the mount point: the directory (or file) that is
 * covered, in the file system where it is. A channel gets it if it watches that file system and the
 * place passes its filter, or else if it watches the file system that is mounted.
 *
 *   path_mount()     mount(2): new mount, bind, remount
 *   do_move_mount()  mount(2) with MS_MOVE, move_mount(2) (a move, or the last step of the new
 *                    mount calls). Where the compiler has made a clone of it with arguments of
 *                    its own, those are not looked at: mounting.h knows what is moved
 *   path_umount()    umount(2)
 *
 * After an unmount neither mount nor mount point need exist any more, and a reference would have
 * made it fail: so all that is told is copied at the entry, and who is told is decided there.
 */
#include <linux/kdev_t.h>
#include <linux/mount.h>
#include <linux/timekeeping.h>
#include <uapi/linux/mount.h>

#include "dirs.h"
#include "emit.h"
#include "filter.h"
#include "mounting.h"
#include "mountpoint.h"
#include "place.h"
#include "probe.h"

#define BOTH (VX_OP_BIT(VX_OP_MOUNT) | VX_OP_BIT(VX_OP_UNMOUNT))
#define PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
#define SOURCE_MAX 512

/*
 * Reports to those that watch where it is mounted, then to the others that watch what is mounted.
 */
static void report(const struct super_block *covered, const struct super_block *mounted,
		   unsigned int op, struct vx_fact *f, struct dentry *at, u64 passed)
{
	struct vx_super *s;
	u64 told = 0;

	vx_for_each_super(s, covered) {
		const u64 bit = 1ull << s->channel->slot;
		const bool pass = at ? vx_filter_at(s, op, 0, at) : passed & bit;

		if (!(READ_ONCE(s->ops) & VX_OP_BIT(op)))
			continue;
		told |= bit;
		vx_report_passed(s, op, f, pass);
	}
	if (!mounted || mounted == covered)
		return;
	f->elsewhere = true;
	vx_for_each_super(s, mounted) {
		const u64 bit = 1ull << s->channel->slot;

		if ((READ_ONCE(s->ops) & VX_OP_BIT(op)) && !(told & bit))
			vx_report_passed(s, op, f, vx_filter_task(s, op));
	}
}

/*
 * What an event carries to a channel that does not watch @sb: what those that do call it. Nobody
 * can be asked where a probe runs, so where nobody watches it, it is the device number.
 */
static u64 fsid_of(const struct super_block *sb)
{
	const struct vx_super *s;

	vx_for_each_super(s, sb)
		return s->fsid;
	return new_encode_dev(sb->s_dev);
}

static void fact_at(struct vx_fact *f, struct dentry *at)
{
	const struct inode *inode = d_inode(at);

	f->inode = d_inode(at);
	f->dentry = at;
	f->fsid = fsid_of(at->d_sb);
	if (inode && S_ISDIR(inode->i_mode))
		f->flags |= VX_F_DIRECTORY;
}

struct mount_call {
	const struct path *path;    /* the caller's, with references */
	const char *source;
	const char *type;
	unsigned long flags;
	bool moves;                 /* do_move_mount()'s leave reports it */
	u64 started;
};

static int mount_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct mount_call *c = (struct mount_call *)ri->data;
	enum vx_mounting_kind kind = VX_MOUNTING_NEW;

	c->source = (const char *)regs_get_kernel_argument(regs, 0);
	c->path = (const struct path *)regs_get_kernel_argument(regs, 1);
	c->type = (const char *)regs_get_kernel_argument(regs, 2);
	c->flags = regs_get_kernel_argument(regs, 3);
	c->started = ktime_get_mono_fast_ns();
	if ((c->flags & MS_MGC_MSK) == MS_MGC_VAL)
		c->flags &= ~MS_MGC_MSK;
	/* In path_mount()'s own order of precedence. */
	if (c->flags & MS_REMOUNT)
		kind = VX_MOUNTING_NEW;
	else if (c->flags & MS_BIND)
		kind = VX_MOUNTING_BIND;
	else if (c->flags & PROPAGATION)
		return 1;
	else if (c->flags & MS_MOVE)
		kind = VX_MOUNTING_MOVE;
	c->moves = kind == VX_MOUNTING_MOVE;
	vx_mounting_begin(kind, c->path);
	return 0;
}
NOKPROBE_SYMBOL(mount_enter);

static u32 mount_flags(unsigned long flags)
{
	return (flags & MS_REMOUNT ? VX_F_REMOUNT : 0) | (flags & MS_BIND ? VX_F_BIND : 0);
}

static int mount_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct mount_call *c = (const struct mount_call *)ri->data;
	struct vx_fact f = {
		.flags = mount_flags(c->flags),
		.more = true,
		.offset = c->flags,
		.started = c->started,
	};
	const struct super_block *mounted = vx_mounting_end();
	struct dentry *at = c->path->dentry;
	struct vfsmount *parent;
	char source[SOURCE_MAX] VX_UNINIT;

	if (c->moves || (int)regs_return_value(regs))
		return 0;
	preempt_disable();
	if (c->flags & MS_REMOUNT) {
		struct dentry *point = vx_mountpoint(c->path->mnt, &parent);

		mounted = at->d_sb;
		if (point)
			at = point;
	}
	fact_at(&f, at);
	f.name2_len = scnprintf(source, sizeof(source), "%s:%s", c->type ? c->type : "",
				c->source ? c->source : "");
	f.name2 = source;
	report(at->d_sb, mounted, VX_OP_MOUNT, &f, at, 0);
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(mount_leave);

struct move_call {
	const struct path *from;    /* the callers', with references */
	const struct path *to;
	bool attached;
	u64 started;
};

static int move_begin(struct move_call *c)
{
	struct vfsmount *parent;

	c->started = ktime_get_mono_fast_ns();
	/* Made by fsmount() or open_tree() and not mounted yet: it hangs nowhere. */
	c->attached = vx_mountpoint(c->from->mnt, &parent);
	return 0;
}
NOKPROBE_SYMBOL(move_begin);

static int move_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct move_call *c = (struct move_call *)ri->data;

	c->from = (const struct path *)regs_get_kernel_argument(regs, 0);
	c->to = (const struct path *)regs_get_kernel_argument(regs, 1);
	return move_begin(c);
}
NOKPROBE_SYMBOL(move_enter);

static int move_enter_clone(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct move_call *c = (struct move_call *)ri->data;

	return vx_mounting_moves(&c->from, &c->to) ? move_begin(c) : 1;
}
NOKPROBE_SYMBOL(move_enter_clone);

static int move_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct move_call *c = (const struct move_call *)ri->data;
	const struct super_block *mounted = c->from->dentry->d_sb;
	struct vx_fact f = { .flags = c->attached ? VX_F_MOVE : 0, .more = true };
	char source[SOURCE_MAX] VX_UNINIT;

	if ((int)regs_return_value(regs))
		return 0;
	preempt_disable();
	fact_at(&f, c->to->dentry);
	f.started = c->started;
	f.name2_len =
		scnprintf(source, sizeof(source), "%s:%s", mounted->s_type->name, mounted->s_id);
	f.name2 = source;
	report(c->to->dentry->d_sb, mounted, VX_OP_MOUNT, &f, c->to->dentry, 0);
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(move_leave);

#define CHAIN_BYTES 3072

/* A directory above the mount point. In the order from there to the root, which has no name. */
struct link {
	u64 ino;
	u32 gen;
	u32 len;      /* of the name that follows, padded to 8 */
};

struct umount_call {
	const struct super_block *covered;  /* both only compared */
	const struct super_block *mounted;
	/* channels (slots) whose filter lets the mount point pass */
	u64 passed;
	u64 fsid;
	u64 started;
	struct vx_object point;
	struct vx_place place;
	int flags;
	u32 chain_len;                      /* 0: too long, or nobody to be told */
	u64 name[VX_PLACE_NAME / 8];
	char chain[CHAIN_BYTES] __aligned(8);
};

static u32 copy_chain(struct dentry *dir, char *chain)
{
	struct vx_place place;
	u32 used = 0;

	for (;;) {
		struct link *l = (struct link *)(chain + used);
		const struct inode *inode = d_inode_rcu(dir);

		if (!inode || used + sizeof(*l) + NAME_MAX + 1 > CHAIN_BYTES)
			return 0;
		vx_place_read(dir, &place, (u64 *)(l + 1));
		l->ino = inode->i_ino;
		l->gen = inode->i_generation;
		l->len = place.parent == dir ? 0 : place.len;
		used += sizeof(*l) + VX_ALIGN8(l->len);
		if (place.parent == dir)
			return used;
		dir = place.parent;
	}
}

static int umount_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct umount_call *c = (struct umount_call *)ri->data;
	const struct path *path = (const struct path *)regs_get_kernel_argument(regs, 0);
	struct vfsmount *parent;
	struct dentry *at = vx_mountpoint(path->mnt, &parent);
	const struct inode *inode;
	struct vx_super *s;

	c->started = ktime_get_mono_fast_ns();
	c->flags = (int)regs_get_kernel_argument(regs, 1);
	c->mounted = path->mnt->mnt_sb;
	if (!at)
		at = path->mnt->mnt_root;
	/* Somebody else may have unmounted it in the meantime, and removed the place. */
	inode = d_inode_rcu(at);
	if (!inode)
		return 1;
	c->covered = at->d_sb;
	if (!vx_super_watched(c->covered, BOTH) && !vx_super_watched(c->mounted, BOTH))
		return 1;
	c->passed = 0;
	vx_for_each_super(s, c->covered)
		if (vx_filter_at(s, VX_OP_UNMOUNT, 0, at))
			c->passed |= 1ull << s->channel->slot;
	vx_place_read(at, &c->place, c->name);
	if (c->place.parent == at)
		c->place.len = 0;
	c->chain_len = c->passed ? copy_chain(c->place.parent, c->chain) : 0;
	c->fsid = fsid_of(at->d_sb);
	vx_object_read(&c->point, inode);
	return 0;
}
NOKPROBE_SYMBOL(umount_enter);

static void announce_chain(const struct umount_call *c)
{
	const u64 now = ktime_get_mono_fast_ns();
	struct vx_super *s;
	u32 at;

	vx_for_each_super(s, c->covered) {
		if (!(c->passed >> s->channel->slot & 1))
			continue;
		for (at = 0; at < c->chain_len;) {
			const struct link *l = (const struct link *)(c->chain + at);
			const struct link *up =
				(const struct link *)((const char *)(l + 1) + VX_ALIGN8(l->len));
			const bool root = (const char *)up >= c->chain + c->chain_len;
			const struct vx_dirs_copy copy = {
				.ino = l->ino,
				.gen = l->gen,
				.parent_ino = root ? 0 : up->ino,
				.parent_gen = root ? 0 : up->gen,
				.name = (const char *)(l + 1),
				.len = l->len,
			};

			vx_dirs_announce_copy(s, smp_processor_id(), VX_CLASS_M, &copy, now);
			at = (const char *)up - c->chain;
		}
	}
}

static int umount_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct umount_call *c = (const struct umount_call *)ri->data;
	const struct qstr name = QSTR_INIT((const char *)c->name, c->place.len);
	struct vx_fact f = {
		.more = true,
		.copy = &c->point,
		.parent_ino = c->place.ino,
		.parent_gen = c->place.gen,
		.name = &name,
		.fsid = c->fsid,
		.flags = (c->flags & MNT_DETACH ? VX_F_LAZY : 0) |
			 (S_ISDIR(c->point.mode) ? VX_F_DIRECTORY : 0),
		.offset = c->flags,
		.started = c->started,
	};

	if ((int)regs_return_value(regs))
		return 0;
	preempt_disable();
	announce_chain(c);
	report(c->covered, c->mounted, VX_OP_UNMOUNT, &f, NULL, c->passed);
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(umount_leave);

static struct vx_retprobe probes[] = {
	{ .symbol = "path_mount", .entry = mount_enter, .leave = mount_leave,
	  .data_size = sizeof(struct mount_call), .at_once = VX_MOUNTINGS, .at_most = true },
	{ .symbol = "do_move_mount", .entry = move_enter, .leave = move_leave,
	  .data_size = sizeof(struct move_call), .at_once = VX_MOUNTINGS, .at_most = true,
	  .optional = true },
	{ .symbol = "do_move_mount.isra.0", .entry = move_enter_clone, .leave = move_leave,
	  .data_size = sizeof(struct move_call), .at_once = VX_MOUNTINGS, .at_most = true,
	  .optional = true },
	{ .symbol = "path_umount", .entry = umount_enter, .leave = umount_leave,
	  .data_size = sizeof(struct umount_call), .at_once = VX_MOUNTINGS, .at_most = true },
};

static int start(void)
{
	int err = vx_mounting_start();

	if (err)
		return err;
	err = vx_retprobes_start(probes, ARRAY_SIZE(probes));
	if (err)
		vx_mounting_stop();
	return err;
}

static void stop(void)
{
	vx_retprobes_stop(probes, ARRAY_SIZE(probes));
	vx_mounting_stop();
}

static unsigned long missed(void)
{
	return vx_retprobes_missed(probes, ARRAY_SIZE(probes)) + vx_mounting_missed();
}

const struct vx_probe_group vx_probe_mount = {
	.ops = BOTH,
	.feature = VX_FEATURE_MOUNT_PROBE,
	.needed = true,
	.start = start,
	.stop = stop,
	.missed = missed,
};
