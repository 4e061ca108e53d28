/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ticket that was taken is seen busy, or seen to be done. Here the producer gets no further than
 * the ticket; done.pml goes on.
 *
 * stands for: shared/ring.h: vx_ring_take_ticket()
 * stands for: shared/barrier.h: vx_fetch_add()
 * stands for: shared/ring_reader.c: refill(), decided()
 */
#define NO_FULL 1    /* broken, not on x86: the ticket is taken without order */
#define NO_ACQUIRE 2 /* broken, not on x86: the tickets are a load without order */
#define BUSY_LATE 3  /* broken: busy is set behind the ticket */

#define BUSY 0
#define TICKETS 1
#define LOCATIONS 2
#define THREADS 2
#define WRITES 2
#include "memory.pml"

#define PRODUCER 0
#define READER 1

#if BROKEN == NO_FULL
#define take fetch_add_relaxed
#else
#define take fetch_add
#endif
#if BROKEN == NO_ACQUIRE
#define look load
#else
#define look load_acquire
#endif

active proctype producer()
{
	byte ticket;
#if BROKEN == BUSY_LATE
	take(PRODUCER, TICKETS, 1, ticket);
	store(PRODUCER, BUSY, 1);
#else
	store(PRODUCER, BUSY, 1);
	take(PRODUCER, TICKETS, 1, ticket);
#endif
	settle(PRODUCER)
}

active proctype reader()
{
	byte tickets, busy;
	look(READER, TICKETS, tickets);
	load_acquire(READER, BUSY, busy);
	assert(tickets == 0 || busy == 1)
}
