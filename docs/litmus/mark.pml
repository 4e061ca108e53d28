/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A barrier's mark has all that had happened when it was asked for. Who asks has seen the operation
 * return, and asks by something that orders (a socket): that is relied on, the mark itself is made
 * of loads without order.
 *
 * stands for: shared/ring.h: vx_ring_attempt(), vx_ring_take_ticket()
 * stands for: shared/ring_reader.c: vx_reader_mark(), vx_reader_passed()
 */
#define NO_RELEASE 1 /* broken, not on x86: what asks for the mark does not order */
#define NO_ACQUIRE 2 /* broken, not on x86: what it asks by does not order */
#define COUNT_LATE 3 /* broken: an attempt is counted when it has returned */

#define ATTEMPTED 0
#define TICKETS 1
#define ASKED 2
#define LOCATIONS 3
#define THREADS 2
#define WRITES 2
#include "memory.pml"

#define PRODUCER 0
#define READER 1

#if BROKEN == NO_RELEASE
#define tell store
#else
#define tell store_release
#endif
#if BROKEN == NO_ACQUIRE
#define hear load
#else
#define hear load_acquire
#endif

active proctype producer()
{
	byte ticket;
#if BROKEN != COUNT_LATE
	store(PRODUCER, ATTEMPTED, 1);
#endif
	fetch_add(PRODUCER, TICKETS, 1, ticket);
	tell(PRODUCER, ASKED, 1);
#if BROKEN == COUNT_LATE
	store(PRODUCER, ATTEMPTED, 1);
#endif
	settle(PRODUCER)
}

active proctype reader()
{
	byte asked, attempted, tickets;
	hear(READER, ASKED, asked);
	load(READER, ATTEMPTED, attempted);
	load_acquire(READER, TICKETS, tickets);
	assert(asked == 0 || (attempted == 1 && tickets == 1))
}
