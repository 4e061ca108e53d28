/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reader that polls is woken, or sees that it was. It has said that it sleeps and found nothing
 * (sleep.pml); in the kernel it queues itself, under the queue's lock, and looks once more. The
 * producer takes its wish away, and wakes who is queued, under the same lock. Who is woken looks
 * again, having passed that lock too.
 *
 * stands for: kmod/chardev.c: readable(), dev_poll()
 * stands for: kmod/channel.c: wake_reader()
 * stands for: shared/ring.c: vx_ring_wake()
 */
#define LOOK_FIRST 1 /* broken: the poll looks, then queues itself */
#define WAKE_FIRST 2 /* broken: the producer wakes, then takes the wish away */
#define NO_LOCK 3    /* broken: the producer looks at the queue without its lock */

#define SLEEPING 0
#define HEAD 1
#define QUEUED 2
#define LOCK 3
#define LOCATIONS 4
#define THREADS 2
#define WRITES 8
#include "memory.pml"

#define PRODUCER 0
#define READER 1

bool woken, ended;

inline wake()
{
#if BROKEN == NO_LOCK
	load(PRODUCER, QUEUED, queued);
#else
	lock(PRODUCER, LOCK);
	load(PRODUCER, QUEUED, queued);
	unlock(PRODUCER, LOCK);
#endif
	settle(PRODUCER);
	woken = queued
}

active proctype producer()
{
	byte sleeping, queued;
	store_release(PRODUCER, HEAD, 1);
	full_barrier(PRODUCER);
	load(PRODUCER, SLEEPING, sleeping);
	if
	:: sleeping ->
#if BROKEN == WAKE_FIRST
		wake();
		exchange(PRODUCER, SLEEPING, 0, sleeping)
#else
		exchange(PRODUCER, SLEEPING, 0, sleeping);
		wake()
#endif
	:: else
	fi;
	settle(PRODUCER);
	ended = true
}

/* What readable() says. */
inline look()
{
	load(READER, SLEEPING, sleeping);
	load(READER, HEAD, head);
	ready = !sleeping && head
}

inline queue_up()
{
	lock(READER, LOCK);
	store(READER, QUEUED, 1);
	unlock(READER, LOCK)
}

active proctype reader()
{
	byte sleeping, head;
	bool ready;
	store(READER, SLEEPING, 1);
	full_barrier(READER);
	load(READER, HEAD, head);
	if
	:: head == 0 ->
#if BROKEN == LOOK_FIRST
		look();
		queue_up();
#else
		queue_up();
		look();
#endif
		if
		:: !ready ->
			settle(READER);
			ended;
			assert(woken);
			lock(READER, LOCK);
			look();
			assert(ready)
		:: else
		fi
	:: else
	fi;
	settle(READER)
}
