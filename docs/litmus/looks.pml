/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class D is looked at twice. Operation A on one CPU has returned before B began on another, and
 * something told B's CPU so (a lock, a message). If the reader sees B at its first look, it sees A
 * at its second: A's sub-ring may have been passed when A was published.
 *
 * stands for: shared/ring.h: vx_ring_commit()
 * stands for: shared/ring_reader.c: refill(), step()
 */
#define NO_ACQUIRE 1 /* broken, not on x86: the first look is a load without order */
#define NO_RELEASE 2 /* broken, not on x86: head is a store without order */
#define ONE_LOOK 3   /* broken: what the first look saw is all */

#define HEAD_A 0
#define HEAD_B 1
#define RETURNED 2
#define LOCATIONS 3
#define THREADS 3
#define WRITES 2
#include "memory.pml"

#define CPU_A 0
#define CPU_B 1
#define READER 2

#if BROKEN == NO_ACQUIRE
#define look load
#else
#define look load_acquire
#endif
#if BROKEN == NO_RELEASE
#define publish store
#else
#define publish store_release
#endif

active proctype cpu_a()
{
	publish(CPU_A, HEAD_A, 1);
	store_release(CPU_A, RETURNED, 1);
	settle(CPU_A)
}

active proctype cpu_b()
{
	byte returned;
	load_acquire(CPU_B, RETURNED, returned);
	if
	:: returned -> publish(CPU_B, HEAD_B, 1)
	:: else
	fi;
	settle(CPU_B)
}

active proctype reader()
{
	byte limit_a, limit_b, visible_a;
	look(READER, HEAD_A, limit_a);
	look(READER, HEAD_B, limit_b);
#if BROKEN == ONE_LOOK
	visible_a = limit_a;
#else
	load_acquire(READER, HEAD_A, visible_a);
#endif
	assert(limit_b == 0 || visible_a == 1)
}
