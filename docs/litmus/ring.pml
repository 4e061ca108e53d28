/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring's protocol: two producers, a reader that may sleep, sub-rings of both classes with room
 * for two records and the account of a loss. Each access to memory that another side can see is a
 * step of its own, in all orders; which orders the processor adds, the other models are about.
 * Joined to one step are: the positions that the reader gives back; its question whether any loss
 * is pending; and the call that writes one out, since its producer stands still meanwhile.
 *
 * Asserted: class M by ticket; what had returned before another began comes before it; everything
 * once; a gap only for what is lost; every loss in one account; no unread record is overwritten;
 * what has happened is handed out when the producers fall silent, and a reader that sleeps is woken
 * for it (else spin says "invalid end state").
 *
 * -DFIRST=n -DSECOND=n: attempts of the two producers, of any class each; together at most 6.
 * -DFULL=s: sub-ring s (0: M, 1: D of the first producer) has two records at first, and is full.
 *
 * stands for: shared/ring.h: vx_ring_reserve(), vx_ring_take_ticket(), vx_ring_commit()
 * stands for: shared/ring.c: vx_ring_make_room(), publish_lost(), account_loss(), vx_ring_wake()
 * stands for: shared/ring.c: vx_ring_lose(), vx_ring_flush_loss()
 * stands for: shared/ring_reader.c: refill(), step(), deliver(), gap(), decided()
 * stands for: shared/ring_reader.c: vx_reader_sleep(), vx_reader_release()
 * stands for: daemon/pipeline/pipeline.cpp: finish_turn()
 */
#define BUSY_LATE 1     /* broken: busy is set behind the ticket */
#define BUSY_EARLY 2    /* broken: busy = 0 comes before head */
#define IGNORE_BUSY 3   /* broken: what is not visible is lost */
#define ONE_LOOK 4      /* broken: class D is looked at once */
#define NO_LIMIT 5      /* broken: class D is handed out as soon as it is seen */
#define RELEASE_EARLY 6 /* broken: the reader gives back what it has seen, not read */
#define NO_LAST_LOOK 7  /* broken: the reader sleeps without a last look */
#define NO_LOSS_WAKE 8  /* broken: a loss wakes nobody */
#define LOSS_UNSEEN 9   /* broken: the last look does not ask for pending losses */
#define GAP_UNSEEN 10   /* broken: the last look does not ask for the tickets */

#ifndef FULL
#define FULL 0
#endif
#ifndef FIRST
#define FIRST 2
#endif
#ifndef SECOND
#define SECOND 1
#endif
#define ATTEMPTS (FIRST + SECOND + 2)
#define ALL ((1 << ATTEMPTS) - 1)
#define SIZE 3
#define SUBS 4
#define NONE 255
#define IS_M(s) ((s) % 2 == 0)

/* ops: the attempts that it is about, a bit each. lost: 0, or an account of so many. */
typedef record_t {
	byte ops, lost, ticket, time, count
};

typedef sub_t {
	record_t data[SIZE];
	byte head, tail, tail_seen, attempted, pending;
	bool busy;
	/* the pending loss */
	record_t loss
};

sub_t sub[SUBS];
byte tickets;
bool sleeping;
byte pos[SUBS];

/* What really happened. */
byte now, returned, lost, lost_data, silent;
byte before[ATTEMPTS], ticket_of[ATTEMPTS];
bool inside[2];

/* What the reader has handed out, as a record or a gap; the accounts of class M. */
byte handed, accounted;

#include "ring_producer.pml"
#include "ring_reader.pml"

init {
	d_step {
		sub[FULL].data[0].ops = 1 << (ATTEMPTS - 2);
		sub[FULL].data[0].time = 1;
		sub[FULL].data[1].ops = 1 << (ATTEMPTS - 1);
		sub[FULL].data[1].time = 2;
		sub[FULL].data[1].count = 1;
		sub[FULL].data[1].ticket = IS_M(FULL);
		sub[FULL].attempted = 2;
		sub[FULL].head = 2;
		tickets = 2 * IS_M(FULL);
		now = 2;
		before[ATTEMPTS - 1] = 1 << (ATTEMPTS - 2);
		returned = before[ATTEMPTS - 1] | (1 << (ATTEMPTS - 1))
	}
	atomic {
		run producer(0, 0, FIRST);
		run producer(1, FIRST, SECOND);
		run reader()
	}
}
