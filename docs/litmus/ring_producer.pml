/* SPDX-License-Identifier: Apache-2.0 */
/* The producers' side of ring.pml. */

/* The pending loss is written and published. */
inline publish_lost(s)
{
	d_step {
		assert(sub[s].head - pos[s] < SIZE);
		sub[s].data[sub[s].head % SIZE].ops = sub[s].loss.ops;
		sub[s].data[sub[s].head % SIZE].lost = sub[s].pending;
		sub[s].data[sub[s].head % SIZE].ticket = sub[s].loss.ticket;
		sub[s].data[sub[s].head % SIZE].time = sub[s].loss.time;
		sub[s].data[sub[s].head % SIZE].count = sub[s].loss.count;
		sub[s].loss.ops = 0;
		sub[s].loss.ticket = 0;
		sub[s].loss.time = 0;
		sub[s].loss.count = 0
	}
	sub[s].pending = 0;
	sub[s].head++
}

#define FITS(s, n) (sub[s].head + (n) - sub[s].tail_seen <= SIZE)
/* A record, the account of a pending loss before it, and the room for one behind it. */
#define ROOM(s) FITS(s, 2 + (sub[s].pending > 0))

inline make_room(s)
{
	if
	:: ROOM(s) -> room = true
	:: else -> d_step { sub[s].tail_seen = sub[s].tail; room = ROOM(s) }
	fi;
	if
	:: room && sub[s].pending -> publish_lost(s)
	:: else
	fi
}

/* Nobody sees the record before head has moved: it is built in the same step. */
inline build(s, op)
{
	assert(sub[s].head - pos[s] < SIZE);
	sub[s].data[sub[s].head % SIZE].ops = 1 << (op);
	sub[s].data[sub[s].head % SIZE].lost = 0;
	sub[s].data[sub[s].head % SIZE].ticket = ticket;
	sub[s].data[sub[s].head % SIZE].time = time;
	sub[s].data[sub[s].head % SIZE].count = sub[s].attempted;
	sub[s].attempted++
}

/* So is the account of a loss, before loss_pending. */
inline account(s, op)
{
	if
	:: !sub[s].pending ->
		sub[s].loss.ticket = ticket;
		sub[s].loss.time = time;
		sub[s].loss.count = sub[s].attempted
	:: else
	fi;
	sub[s].loss.ops = sub[s].loss.ops | (1 << (op));
	sub[s].attempted++;
	if
	:: IS_M(s) -> lost = lost | (1 << (op))
	:: else -> lost_data = lost_data | (1 << (op))
	fi
}

inline take_ticket(s, op)
{
	d_step {
		ticket = tickets;
		if
		:: IS_M(s) -> tickets++; ticket_of[op] = ticket
		:: else -> ticket_of[op] = NONE
		fi;
		if
		:: room -> build(s, op)
		:: else -> account(s, op)
		fi;
		ticket = 0;
		time = 0
	}
}

inline attempt(s, op)
{
#if BROKEN == BUSY_LATE
	take_ticket(s, op);
	sub[s].busy = IS_M(s)
#else
	if
	:: IS_M(s) -> sub[s].busy = true
	:: else
	fi;
	take_ticket(s, op)
#endif
}

inline commit(s)
{
	if
	:: !room -> sub[s].pending++
#if BROKEN == BUSY_EARLY
	:: room -> sub[s].busy = false; sub[s].head++
#else
	:: room -> sub[s].head++
#endif
	fi;
	if
	:: IS_M(s) -> sub[s].busy = false
	:: else
	fi
}

#if BROKEN == NO_LOSS_WAKE
#define WAKES (sleeping && room)
#else
#define WAKES sleeping
#endif

proctype producer(byte p, op, n)
{
	byte s, ticket, time;
	bool room;
	do
	:: n > 0 ->
		atomic {
			if
			:: s = 2 * p
			:: s = 2 * p + 1
			fi;
			inside[p] = true;
			before[op] = returned;
			now++;
			time = now
		}
		make_room(s);
		attempt(s, op);
		commit(s);
		/* Whatever position the reader waits for: sleep.pml has that. */
		if
		:: WAKES -> sleeping = false
		:: else
		fi;
		d_step {
			returned = returned | (1 << op);
			inside[p] = false;
			op++;
			n--;
			room = false;
			s = 0
		}
	:: else -> break
	od;
	silent++
}
