/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What class D did before a class M operation comes before it. Operation A, of class D, has
 * returned before B, of class M, began on another CPU. If the reader sees B's ticket as taken, it
 * sees A when it then looks.
 *
 * stands for: shared/ring.h: vx_ring_take_ticket(), vx_ring_commit()
 * stands for: shared/ring_reader.c: refill(), step()
 */
#define NO_FULL 1    /* broken, not on x86: the ticket is taken without order */
#define NO_ACQUIRE 2 /* broken, not on x86: the tickets are a load without order */
#define HEADS_SEEN 3 /* broken: the reader looks at the heads, then at the tickets */

#define HEAD_A 0
#define TICKETS 1
#define RETURNED 2
#define LOCATIONS 3
#define THREADS 3
#define WRITES 2
#include "memory.pml"

#define CPU_A 0
#define CPU_B 1
#define READER 2

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

active proctype cpu_a()
{
	store_release(CPU_A, HEAD_A, 1);
	store_release(CPU_A, RETURNED, 1);
	settle(CPU_A)
}

active proctype cpu_b()
{
	byte returned, ticket;
	load_acquire(CPU_B, RETURNED, returned);
	if
	:: returned -> take(CPU_B, TICKETS, 1, ticket)
	:: else
	fi;
	settle(CPU_B)
}

active proctype reader()
{
	byte tickets, head_a;
#if BROKEN == HEADS_SEEN
	load_acquire(READER, HEAD_A, head_a);
	look(READER, TICKETS, tickets);
#else
	look(READER, TICKETS, tickets);
	load_acquire(READER, HEAD_A, head_a);
#endif
	assert(tickets == 0 || head_a == 1)
}
