/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Not busy and not visible" means lost. One producer makes two attempts, each of which is
 * delivered or lost; the reader looks once and decides about the first of them.
 *
 * stands for: shared/ring.h: vx_ring_take_ticket(), vx_ring_commit()
 * stands for: shared/ring.c: account_loss()
 * stands for: shared/ring_reader.c: refill(), decided(), step()
 */
#define NO_RELEASE 1 /* broken, not on x86: busy = 0 is a store without order */
#define NO_ACQUIRE 2 /* broken, not on x86: busy is a load without order */
#define NO_TICKET 3  /* broken, not on x86: the tickets are a load without order */
#define HEAD_LATE 4  /* broken: busy = 0 comes before head */
#define HEAD_SEEN 5  /* broken: the reader looks at head, then at busy */

#define BUSY 0
#define TICKETS 1
#define HEAD 2
#define LOCATIONS 3
#define THREADS 2
#define WRITES 5
#include "memory.pml"

#define PRODUCER 0
#define READER 1

#if BROKEN == NO_RELEASE
#define finish store
#else
#define finish store_release
#endif
#if BROKEN == NO_ACQUIRE
#define look_busy load
#else
#define look_busy load_acquire
#endif
#if BROKEN == NO_TICKET
#define look_tickets load
#else
#define look_tickets load_acquire
#endif

bool first_is_lost;

active proctype producer()
{
	byte ticket, n = 0, head = 0;
	do
	:: n < 2 ->
		store(PRODUCER, BUSY, 1);
		fetch_add(PRODUCER, TICKETS, 1, ticket);
		if
		:: head++;
#if BROKEN == HEAD_LATE
		   finish(PRODUCER, BUSY, 0);
		   store_release(PRODUCER, HEAD, head)
#else
		   store_release(PRODUCER, HEAD, head);
		   finish(PRODUCER, BUSY, 0)
#endif
		:: first_is_lost = first_is_lost || n == 0;
		   finish(PRODUCER, BUSY, 0)
		fi;
		n++
	:: else -> break
	od;
	settle(PRODUCER)
}

active proctype reader()
{
	byte tickets, busy, head;
	look_tickets(READER, TICKETS, tickets);
#if BROKEN == HEAD_SEEN
	load_acquire(READER, HEAD, head);
	look_busy(READER, BUSY, busy);
#else
	look_busy(READER, BUSY, busy);
	load_acquire(READER, HEAD, head);
#endif
	assert(!(tickets > 0 && !busy && head == 0) || first_is_lost)
}
