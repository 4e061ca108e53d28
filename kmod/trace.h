/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints vexfs:vexfs_emit (a record was written to a ring: an event, or with type
 * VX_REC_USER what another channel pushed; op, name and what is between are the event's) and
 * vexfs:vexfs_push (a pushed entry was handled).
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vexfs

#if !defined(VEXFS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VEXFS_TRACE_H

#include <linux/tracepoint.h>

#include "abi/command.h"
#include "record.h"

TRACE_EVENT(
	vexfs_emit, TP_PROTO(u64 channel, const struct vx_record *rec, const struct vx_event *e),
	TP_ARGS(channel, rec, e),
	TP_STRUCT__entry(__field(u64, channel) __field(u64, ticket) __field(u64, fsid)
				 __field(u64, ino) __field(u64, parent_ino) __field(u32, flags)
					 __field(u16, op) __field(u16, type)
						 __dynamic_array(char, name, e->name_len + 1)),
	TP_fast_assign(__entry->channel = channel; __entry->ticket = rec->ticket;
		       __entry->fsid = e->fsid; __entry->ino = e->ino;
		       __entry->parent_ino = e->parent_ino; __entry->flags = e->flags;
		       __entry->op = e->rec.op; __entry->type = rec->type;
		       memcpy(__get_dynamic_array(name), vx_event_name(e), e->name_len);
		       ((char *)__get_dynamic_array(name))[e->name_len] = 0;),
	TP_printk("channel=%llu type=%u op=%u ticket=%llu fsid=%llx ino=%llu parent=%llu flags=%x "
		  "name=%s",
		  __entry->channel, __entry->type, __entry->op, __entry->ticket, __entry->fsid,
		  __entry->ino, __entry->parent_ino, __entry->flags,
		  (const char *)__get_dynamic_array(name)));

TRACE_EVENT(vexfs_push, TP_PROTO(u64 channel, const struct vx_push *p, int result, u32 receivers),
	    TP_ARGS(channel, p, result, receivers),
	    TP_STRUCT__entry(__field(u64, channel) __field(u64, user_data) __field(u32, uop_mask)
				     __field(u32, receivers) __field(int, result)
					     __field(u16, uop)),
	    TP_fast_assign(__entry->channel = channel; __entry->user_data = p->user_data;
			   __entry->uop_mask = p->uop_mask; __entry->receivers = receivers;
			   __entry->result = result; __entry->uop = p->uop;),
	    TP_printk("channel=%llu uop=%u uop_mask=%x user_data=%llu receivers=%u result=%d",
		      __entry->channel, __entry->uop, __entry->uop_mask, __entry->user_data,
		      __entry->receivers, __entry->result));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
