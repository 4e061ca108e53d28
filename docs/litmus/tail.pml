/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing is overwritten that is being read. The record's place holds 0, which the reader has not
 * read yet, and later 1. The producer writes there only when the reader's position allows it: a
 * store that depends on the load, so that the acquire is needed for the compiler alone.
 *
 * stands for: shared/ring.h: vx_ring_reserve()
 * stands for: shared/ring.c: vx_ring_refresh_tail(), room()
 * stands for: shared/ring_reader.c: vx_reader_release(), vx_reader_release_to()
 */
#define NO_RELEASE 1 /* broken, not on x86: tail is a store without order */
#define NO_LOOK 2    /* broken: the producer does not ask for the reader's position */
#define TAIL_FIRST 3 /* broken: the reader gives back before its last look */

#define TAIL 0
#define RECORD 1
#define LOCATIONS 2
#define THREADS 2
#define WRITES 2
#include "memory.pml"

#define PRODUCER 0
#define READER 1

active proctype producer()
{
	byte tail = 1;
#if BROKEN != NO_LOOK
	load_acquire(PRODUCER, TAIL, tail);
#endif
	if
	:: tail == 1 -> store(PRODUCER, RECORD, 1)
	:: else
	fi;
	settle(PRODUCER)
}

active proctype reader()
{
	byte record;
#if BROKEN == TAIL_FIRST
	store_release(READER, TAIL, 1);
	load(READER, RECORD, record);
#elif BROKEN == NO_RELEASE && !defined(TSO)
	/* Nothing orders the two, and a load may be later than a store behind it. */
	if
	:: load(READER, RECORD, record);
	   store(READER, TAIL, 1)
	:: store(READER, TAIL, 1);
	   load(READER, RECORD, record)
	fi;
#else
	load(READER, RECORD, record);
	store_release(READER, TAIL, 1);
#endif
	settle(READER);
	assert(record == 0)
}
