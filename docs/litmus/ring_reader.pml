/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's side of ring.pml. */
#define AT(s) sub[s].data[pos[s] % SIZE]
#define UNREAD(s) (pos[s] < visible[s])
#define EARLIER(a, b) (AT(a).ticket < AT(b).ticket || \
	(AT(a).ticket == AT(b).ticket && AT(a).time < AT(b).time))

/* The sub-ring of the two whose record is next, or NONE. */
#define FIND(which, a, b) \
	if \
	:: UNREAD(a) && (!UNREAD(b) || !EARLIER(b, a)) -> which = a \
	:: UNREAD(b) && (!UNREAD(a) || EARLIER(b, a)) -> which = b \
	:: else -> which = NONE \
	fi

#if BROKEN == IGNORE_BUSY
#define DECIDED true
#else
#define DECIDED (!(busy[0] && !UNREAD(0)) && !(busy[1] && !UNREAD(2)))
#endif
#if BROKEN == NO_LIMIT
#define MAY_PASS true
#else
#define MAY_PASS (pos[1] < limit[0] || pos[3] < limit[1] || next < seen_tickets)
#endif

/* An old snapshot says nothing more. */
inline forget()
{
	seen_tickets = next;
	limit[0] = pos[1];
	limit[1] = pos[3];
	visible[0] = pos[0];
	visible[1] = pos[1];
	visible[2] = pos[2];
	visible[3] = pos[3];
	busy[0] = false;
	busy[1] = false
}

inline refill()
{
	d_step { forget(); seen_tickets = tickets }
	limit[0] = sub[1].head;
	limit[1] = sub[3].head;
	busy[0] = sub[0].busy;
	visible[0] = sub[0].head;
	busy[1] = sub[2].busy;
	visible[2] = sub[2].head;
#if BROKEN == ONE_LOOK
	visible[1] = limit[0];
	visible[3] = limit[1];
#else
	visible[1] = sub[1].head;
	visible[3] = sub[3].head;
#endif
#if BROKEN == RELEASE_EARLY
	sub[0].tail = visible[0];
	sub[1].tail = visible[1]
#else
	skip
#endif
}

/* Hands out one attempt. What class D has lost has its place in the account only. */
inline hand_out(op)
{
	assert(!(handed & (1 << (op))));
	assert(!(before[op] & ~handed & ~lost_data));
	handed = handed | (1 << (op));
	before[op] = 0;
	ticket_of[op] = 0
}

inline deliver(s)
{
	assert(AT(s).count == expected[s]);
	if
	:: AT(s).lost ->
		expected[s] = expected[s] + AT(s).lost;
		if
		:: IS_M(s) -> accounted = accounted | AT(s).ops
		:: else -> assert(!(handed & AT(s).ops)); handed = handed | AT(s).ops
		fi
	:: else ->
		expected[s]++;
		k = 0;
		do
		:: AT(s).ops != 1 << k -> k++
		:: else -> break
		od;
		hand_out(k);
		if
		:: IS_M(s) -> assert(AT(s).ticket == next); next++
		:: else
		fi
	fi;
	k = 0;
	AT(s).ops = 0;
	AT(s).lost = 0;
	AT(s).ticket = 0;
	AT(s).time = 0;
	AT(s).count = 0;
	pos[s]++;
	moved = true
}

/* The tickets from next to the end are lost: each of an attempt that really is. */
inline gap()
{
	end = seen_tickets;
	if
	:: m != NONE && AT(m).ticket < end -> end = AT(m).ticket
	:: else
	fi;
	if
	:: d != NONE && AT(d).ticket < end -> end = AT(d).ticket
	:: else
	fi;
	do
	:: next < end ->
		k = 0;
		do
		:: k < ATTEMPTS && !((lost & (1 << k)) && ticket_of[k] == next) -> k++
		:: else -> break
		od;
		assert(k < ATTEMPTS);
		hand_out(k);
		next++
	:: else -> break
	od;
	end = 0;
	k = 0;
	moved = true
}

/* What the snapshot allows, as in step(). */
inline step()
{
	d_step {
		FIND(m, 0, 2);
		FIND(d, 1, 3);
		any = true;
		if
		:: m != NONE && AT(m).ticket <= next && AT(m).lost -> deliver(m)
		:: else ->
			if
			:: d != NONE && AT(d).ticket <= next && MAY_PASS -> deliver(d)
			:: else ->
				if
				:: next >= seen_tickets -> any = false
				:: else ->
					if
					:: m != NONE && AT(m).ticket == next -> deliver(m)
					:: else ->
						assert(m == NONE || AT(m).ticket > next);
						if
						:: DECIDED -> gap()
						:: else -> any = false
						fi
					fi
				fi
			fi
		fi;
		m = NONE;
		d = NONE
	}
}

/* Stored together: a producer asks for one of its own at a time. */
inline release()
{
	sub[0].tail = pos[0];
	sub[1].tail = pos[1];
	sub[2].tail = pos[2];
	sub[3].tail = pos[3]
}

#define ANY_PENDING (sub[0].pending || sub[1].pending || sub[2].pending || sub[3].pending)

/* The call runs on the CPU that it is about: not in the middle of an attempt there. */
inline flush(s)
{
	if
	:: sub[s].pending > 0 ->
		atomic {
			!inside[s / 2];
			sub[s].tail_seen = sub[s].tail;
			if
			:: sub[s].pending > 0 && FITS(s, 1) -> publish_lost(s); moved = true
			:: else
			fi
		}
	:: else
	fi
}

inline flush_all()
{
	if
	:: ANY_PENDING -> flush(0); flush(1); flush(2); flush(3)
	:: else
	fi
}

/* The last look at a sub-ring. */
inline look(s)
{
	due = due || sub[s].head > pos[s];
#if BROKEN != LOSS_UNSEEN
	due = due || sub[s].pending > 0
#else
	skip
#endif
}

inline go_to_sleep()
{
	sleeping = true;
#if BROKEN != NO_LAST_LOOK
	look(0);
	look(1);
	look(2);
	look(3);
#endif
	/* A ticket may be lost and not known to be: its neighbour was still seen busy. */
#if BROKEN != NO_LAST_LOOK && BROKEN != GAP_UNSEEN
	due = due || tickets != next;
#endif
	if
	:: due -> sleeping = false
	:: else -> asleep = true
	fi;
	due = false
}

proctype reader()
{
	byte visible[SUBS], limit[2], expected[SUBS];
	byte seen_tickets, next, m = NONE, d = NONE, end, k;
	bool busy[2], any, moved, quiet, due, asleep;
	do
	:: d_step { quiet = silent == 2; moved = false }
	   /* Reads until there is nothing, looking anew once before it says so. */
	   do
	   :: step();
	      if
	      :: any
	      :: else ->
		refill();
		step();
		if
		:: any
		:: else -> break
		fi
	      fi
	   od;
	   atomic { forget(); release() }
	   flush_all();
	   /* Nothing waits for what never comes. */
	   assert(!quiet || moved || handed == ALL);
	   go_to_sleep();
	   if
	   :: asleep ->
		asleep = false;
		if
		:: !sleeping
		:: silent == 2 && handed == ALL && sleeping -> break
		fi
	   :: else
	   fi
	od;
	assert(accounted == lost);
	assert(next == tickets)
}
