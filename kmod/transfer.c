// SPDX-License-Identifier: GPL-2.0-only
/* Calls that move data. The contract is in transfer.h. */
#include <linux/timekeeping.h>

#include "call.h"
#include "detail.h"
#include "emit.h"
#include "filter.h"
#include "transfer.h"

struct vx_slots vx_transfers = { .size = sizeof(struct vx_transfer) };

static const unsigned int side_op[] = {
	[VX_SIDE_READ] = VX_OP_FILE_READ,
	[VX_SIDE_WRITTEN] = VX_OP_FILE_WRITE,
};

struct vx_transfer *vx_transfer_begin(unsigned int op, enum vx_transfer_kind kind)
{
	struct vx_transfer *t = vx_slots_find(&vx_transfers) ? NULL : vx_slots_take(&vx_transfers);

	if (!t)
		return NULL;
	t->op = op;
	t->kind = kind;
	t->started = ktime_get_mono_fast_ns();
	memset(t->side, 0, sizeof(t->side));
	return t;
}

void vx_transfer_side(struct vx_transfer *t, unsigned int side, struct file *file,
		      const loff_t *pos)
{
	t->side[side] = (struct vx_side){
		.file = file,
		.dentry = file->f_path.dentry,
		.pos = pos,
		.offset = pos ? *pos : 0,
	};
}

static void put_range(const struct vx_super *s, unsigned int op, struct vx_fact *f,
		      const struct vx_side *side)
{
	if (!((READ_ONCE(s->ops_range) >> op) & 1))
		return;
	f->offset = side->offset;
	f->length = side->length;
}

bool vx_transfer_add(struct vx_super *s, unsigned int op, struct vx_fact *f)
{
	struct vx_transfer *t = vx_slots_find(&vx_transfers);
	unsigned int i;

	if (!t)
		return false;
	for (i = 0; i < VX_SIDES; i++) {
		struct vx_side *side = &t->side[i];

		if (op != side_op[i] || !side->file || side->dentry != f->dentry)
			continue;
		if (!side->done) {
			side->told |= 1ull << s->channel->slot;
			return true;
		}
		vx_fact_more(f);
		put_range(s, op, f, side);
		f->started = t->started;
		return false;
	}
	if (t->op == op) {
		vx_fact_more(f);
		f->started = t->started;
	}
	return false;
}

bool vx_detail_add(struct vx_super *s, unsigned int op, struct vx_fact *f)
{
	switch (op) {
	case VX_OP_FILE_READ:
	case VX_OP_FILE_WRITE:
	case VX_OP_DIR_READ:
	case VX_OP_FILE_CLOSE:
		return vx_transfer_add(s, op, f);
	default:
		vx_fact_more(f);
		vx_probe_paths_add(op, f);
		return false;
	}
}

static struct vx_fact fact_of(const struct vx_transfer *t, const struct vx_side *side)
{
	struct inode *inode = file_inode(side->file);

	return (struct vx_fact){
		.inode = d_inode(side->file->f_path.dentry),
		.dentry = side->file->f_path.dentry,
		.flags = S_ISDIR(inode->i_mode) ? VX_F_DIRECTORY : 0,
		.more = true,
		.started = t->started,
	};
}

static void report_done(const struct vx_transfer *t, const struct vx_side *side, unsigned int op)
{
	struct vx_super *s;

	vx_for_each_super(s, side->dentry->d_sb) {
		struct vx_fact f = fact_of(t, side);

		if (!((side->told >> s->channel->slot) & 1))
			continue;
		put_range(s, op, &f, side);
		vx_report(s, op, &f);
	}
}

/* Of a copy, the side that it was to be written to. */
static const struct vx_side *failed_side(const struct vx_transfer *t)
{
	const struct vx_side *written = &t->side[VX_SIDE_WRITTEN];

	return written->file ? written : &t->side[VX_SIDE_READ];
}

static void report_failed(const struct vx_transfer *t, int error)
{
	const struct vx_side *side = failed_side(t);
	struct vx_super *s;
	struct vx_fact f;

	if (!side->file)
		return;
	f = fact_of(t, side);
	f.error = error;
	vx_for_each_super(s, side->dentry->d_sb)
		if ((READ_ONCE(s->ops_failed) >> t->op) & 1)
			vx_report_passed(s, t->op, &f,
					 vx_filter(s, t->op, VX_DETAIL_FAILED, &f));
}

void vx_transfer_done(struct vx_transfer *t, long result)
{
	u64 told = 0;
	unsigned int i;

	for (i = 0; i < VX_SIDES; i++) {
		struct vx_side *side = &t->side[i];

		if (!side->file)
			continue;
		if (result > 0) {
			side->length = result;
			if (side->pos && *side->pos >= result)
				side->offset = *side->pos - result;
		}
		side->done = true;
		told |= side->told;
		if (side->told)
			report_done(t, side, side_op[i]);
		side->told = 0;
	}
	if (!told && vx_call_failed(result))
		report_failed(t, result);
}

bool vx_transfer_marked(const void *slot)
{
	const struct vx_transfer *t = slot;

	return t->side[VX_SIDE_READ].told || t->side[VX_SIDE_WRITTEN].told;
}
