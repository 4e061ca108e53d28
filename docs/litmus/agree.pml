/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two operations of class D, A before B, while the reader looks and a third CPU takes a ticket. The
 * reader sees the ticket, and then not A: it passes A's sub-ring and sees B later. B began after A
 * was published, so it must have seen the ticket too, and stands behind it: or the reader would
 * hand B out before A, in front of the event that has the ticket (step(): t < tickets).
 *
 * What orders what the reader sees with what B's CPU sees is the full barrier behind the look at the
 * tickets. Where a store becomes visible to all other CPUs at once (x86, arm64, riscv) it would not
 * be needed; in the kernel's memory model and in that of C11 it is.
 *
 * stands for: shared/ring.h: vx_ring_take_ticket(), vx_ring_commit()
 * stands for: shared/ring_reader.c: refill(), step()
 */
#define NO_FULL_BARRIER 1 /* broken, not on x86: none behind the look at the tickets */
#define TICKETS_LATE 2 /* broken: the reader looks at the heads, then at the tickets */

#define HEAD_A 0
#define TICKETS 1
#define RETURNED 2
#define LOCATIONS 3
#define THREADS 4
#define WRITES 2
#include "memory.pml"

#define CPU_A 0
#define CPU_B 1
#define CPU_M 2
#define READER 3

byte ended, seen_by_b;
bool b_began, overtaken;

active proctype cpu_a()
{
	store_release(CPU_A, HEAD_A, 1);
	full_barrier(CPU_A);
	store_release(CPU_A, RETURNED, 1);
	settle(CPU_A);
	ended++
}

active proctype cpu_b()
{
	byte returned;
	load_acquire(CPU_B, RETURNED, returned);
	if
	:: returned ->
		load_acquire(CPU_B, TICKETS, seen_by_b);
		b_began = true
	:: else
	fi;
	ended++
}

active proctype cpu_m()
{
	byte ticket;
	fetch_add(CPU_M, TICKETS, 1, ticket);
	settle(CPU_M);
	ended++
}

active proctype reader()
{
	byte tickets, head_a;
#if BROKEN == TICKETS_LATE
	load_acquire(READER, HEAD_A, head_a);
	load_acquire(READER, TICKETS, tickets);
#else
	load_acquire(READER, TICKETS, tickets);
#if BROKEN != NO_FULL_BARRIER
	full_barrier(READER);
#endif
	load_acquire(READER, HEAD_A, head_a);
#endif
	ended == 3;
	assert(!b_began || tickets == 0 || head_a == 1 || seen_by_b == 1)
}
