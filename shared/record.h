/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Building and checking event records: the same code on both sides of the boundary. */
#ifndef VEXFS_RECORD_H
#define VEXFS_RECORD_H

#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#include "abi/event.h"

VX_BEGIN_DECLS

/*
 * Bytes of the fixed part of an event of @op: struct vx_event, for FileRename with struct
 * vx_rename.
 */
static inline __u32 vx_event_fixed(__u32 op)
{
	return (__u32)(sizeof(struct vx_event) +
		       (op == VX_OP_FILE_RENAME ? sizeof(struct vx_rename) : 0));
}

/* Bytes of the whole record of @op with names of these lengths (bytes). */
static inline __u32 vx_event_len(__u32 op, __u32 name_len, __u32 name2_len)
{
	return (vx_event_fixed(op) + name_len + name2_len + 7u) & ~7u;
}

/* The part behind a FileRename; NULL for every other operation. */
static inline struct vx_rename *vx_event_rename(struct vx_event *e)
{
	return e->rec.op == VX_OP_FILE_RENAME ? (struct vx_rename *)(e + 1) : (struct vx_rename *)0;
}

static inline const struct vx_rename *vx_event_rename_const(const struct vx_event *e)
{
	return e->rec.op == VX_OP_FILE_RENAME ? (const struct vx_rename *)(e + 1)
					      : (const struct vx_rename *)0;
}

/* The names of a record: e->name_len and e->name2_len bytes, not zero terminated. */
static inline const char *vx_event_name(const struct vx_event *e)
{
	return (const char *)e + vx_event_fixed(e->rec.op);
}

static inline const char *vx_event_name2(const struct vx_event *e)
{
	return vx_event_name(e) + e->name_len;
}

/* The lost->dirty directories of an account. */
static inline const struct vx_dirty *vx_lost_dirs(const struct vx_lost *lost)
{
	return (const struct vx_dirty *)(lost + 1);
}

static inline const char *vx_dir_name(const struct vx_dir *d)
{
	return (const char *)(d + 1);
}

/*
 * Puts the names behind the fixed part of @e, whose rec.op is set, with zero padding, and sets
 * name_len, name2_len, rec.len. Lengths in bytes, at most VX_NAME_MAX and VX_NAME2_MAX. Returns
 * rec.len.
 */
static inline __u32 vx_event_strings(struct vx_event *e, const char *name, __u32 name_len,
				     const char *name2, __u32 name2_len)
{
	char *at = (char *)e + vx_event_fixed(e->rec.op);
	const __u32 len = vx_event_len(e->rec.op, name_len, name2_len);

	/* The last word first: whatever the names do not cover of it is then zero. */
	if (name_len + name2_len)
		memset((char *)e + len - 8, 0, 8);
	if (name_len)
		memcpy(at, name, name_len);
	if (name2_len)
		memcpy(at + name_len, name2, name2_len);
	e->name_len = (__u16)name_len;
	e->name2_len = (__u16)name2_len;
	e->rec.len = len;
	return len;
}

/*
 * The same when @name_len bytes of name stand in their place already, zero padded to 8.
 */
static inline __u32 vx_event_append(struct vx_event *e, __u32 name_len, const void *name2,
				    __u32 name2_len)
{
	const __u32 len = vx_event_len(e->rec.op, name_len, name2_len);

	if (name2_len) {
		/* The name's own padding is zero; behind it is what was there before. */
		if (len != vx_event_len(e->rec.op, name_len, 0))
			memset((char *)e + len - 8, 0, 8);
		memcpy((char *)e + vx_event_fixed(e->rec.op) + name_len, name2, name2_len);
	}
	e->name_len = (__u16)name_len;
	e->name2_len = (__u16)name2_len;
	e->rec.len = len;
	return len;
}

/*
 * Checks a record that was not built here. @avail: bytes that can be read from @record, which is
 * aligned to 8. Returns 0, or
 *   -EBADMSG  its length cannot be believed: shorter than its parts, not a multiple of 8, above
 *             @avail or VX_EVENT_MAX
 *   -EPROTO   not VX_REC_EVENT, or an operation that is none of the 18
 *   -EINVAL   a flag that does not exist, a positive error, a name with '/' or a zero byte, padding
 *             that is not zero
 *   -ENAMETOOLONG  a name above its limit
 */
int vx_event_check(const void *record, __u64 avail);

VX_END_DECLS

#endif
