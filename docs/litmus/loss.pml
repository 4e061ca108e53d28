/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who sees a pending loss finds its account whole: the call that writes it out for a CPU that is
 * not there. (For one that is there, the work runs on that CPU.)
 *
 * stands for: shared/ring.c: account_loss(), write_lost()
 * stands for: shared/ring_reader.c: vx_reader_loss_pending()
 * stands for: kmod/flush.c: pending(), flush_cpu()
 */
#define NO_RELEASE 1    /* broken, not on x86: loss_pending is a store without order */
#define NO_ACQUIRE 2    /* broken, not on x86: loss_pending is a load without order */
#define PENDING_FIRST 3 /* broken: the loss is told before it is accounted */

#define PENDING 0
#define ACCOUNT 1
#define LOCATIONS 2
#define THREADS 2
#define WRITES 2
#include "memory.pml"

#define PRODUCER 0
#define FLUSHER 1

#if BROKEN == NO_RELEASE
#define tell store
#else
#define tell store_release
#endif
#if BROKEN == NO_ACQUIRE
#define ask load
#else
#define ask load_acquire
#endif

active proctype producer()
{
#if BROKEN == PENDING_FIRST
	tell(PRODUCER, PENDING, 1);
	store(PRODUCER, ACCOUNT, 1);
#else
	store(PRODUCER, ACCOUNT, 1);
	tell(PRODUCER, PENDING, 1);
#endif
	settle(PRODUCER)
}

active proctype flusher()
{
	byte pending, account;
	ask(FLUSHER, PENDING, pending);
	load(FLUSHER, ACCOUNT, account);
	assert(pending == 0 || account == 1)
}
