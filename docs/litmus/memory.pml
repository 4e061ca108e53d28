/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for the models of this folder: the primitives of shared/barrier.h, with all that they
 * allow. Before it is included, LOCATIONS, THREADS and WRITES (to one location, the first value
 * counted) are defined. Everything is 0 at first.
 *
 * Without -DTSO, memory is a list of writes for each location. A thread may read any of them that
 * is not older than what it has seen there, so stores and loads pass each other, and two threads
 * may see two stores in different orders. A store-release carries what its thread has seen; a
 * load-acquire that reads it sees that too. A full barrier exchanges what was seen with all other
 * full barriers, and does nothing else: less than smp_mb(), so that what holds here holds there.
 * In two things it is stronger than a real one: a store is newer than all that are there (a location
 * is written by one thread, or by exchanges too), and a load is never later than a store behind it
 * (tail.pml, where that matters, says so). The .litmus tests do without both.
 *
 * With -DTSO, memory is that of x86: stores wait in a queue of their thread, which sees them at
 * once, the others when they leave it, first in, first out; nothing else is out of order.
 */
#ifdef TSO
#include "memory_tso.pml"
#else

typedef write_t {
	byte value;
	byte carries[LOCATIONS]
};

typedef location_t {
	write_t nth[WRITES];
	byte last
};

typedef thread_t {
	byte seen[LOCATIONS]
};

location_t memory[LOCATIONS];
thread_t thread[THREADS];
thread_t barriers;
byte at, was, i;

/* The newer of two views, place by place. */
#define see(view, other) \
	i = 0; \
	do \
	:: i < LOCATIONS -> \
		if \
		:: other[i] > view[i] -> view[i] = other[i] \
		:: else \
		fi; \
		i++ \
	:: else -> break \
	od; \
	i = 0

inline write_to(t, l, v)
{
	memory[l].last++;
	assert(memory[l].last < WRITES);
	memory[l].nth[memory[l].last].value = v;
	thread[t].seen[l] = memory[l].last
}

inline choose(t, l)
{
	at = thread[t].seen[l];
	do
	:: at < memory[l].last -> at++
	:: break
	od;
	thread[t].seen[l] = at
}

inline load(t, l, to)
{
	atomic {
		choose(t, l);
		to = memory[l].nth[at].value;
		at = 0
	}
}

inline load_acquire(t, l, to)
{
	atomic {
		choose(t, l);
		to = memory[l].nth[at].value;
		see(thread[t].seen, memory[l].nth[at].carries);
		at = 0
	}
}

inline store(t, l, v)
{
	d_step {
		write_to(t, l, v)
	}
}

inline store_release(t, l, v)
{
	d_step {
		write_to(t, l, v);
		see(memory[l].nth[memory[l].last].carries, thread[t].seen)
	}
}

inline full_barrier(t)
{
	d_step {
		see(thread[t].seen, barriers.seen);
		see(barriers.seen, thread[t].seen)
	}
}

/* Reads the newest value and writes v, as one: acquire and release, no full barrier. */
inline exchange(t, l, v, to)
{
	d_step {
		at = memory[l].last;
		to = memory[l].nth[at].value;
		see(thread[t].seen, memory[l].nth[at].carries);
		write_to(t, l, v);
		see(memory[l].nth[at + 1].carries, thread[t].seen);
		at = 0
	}
}

inline fetch_add(t, l, v, to)
{
	d_step {
		at = memory[l].last;
		to = memory[l].nth[at].value;
		see(thread[t].seen, memory[l].nth[at].carries);
		write_to(t, l, to + v);
		see(memory[l].nth[at + 1].carries, thread[t].seen);
		at = 0
	}
}

/* The same without any order. What an earlier write carries, it still carries. */
inline fetch_add_relaxed(t, l, v, to)
{
	d_step {
		at = memory[l].last;
		to = memory[l].nth[at].value;
		write_to(t, l, to + v);
		see(memory[l].nth[at + 1].carries, memory[l].nth[at].carries);
		at = 0
	}
}

/* A spinlock: taken when it is free, which the newest write says. */
inline lock(t, l)
{
	atomic {
		memory[l].nth[memory[l].last].value == 0;
		exchange(t, l, 1, was);
		was = 0
	}
}

inline unlock(t, l)
{
	store_release(t, l, 0)
}

/* At the end of a thread: its stores have all been seen. */
inline settle(t)
{
	skip
}

#endif
