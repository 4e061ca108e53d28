/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of x86, for memory.pml: a queue of stores for each thread. */
#define QUEUE 8

typedef queue_t {
	byte where[QUEUE];
	byte value[QUEUE];
	byte n
};

byte memory[LOCATIONS];
queue_t queue[THREADS];
byte i;

/* The oldest store leaves the queue. */
inline leave(t)
{
	memory[queue[t].where[0]] = queue[t].value[0];
	queue[t].n--;
	i = 0;
	do
	:: i < queue[t].n ->
		queue[t].where[i] = queue[t].where[i + 1];
		queue[t].value[i] = queue[t].value[i + 1];
		i++
	:: else -> break
	od;
	queue[t].where[queue[t].n] = 0;
	queue[t].value[queue[t].n] = 0;
	i = 0
}

/* Before each step any number of stores may leave. */
inline some_leave(t)
{
	do
	:: d_step { queue[t].n > 0 -> leave(t) }
	:: break
	od
}

inline settle(t)
{
	do
	:: d_step { queue[t].n > 0 -> leave(t) }
	:: else -> break
	od
}

inline load(t, l, to)
{
	some_leave(t);
	atomic {
		to = memory[l];
		i = 0;
		do
		:: i < queue[t].n ->
			if
			:: queue[t].where[i] == l -> to = queue[t].value[i]
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0
	}
}

inline load_acquire(t, l, to)
{
	load(t, l, to)
}

inline store(t, l, v)
{
	some_leave(t);
	atomic {
		assert(queue[t].n < QUEUE);
		queue[t].where[queue[t].n] = l;
		queue[t].value[queue[t].n] = v;
		queue[t].n++
	}
}

inline store_release(t, l, v)
{
	store(t, l, v)
}

inline full_barrier(t)
{
	settle(t)
}

inline exchange(t, l, v, to)
{
	settle(t);
	atomic {
		to = memory[l];
		memory[l] = v
	}
}

inline fetch_add(t, l, v, to)
{
	settle(t);
	atomic {
		to = memory[l];
		memory[l] = memory[l] + v
	}
}

inline fetch_add_relaxed(t, l, v, to)
{
	fetch_add(t, l, v, to)
}

inline lock(t, l)
{
	settle(t);
	atomic {
		memory[l] == 0 -> memory[l] = 1
	}
}

inline unlock(t, l)
{
	store_release(t, l, 0)
}
