/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Channels that outlive their owner. A daemon's death is one of their states: the channel goes on,
 * its watches see, its ring fills and counts what it loses, and what the reader noted in the
 * consumer mapping is kept for the next owner.
 *
 * It takes a name, and at least one watch (a daemon that stops in good order has removed them).
 * The limits: the seconds that the owner asked for (VX_LINGER_MAX_S at most), and for the rings of
 * all that linger together an eighth of the memory. Unloading the module ends them: nobody has a
 * file open that would keep it.
 *
 * While a channel lingers its owner is 0. That, ownerless_ns and the list of channels change under
 * vx_channels_lock().
 */
#ifndef VEXFS_LINGER_H
#define VEXFS_LINGER_H

#include "channel.h"

/* 0; -EINVAL: the name or the time in @args cannot be. */
int vx_linger_check(const struct vx_create *args);
/* Under vx_channels_lock(). */
bool vx_linger_named(const char *name);
/*
 * Gives the channel of that name to the calling process, and fills the answer's lingered_ns. NULL:
 * there is none; an ERR_PTR of -EBUSY: somebody has it.
 */
struct vx_channel *vx_linger_take(struct vx_create *args);
/* Of a channel that is being made. */
void vx_linger_init(struct vx_channel *ch, const struct vx_create *args);

#endif
