/* SPDX-License-Identifier: GPL-2.0-only */
/* The push ring: events that a process sends to the kernel (shared/abi/command.h). */
#ifndef VEXFS_PUSH_H
#define VEXFS_PUSH_H

#include "channel.h"

int vx_push_init(struct vx_pusher *p, u64 size);
void vx_push_free(struct vx_pusher *p);

/* VX_IOC_PUSH. 0 or an errno; @call is answered in either case. */
int vx_push(struct vx_channel *ch, struct vx_push_call *call);

#endif
