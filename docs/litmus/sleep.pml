/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No lost wakeup. The reader has slept before, until position 2, and now wants to sleep until
 * position 1, which the producer publishes meanwhile: it must not see the old wish either.
 *
 * stands for: shared/ring.h: vx_ring_commit()
 * stands for: shared/ring.c: vx_ring_wake(), wake_for_loss()
 * stands for: shared/ring_reader.c: vx_reader_sleep(), vx_reader_awake()
 */
#define NO_PRODUCER 1 /* broken: no full barrier between head and sleeping */
#define NO_READER 2   /* broken: no full barrier between sleeping and the last look */
#define NO_LOOK 3     /* broken: no last look */
#define WAKE_LATE 4   /* broken: sleeping is set before the position to wake at */

#define HEAD 0
#define SLEEPING 1
#define WAKE 2
#define LOCATIONS 3
#define THREADS 2
#define WRITES 6
#include "memory.pml"

#define PRODUCER 0
#define READER 1

bool woken, ended;

active proctype producer()
{
	byte sleeping, wake;
	store_release(PRODUCER, HEAD, 1);
#if BROKEN != NO_PRODUCER
	full_barrier(PRODUCER);
#endif
	load(PRODUCER, SLEEPING, sleeping);
	if
	:: sleeping ->
		load(PRODUCER, WAKE, wake);
		if
		:: wake <= 1 ->
			exchange(PRODUCER, SLEEPING, 0, sleeping);
			woken = sleeping
		:: else
		fi
	:: else
	fi;
	settle(PRODUCER);
	ended = true
}

active proctype reader()
{
	byte head;
	store(READER, WAKE, 2);
	store(READER, SLEEPING, 1);
	full_barrier(READER);
	store(READER, SLEEPING, 0);
#if BROKEN == WAKE_LATE
	store(READER, SLEEPING, 1);
	full_barrier(READER);
	load(READER, HEAD, head);
	store(READER, WAKE, 1);
#else
	store(READER, WAKE, 1);
	store(READER, SLEEPING, 1);
#if BROKEN != NO_READER
	full_barrier(READER);
#endif
#if BROKEN != NO_LOOK
	load(READER, HEAD, head);
#endif
#endif
	settle(READER);
	if
	:: head == 0 ->
		/* Asleep. When all is done, there is a record: so it must have been woken. */
		ended;
		assert(woken)
	:: else
	fi
}
