// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Checking event records that come from elsewhere. The contract is in record.h. */
#include "record.h"

#ifdef __KERNEL__
#include <linux/errno.h>
#else
#include <errno.h>
#endif

#define ERRNO_MAX 4095

static int name_ok(const char *name, __u32 len)
{
	return !len || (!memchr(name, '/', len) && !memchr(name, 0, len));
}

static int zero(const char *p, __u32 n)
{
	while (n--)
		if (*p++)
			return 0;
	return 1;
}

int vx_event_check(const void *record, __u64 avail)
{
	const struct vx_event *e = (const struct vx_event *)record;
	__u32 len, used;

	if (avail < sizeof(*e))
		return -EBADMSG;
	len = e->rec.len;
	if (len < sizeof(*e) || len > avail || len > VX_EVENT_MAX || (len & 7))
		return -EBADMSG;
	if (e->rec.type != VX_REC_EVENT || e->rec.op >= VX_OP_COUNT)
		return -EPROTO;
	if (e->name_len > VX_NAME_MAX || e->name2_len > VX_NAME2_MAX)
		return -ENAMETOOLONG;
	if (len != vx_event_len(e->rec.op, e->name_len, e->name2_len))
		return -EBADMSG;
	if ((e->flags & ~VX_F_ALL) || e->error > 0 || e->error < -ERRNO_MAX)
		return -EINVAL;
	if (!name_ok(vx_event_name(e), e->name_len))
		return -EINVAL;
	if (e->rec.op == VX_OP_FILE_RENAME && !name_ok(vx_event_name2(e), e->name2_len))
		return -EINVAL;
	used = vx_event_fixed(e->rec.op) + e->name_len + e->name2_len;
	return zero((const char *)e + used, len - used) ? 0 : -EINVAL;
}
