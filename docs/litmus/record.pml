/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record that is seen is whole. The second record is longer in coming: a reader that sees one
 * need not see the other.
 *
 * stands for: shared/ring.h: vx_ring_commit()
 * stands for: shared/ring.c: publish_lost()
 * stands for: shared/ring_reader.c: refill(), load_key()
 */
#define NO_RELEASE 1 /* broken, not on x86: head is a store without order */
#define NO_ACQUIRE 2 /* broken, not on x86: head is a load without order */
#define HEAD_FIRST 3 /* broken: head moves before the record is built */

#define HEAD 0
#define RECORD 1
#define LOCATIONS 3
#define THREADS 2
#define WRITES 3
#include "memory.pml"

#define PRODUCER 0
#define READER 1

#if BROKEN == NO_RELEASE
#define publish store
#else
#define publish store_release
#endif
#if BROKEN == NO_ACQUIRE
#define look load
#else
#define look load_acquire
#endif

active proctype producer()
{
	byte n = 0;
	do
	:: n < 2 ->
#if BROKEN == HEAD_FIRST
		publish(PRODUCER, HEAD, n + 1);
		store(PRODUCER, RECORD + n, 1);
#else
		store(PRODUCER, RECORD + n, 1);
		publish(PRODUCER, HEAD, n + 1);
#endif
		n++
	:: else -> break
	od;
	settle(PRODUCER)
}

active proctype reader()
{
	byte head, record, n = 0;
	look(READER, HEAD, head);
	do
	:: n < head ->
		load(READER, RECORD + n, record);
		assert(record == 1);
		n++
	:: else -> break
	od
}
