// SPDX-License-Identifier: GPL-2.0-only
/* Events from fsnotify. Runs in the middle of the file operation, often with a directory locked. */
#include "capture.h"
#include "classify.h"
#include "detail.h"
#include "dirs.h"
#include "emit.h"
#include "inject.h"
#include "probe.h"
#include "super.h"

#define ON_NAMES (FS_CREATE | FS_DELETE | FS_RENAME)

static const struct {
	u64 ops;
	u32 mask;
} wants[] = {
	{VX_OP_BIT(VX_OP_FILE_OPEN), FS_OPEN},
	{VX_OP_BIT(VX_OP_FILE_CLOSE), FS_CLOSE_WRITE | FS_CLOSE_NOWRITE},
	{VX_OP_BIT(VX_OP_FILE_READ) | VX_OP_BIT(VX_OP_DIR_READ), FS_ACCESS},
	{VX_OP_BIT(VX_OP_FILE_WRITE), FS_MODIFY},
	{VX_OP_BIT(VX_OP_FILE_CREATE) | VX_OP_BIT(VX_OP_DIR_CREATE) |
		 VX_OP_BIT(VX_OP_SYMLINK_CREATE) | VX_OP_BIT(VX_OP_HARDLINK_CREATE),
	 FS_CREATE},
	{VX_OP_BIT(VX_OP_FILE_DELETE) | VX_OP_BIT(VX_OP_DIR_DELETE), FS_DELETE},
};

u32 vx_capture_mask(u64 ops)
{
	/*
	 * Renames in any case: a directory that moves unreported makes what was said of it untrue
	 * (dirs.h).
	 */
	u32 mask = FS_RENAME;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wants); i++)
		if (ops & wants[i].ops)
			mask |= wants[i].mask;
	return mask;
}

int vx_capture(struct fsnotify_group *group, u32 mask, const void *data, int data_type,
	       struct inode *dir, const struct qstr *name, u32 cookie,
	       struct fsnotify_iter_info *iter_info)
{
	struct fsnotify_mark *mark = fsnotify_iter_sb_mark(iter_info);
	struct vx_super *s;
	struct vx_fact f VX_UNINIT;
	unsigned int op;

	if (unlikely(!mark || vx_inject_is_mine()))
		return 0;
	/* The CPU's sub-rings have one writer at a time only as long as no interrupt writes. */
	if (WARN_ON_ONCE(!in_task()))
		return 0;
	s = container_of(mark, struct vx_super, mark);
	if (data_type == FSNOTIFY_EVENT_PATH && likely(!(mask & ON_NAMES)))
		op = vx_classify_open(&f, mask, data);
	else
		op = vx_classify(&f, mask, data, data_type, dir, name);
	if (unlikely(op == VX_OP_NONE))
		return 0;
	if (unlikely(atomic_read(&vx_calls_under_way)) && f.dentry &&
	    (op == VX_OP_FILE_READ || op == VX_OP_FILE_WRITE) &&
	    !vx_probe_calls_pass(op, f.dentry, s->channel->slot))
		return 0;
	preempt_disable();
	if (unlikely(op == VX_OP_FILE_RENAME))
		vx_probe_rename_read(&f, fsnotify_data_dentry(data, data_type));
	else if (unlikely(op == VX_OP_SYMLINK_CREATE))
		vx_probe_symlink_read(&f, fsnotify_data_dentry(data, data_type));
	if (likely(!vx_detail(s, op, &f)))
		vx_report(s, op, &f);
	preempt_enable();
	return 0;
}
