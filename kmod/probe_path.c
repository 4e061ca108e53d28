// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on names and attributes: when they begin, and how they fail. The functions behind the
 * system calls (and behind io_uring) say how each ended; the walk along a path, the look-up of a
 * parent and that of a name in it say, in between, what it was about:
 *
 *   terminate_walk()        where a walk ended: at what is opened, or at what was in its way
 *   __filename_parentat()   the parent and the name of what is to be made, removed or renamed
 *   lookup_one_qstr_excl()  what has that name
 */
#include "call.h"
#include "detail.h"
#include "notes.h"
#include "walk.h"

#define PATH_OPS                                                                            \
	(VX_OP_BIT(VX_OP_FILE_OPEN) | VX_OP_BIT(VX_OP_FILE_CREATE) |                        \
	 VX_OP_BIT(VX_OP_FILE_DELETE) | VX_OP_BIT(VX_OP_FILE_RENAME) |                      \
	 VX_OP_BIT(VX_OP_FILE_CHMOD) | VX_OP_BIT(VX_OP_FILE_CHOWN) |                        \
	 VX_OP_BIT(VX_OP_FILE_TRUNCATE) | VX_OP_BIT(VX_OP_DIR_CREATE) |                     \
	 VX_OP_BIT(VX_OP_DIR_DELETE) | VX_OP_BIT(VX_OP_SYMLINK_CREATE) |                    \
	 VX_OP_BIT(VX_OP_HARDLINK_CREATE))

struct outer {
	struct vx_call *call;
};

static int begin(struct kretprobe_instance *ri, struct dentry *held)
{
	const struct vx_retprobe *p = vx_retprobe_of(ri);
	struct outer *o = (struct outer *)ri->data;

	if (!p || (held && !vx_super_detailed(held->d_sb, VX_DETAIL_ALL, VX_OP_BIT(p->op))))
		return 1;
	o->call = vx_call_begin(p->op, held);
	return !o->call;
}
NOKPROBE_SYMBOL(begin);

static const struct filename *name_arg(struct pt_regs *regs, unsigned int n)
{
	return (const struct filename *)regs_get_kernel_argument(regs, n);
}

static int path_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct outer *o = (struct outer *)ri->data;

	if (begin(ri, NULL))
		return 1;
	o->call->name[0] = name_arg(regs, o->call->op == VX_OP_SYMLINK_CREATE ? 2 : 1);
	if (o->call->op == VX_OP_FILE_RENAME || o->call->op == VX_OP_HARDLINK_CREATE)
		o->call->name[1] = name_arg(regs, 3);
	return 0;
}
NOKPROBE_SYMBOL(path_enter);

/* Of functions whose first argument is where a path has led to already. */
static int at_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return begin(ri, ((const struct path *)regs_get_kernel_argument(regs, 0))->dentry);
}
NOKPROBE_SYMBOL(at_enter);

static int truncate_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return begin(ri, (struct dentry *)regs_get_kernel_argument(regs, 1));
}
NOKPROBE_SYMBOL(truncate_enter);

/*
 * Before 6.8 who watches is notified of an open after the function that does it has returned: a
 * note for the hook says when it began.
 */
static VX_NOTES(opens);

static void opened(const struct vx_call *c, const struct file *file)
{
	struct vx_note n = { .key = file->f_path.dentry, .started = c->started };

	if (!c->told && !(file->f_mode & FMODE_PATH) &&
	    vx_super_detailed(file->f_path.dentry->d_sb, VX_DETAIL_DURATION,
			      VX_OP_BIT(VX_OP_FILE_OPEN)))
		vx_notes_write(&opens, &n);
}

void vx_probe_paths_add(unsigned int op, struct vx_fact *f)
{
	struct vx_call *c = vx_call_current();
	struct vx_note n;

	if (c) {
		c->told |= op == VX_OP_FILE_OPEN;
		f->started = c->started;
	} else if (op == VX_OP_FILE_OPEN && f->dentry && vx_notes_find(&opens, f->dentry, &n)) {
		f->started = n.started;
	}
}

/* An errno, or with the pointers that some return: no errno. */
static int leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct outer *o = (const struct outer *)ri->data;
	const long result = o->call->op == VX_OP_FILE_OPEN ? (long)regs_return_value(regs)
							   : (int)regs_return_value(regs);

	preempt_disable();
	if (vx_call_failed(result))
		vx_call_report(o->call, result);
	else if (o->call->op == VX_OP_FILE_OPEN && !IS_ERR_VALUE(result))
		opened(o->call, (const struct file *)result);
	vx_slots_give(o->call);
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(leave);

static bool is_dots(const struct qstr *name)
{
	return !name->len || (name->name[0] == '.' &&
			      (name->len == 1 || (name->len == 2 && name->name[1] == '.')));
}

static bool part_of(const struct qstr *name, const struct filename *path)
{
	const char *text = (const char *)name->name;

	return path && !IS_ERR(path) && text >= path->name &&
	       text < path->name + strnlen(path->name, PATH_MAX);
}

static bool is_name_of(struct dentry *dentry, const struct qstr *name)
{
	bool same;

	spin_lock(&dentry->d_lock);
	same = dentry->d_name.len == name->len &&
	       !memcmp(dentry->d_name.name, name->name, name->len);
	spin_unlock(&dentry->d_lock);
	return same;
}

/*
 * Was @name looked for in @dir? Its hash says in which directory it was. A name out of a symbolic
 * link may be gone with the link's text, and is not looked at: then the answer is no.
 */
static bool looked_for_in(const struct vx_call *c, struct dentry *dir, const struct qstr *name)
{
	if (!part_of(name, c->name[0]) && !part_of(name, c->name[1]))
		return false;
	if (is_dots(name))
		return false;
	if (dir->d_flags & DCACHE_OP_HASH)
		return !is_name_of(dir, name);
	return full_name_hash(dir, name->name, name->len) == name->hash;
}

static int walk_ends(struct kprobe *kp, struct pt_regs *regs)
{
	const void *walk = (const void *)regs_get_kernel_argument(regs, 0);
	struct vx_call *c = vx_call_current();
	struct dentry *at;
	struct qstr last;

	vx_walk_seen(walk);
	if (!c || c->dentry || !vx_walk_read(walk, &at, &last))
		return 0;
	if (looked_for_in(c, at, &last))
		vx_call_at_name(c, at, &last, true);
	else
		vx_call_at(c, at);
	return 0;
}
NOKPROBE_SYMBOL(walk_ends);

struct parent_call {
	const struct path *parent;    /* filled by the function; both are the caller's */
	const struct qstr *last;
};

static int parent_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct parent_call *p = (struct parent_call *)ri->data;

	p->parent = (const struct path *)regs_get_kernel_argument(regs, 3);
	p->last = (const struct qstr *)regs_get_kernel_argument(regs, 4);
	return !vx_call_current();
}
NOKPROBE_SYMBOL(parent_enter);

static int parent_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const struct parent_call *p = (const struct parent_call *)ri->data;
	struct vx_call *c = vx_call_current();

	if (!c || c->dentry || (int)regs_return_value(regs))
		return 0;
	preempt_disable();
	vx_call_at_name(c, p->parent->dentry, p->last, false);
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(parent_leave);

static int name_enter(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	return !vx_call_current();
}
NOKPROBE_SYMBOL(name_enter);

static int name_leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct dentry *found = (struct dentry *)regs_return_value(regs);
	struct vx_call *c = vx_call_current();

	if (!c || c->dentry || IS_ERR_OR_NULL(found))
		return 0;
	preempt_disable();
	vx_call_object(c, found);
	preempt_enable();
	return 0;
}
NOKPROBE_SYMBOL(name_leave);

static struct vx_entryprobe on_walk = { .symbol = "terminate_walk", .enter = walk_ends };

static struct vx_retprobe inner[] = {
	{ .symbol = "__filename_parentat", .or_symbol = "filename_parentat",
	  .entry = parent_enter, .leave = parent_leave,
	  .data_size = sizeof(struct parent_call), .at_once = 512 },
	{ .symbol = "lookup_one_qstr_excl", .entry = name_enter, .leave = name_leave,
	  .at_once = 512 },
};

#define OUTER(o, name, newer, enters)                                                       \
	{                                                                                   \
		.symbol = (name), .or_symbol = (newer), .op = VX_OP_##o, .entry = (enters), \
		.leave = leave, .data_size = sizeof(struct outer), .at_once = 512           \
	}

static struct vx_retprobe outer[] = {
	OUTER(FILE_OPEN, "do_filp_open", "do_file_open", path_enter),
	OUTER(FILE_CREATE, "do_mknodat", "filename_mknodat", path_enter),
	OUTER(FILE_DELETE, "do_unlinkat", "filename_unlinkat", path_enter),
	OUTER(FILE_RENAME, "do_renameat2", "filename_renameat2", path_enter),
	OUTER(DIR_CREATE, "do_mkdirat", "filename_mkdirat", path_enter),
	OUTER(DIR_DELETE, "do_rmdir", "filename_rmdir", path_enter),
	OUTER(SYMLINK_CREATE, "do_symlinkat", "filename_symlinkat", path_enter),
	OUTER(HARDLINK_CREATE, "do_linkat", "filename_linkat", path_enter),
	OUTER(FILE_CHMOD, "chmod_common", NULL, at_enter),
	OUTER(FILE_CHOWN, "chown_common", NULL, at_enter),
	OUTER(FILE_TRUNCATE, "vfs_truncate", NULL, at_enter),
	OUTER(FILE_TRUNCATE, "do_truncate", NULL, truncate_enter),
};

static void stop_inner(void)
{
	vx_retprobes_stop(inner, ARRAY_SIZE(inner));
	vx_entryprobe_stop(&on_walk);
	vx_slots_stop(&vx_calls, NULL);
	vx_notes_clear(&opens);
}

static int start_inner(void)
{
	int err = vx_slots_start(&vx_calls);

	if (err)
		return err;
	err = vx_entryprobe_start(&on_walk);
	if (!err && !vx_walk_check())
		err = -EOPNOTSUPP;
	if (!err)
		err = vx_retprobes_start(inner, ARRAY_SIZE(inner));
	if (err)
		stop_inner();
	return err;
}

static int start(void)
{
	int err = start_inner();

	if (err)
		return err;
	err = vx_retprobes_start(outer, ARRAY_SIZE(outer));
	if (err)
		stop_inner();
	return err;
}

static void stop(void)
{
	vx_retprobes_stop(outer, ARRAY_SIZE(outer));
	stop_inner();
}

static unsigned long missed(void)
{
	return vx_retprobes_missed(outer, ARRAY_SIZE(outer)) +
	       vx_retprobes_missed(inner, ARRAY_SIZE(inner)) + vx_entryprobe_missed(&on_walk) +
	       atomic_long_read(&vx_calls.missed) + vx_notes_lost(&opens);
}

const struct vx_probe_group vx_probe_paths = {
	.ops = PATH_OPS,
	.detail = VX_DETAIL_FAILED | VX_DETAIL_DURATION,
	.start = start,
	.stop = stop,
	.missed = missed,
};
