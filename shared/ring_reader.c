// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The ring, reader's side. The contract and the reasons are in ring_reader.h. */
#include "ring_reader.h"

#include <errno.h>
#include <string.h>

#include "abi/version.h"
#include "record.h"

size_t vx_reader_scratch(__u32 producers)
{
	return (size_t)producers * VX_CLASSES * (sizeof(struct vx_reader_sub) + sizeof(__u32));
}

static int geometry_ok(const struct vx_ring_header *h, __u64 bytes)
{
	const __u64 m = h->size[VX_CLASS_M], d = h->size[VX_CLASS_D];

	if (!h->producers || h->producers > VX_PRODUCERS_MAX)
		return 0;
	if (!m || !d || (m & (m - 1)) || (d & (d - 1)) || m > VX_SUBRING_MAX || d > VX_SUBRING_MAX)
		return 0;
	return h->producer_off == VX_PAGE && h->data_off == vx_data_off(h->producers) &&
	       h->total == vx_ring_bytes(h->producers, m, d) && h->total <= bytes &&
	       h->consumer_bytes == vx_consumer_bytes(h->producers);
}

int vx_reader_init(struct vx_reader *rd, const void *ring, __u64 ring_bytes, void *consumer,
		   void *scratch, __u64 first_seq)
{
	const struct vx_ring_header *h = (const struct vx_ring_header *)ring;
	const unsigned char *base = (const unsigned char *)ring;
	__u32 i, cls, subs;

	if (ring_bytes < VX_PAGE || h->magic != VX_RING_MAGIC || h->abi_version != VX_ABI_VERSION)
		return -EPROTO;
	if (!geometry_ok(h, ring_bytes))
		return -EINVAL;
	subs = h->producers * VX_CLASSES;
	memset(rd, 0, sizeof(*rd));
	rd->header = h;
	rd->n = h->producers;
	rd->next_seq = first_seq;
	rd->consumer = (struct vx_consumer *)consumer;
	rd->slots = (struct vx_consumer_slot *)(rd->consumer + 1);
	rd->subs = (struct vx_reader_sub *)scratch;
	rd->heap[VX_CLASS_M] = (__u32 *)(rd->subs + subs);
	rd->heap[VX_CLASS_D] = rd->heap[VX_CLASS_M] + rd->n;
	for (i = 0; i < rd->n; i++) {
		for (cls = 0; cls < VX_CLASSES; cls++) {
			struct vx_reader_sub *s = &rd->subs[i * VX_CLASSES + cls];

			s->producer = (const struct vx_producer *)(base + h->producer_off) +
				      (i * VX_CLASSES + cls);
			s->data = base + vx_subring_off(rd->n, h->size[VX_CLASS_M],
							h->size[VX_CLASS_D], i, cls);
			s->mask = h->size[cls] - 1;
		}
	}
	return 0;
}

static int before(const struct vx_reader *rd, __u32 a, __u32 b)
{
	const struct vx_reader_sub *x = &rd->subs[a], *y = &rd->subs[b];

	if (x->key_ticket != y->key_ticket)
		return x->key_ticket < y->key_ticket;
	if (x->key_ns != y->key_ns)
		return x->key_ns < y->key_ns;
	return a < b;
}

static void sift_down(struct vx_reader *rd, __u32 cls)
{
	__u32 *heap = rd->heap[cls];
	const __u32 n = rd->queued[cls];
	const __u32 moving = heap[0];
	__u32 at = 0;

	for (;;) {
		__u32 child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && before(rd, heap[child + 1], heap[child]))
			child++;
		if (!before(rd, heap[child], moving))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moving;
}

static void push(struct vx_reader *rd, __u32 cls, __u32 index)
{
	__u32 *heap = rd->heap[cls];
	__u32 at = rd->queued[cls]++;

	while (at && before(rd, index, heap[(at - 1) / 2])) {
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = index;
	rd->subs[index].queued = 1;
}

static const struct vx_record *record_at(const struct vx_reader_sub *s)
{
	return (const struct vx_record *)(s->data + (s->pos & s->mask));
}

/* True when an event's parts are within its @len bytes. */
static int event_ok(const struct vx_record *r, __u32 len)
{
	const struct vx_event *e = (const struct vx_event *)r;

	return len >= sizeof(*e) && r->op < VX_OP_COUNT && e->name_len <= VX_NAME_MAX &&
	       e->name2_len <= VX_NAME2_MAX &&
	       vx_event_len(r->op, e->name_len, e->name2_len) <= len;
}

/* The same of a pushed operation, and the event in it. */
static int user_ok(const struct vx_record *r)
{
	const struct vx_user *u = (const struct vx_user *)r;
	const struct vx_record *inner = (const struct vx_record *)(u + 1);

	if (r->len < sizeof(*u) + sizeof(struct vx_event) || r->op >= VX_UOP_COUNT)
		return 0;
	return u->event_len == r->len - sizeof(*u) && inner->len == u->event_len &&
	       inner->type == VX_REC_EVENT && event_ok(inner, inner->len);
}

/* The same of where a directory is. */
static int dir_ok(const struct vx_record *r)
{
	const struct vx_dir *d = (const struct vx_dir *)r;

	return r->len >= sizeof(*d) && d->name_len <= VX_NAME_MAX &&
	       sizeof(*d) + d->name_len <= r->len;
}

/* The same of an account. */
static int lost_ok(const struct vx_record *r, __u32 cls)
{
	const struct vx_lost *lost = (const struct vx_lost *)r;
	const __u32 flags = cls == VX_CLASS_M ? VX_LOST_F_OVERFLOW : 0;

	if (r->len < sizeof(*lost) || r->op != cls || !lost->lost || (lost->flags & ~flags))
		return 0;
	if (lost->dirty > VX_DIRTY_MAX || (lost->dirty && (lost->flags || cls != VX_CLASS_M)))
		return 0;
	return r->len == sizeof(*lost) + lost->dirty * sizeof(struct vx_dirty);
}

/* True when @r, all of whose len bytes can be read, can be a record of a sub-ring of @cls. */
static int record_ok(const struct vx_record *r, __u32 cls)
{
	switch (r->type) {
	case VX_REC_EVENT:
		return event_ok(r, r->len) && vx_op_class(r->op) == cls;
	case VX_REC_LOST:
		return lost_ok(r, cls);
	case VX_REC_DIR:
		return dir_ok(r);
	case VX_REC_USER:
		return cls == VX_CLASS_M && user_ok(r);
	}
	return 0;
}

/* The same of what @left bytes begin with. */
static int whole_record(const struct vx_record *r, __u64 left, __u32 cls)
{
	return left >= sizeof(*r) && !(r->len & 7) && r->len <= left && record_ok(r, cls);
}

/* Takes the key of the record at pos. Returns 0 when that cannot be a record. */
static int load_key(struct vx_reader *rd, struct vx_reader_sub *s)
{
	const __u32 cls = (__u32)(s - rd->subs) % VX_CLASSES;
	const struct vx_record *r = record_at(s);

	if (!whole_record(r, s->visible - s->pos, cls)) {
		rd->broken = 1;
		return 0;
	}
	s->key_ticket = r->ticket;
	s->key_ns = r->mono_ns;
	return 1;
}

static void enqueue(struct vx_reader *rd, __u32 index)
{
	struct vx_reader_sub *s = &rd->subs[index];

	if (!s->queued && s->pos != s->visible && load_key(rd, s))
		push(rd, index % VX_CLASSES, index);
}

/* Tests put producers' steps between the looks of a snapshot; otherwise nothing. */
#ifndef VX_BETWEEN_LOOKS
#define VX_BETWEEN_LOOKS() ((void)0)
#endif

/* The snapshot: see the head of ring_reader.h. Every acquire keeps the later looks later. */
static void refill(struct vx_reader *rd)
{
	const __u32 subs = rd->n * VX_CLASSES;
	__u32 i;

	/*
	 * Pairs with the producers' vx_fetch_add: who took a smaller ticket is seen busy, or seen
	 * to be done.
	 */
	rd->tickets = vx_load_acquire(&rd->header->tickets);
	/*
	 * Full barrier: pairs with the producers' behind head. Who began after a record that is not
	 * seen below was published sees at least these tickets (docs/litmus/agree.pml).
	 */
	vx_mb();
	rd->behind_limit = 0;
	for (i = VX_CLASS_D; i < subs; i += VX_CLASSES) {
		struct vx_reader_sub *s = &rd->subs[i];

		VX_BETWEEN_LOOKS();
		s->limit = vx_load_acquire(&s->producer->head);
		rd->behind_limit += s->pos != s->limit;
	}
	for (i = VX_CLASS_M; i < subs; i += VX_CLASSES) {
		struct vx_reader_sub *s = &rd->subs[i];

		VX_BETWEEN_LOOKS();
		s->busy = vx_load_acquire(&s->producer->busy) != 0;
		VX_BETWEEN_LOOKS();
		s->visible = vx_load_acquire(&s->producer->head);
		enqueue(rd, i);
	}
	for (i = VX_CLASS_D; i < subs; i += VX_CLASSES) {
		struct vx_reader_sub *s = &rd->subs[i];

		VX_BETWEEN_LOOKS();
		s->visible = vx_load_acquire(&s->producer->head);
		enqueue(rd, i);
	}
}

/* Takes the record at the top of the heap of @cls out, and queues the one behind it. */
static const struct vx_record *take(struct vx_reader *rd, __u32 cls, struct vx_item *item)
{
	const __u32 index = rd->heap[cls][0];
	struct vx_reader_sub *s = &rd->subs[index];
	const struct vx_record *r = record_at(s);

	item->producer = index / VX_CLASSES;
	item->cls = cls;
	item->record = r;
	item->count = 0;
	item->ticket = r->ticket;
	if (cls == VX_CLASS_D && s->pos < s->limit && s->pos + r->len >= s->limit)
		rd->behind_limit--;
	s->pos += r->len;
	if (s->pos != s->visible && load_key(rd, s)) {
		sift_down(rd, cls);
	} else {
		s->queued = 0;
		rd->heap[cls][0] = rd->heap[cls][--rd->queued[cls]];
		if (rd->queued[cls])
			sift_down(rd, cls);
	}
	return r;
}

static enum vx_item_kind gap(struct vx_reader *rd, struct vx_item *item, __u32 cls, __u64 ticket,
			     __u64 count)
{
	item->kind = VX_ITEM_GAP;
	item->cls = cls;
	item->record = (const struct vx_record *)0;
	item->seq = rd->next_seq;
	item->count = count;
	item->ticket = ticket;
	rd->next_seq += count;
	return VX_ITEM_GAP;
}

/* Hands out the record at the top of the heap of @cls. */
static enum vx_item_kind deliver(struct vx_reader *rd, __u32 cls, struct vx_item *item)
{
	struct vx_reader_sub *s = &rd->subs[rd->heap[cls][0]];
	const struct vx_record *r = take(rd, cls, item);
	const struct vx_lost *lost = (const struct vx_lost *)r;

	item->seq = rd->next_seq;
	if (r->type == VX_REC_DIR)
		return item->kind = VX_ITEM_DIR;
	if (r->count != s->next_count) {
		rd->broken = 1; /* a record is missing without an account of it */
		return item->kind = VX_ITEM_BROKEN;
	}
	if (r->type != VX_REC_LOST) {
		s->next_count++;
		rd->next_seq++;
		rd->next_ticket += cls == VX_CLASS_M;
		return item->kind = VX_ITEM_EVENT;
	}
	s->next_count += lost->lost;
	item->kind = VX_ITEM_LOST;
	item->count = lost->lost;
	if (cls == VX_CLASS_M)
		rd->lost_by_record += lost->lost;
	else
		rd->next_seq += lost->lost;
	return VX_ITEM_LOST;
}

/*
 * True when no producer can still publish the next ticket: none that has nothing visible is busy.
 */
static int decided(const struct vx_reader *rd)
{
	__u32 i;

	for (i = VX_CLASS_M; i < rd->n * VX_CLASSES; i += VX_CLASSES)
		if (rd->subs[i].busy && rd->subs[i].pos == rd->subs[i].visible)
			return 0;
	return 1;
}

/* The next item that the snapshot allows. */
static enum vx_item_kind step(struct vx_reader *rd, struct vx_item *item)
{
	const __u64 t = rd->next_ticket;
	const struct vx_reader_sub *m = (const struct vx_reader_sub *)0, *d = m;
	__u64 end = rd->tickets;

	if (rd->broken)
		return item->kind = VX_ITEM_BROKEN;
	if (rd->queued[VX_CLASS_M])
		m = &rd->subs[rd->heap[VX_CLASS_M][0]];
	if (rd->queued[VX_CLASS_D])
		d = &rd->subs[rd->heap[VX_CLASS_D][0]];
	if (m && m->key_ticket <= t && record_at(m)->type != VX_REC_EVENT &&
	    record_at(m)->type != VX_REC_USER)
		return deliver(rd, VX_CLASS_M, item);
	if (d && d->key_ticket <= t && (rd->behind_limit || t < rd->tickets))
		return deliver(rd, VX_CLASS_D, item);
	if (t >= rd->tickets)
		return item->kind = VX_ITEM_NONE;
	if (m && m->key_ticket == t)
		return deliver(rd, VX_CLASS_M, item);
	if (m && m->key_ticket < t) {
		rd->broken = 1;
		return item->kind = VX_ITEM_BROKEN;
	}
	if (!decided(rd))
		return item->kind = VX_ITEM_NONE;
	if (m && m->key_ticket < end)
		end = m->key_ticket;
	if (d && d->key_ticket < end)
		end = d->key_ticket;
	rd->next_ticket = end;
	rd->lost_by_ticket += end - t;
	return gap(rd, item, VX_CLASS_M, t, end - t);
}

enum vx_item_kind vx_reader_next(struct vx_reader *rd, struct vx_item *item)
{
	const enum vx_item_kind kind = step(rd, item);

	if (kind != VX_ITEM_NONE)
		return kind;
	refill(rd);
	return step(rd, item);
}

void vx_reader_where(const struct vx_reader *rd, __u64 *at)
{
	const __u32 subs = rd->n * VX_CLASSES;
	__u32 i;

	for (i = 0; i < subs; i++) {
		at[i] = rd->subs[i].pos;
		at[subs + i] = rd->subs[i].next_count;
	}
	at[2 * subs] = rd->next_ticket;
}

static void release_sub(struct vx_reader *rd, __u32 sub, __u64 pos)
{
	__u64 *tail = &rd->slots[sub / VX_CLASSES].tail[sub % VX_CLASSES];

	/* Release: pairs with the producer's acquire of tail; all reads of the records are done. */
	if (vx_load(tail) != pos)
		vx_store_release(tail, pos);
}

void vx_reader_release_to(struct vx_reader *rd, const __u64 *at)
{
	__u32 i;

	for (i = 0; i < rd->n * VX_CLASSES; i++)
		release_sub(rd, i, at[i]);
}

void vx_reader_note(struct vx_reader *rd, const __u64 *at, __u64 next_seq, __u64 missed)
{
	const __u32 subs = rd->n * VX_CLASSES;
	__u32 i;

	for (i = 0; i < subs; i++)
		vx_store(&rd->slots[i / VX_CLASSES].next_count[i % VX_CLASSES], at[subs + i]);
	vx_store(&rd->consumer->next_ticket, at[2 * subs]);
	vx_store(&rd->consumer->missed, missed);
	/*
	 * Last: who finds it looks for what was read behind it, and would not find what is before.
	 */
	vx_store_release(&rd->consumer->next_seq, next_seq);
}

void vx_reader_note_first(struct vx_reader *rd, __u64 next_seq)
{
	vx_store(&rd->consumer->first_seq, next_seq);
	/* Last: without it there is no note. */
	vx_store_release(&rd->consumer->next_seq, next_seq);
}

void vx_reader_release(struct vx_reader *rd)
{
	__u32 i;

	for (i = 0; i < rd->n * VX_CLASSES; i++)
		release_sub(rd, i, rd->subs[i].pos);
}

int vx_reader_crowded(const struct vx_reader *rd)
{
	__u32 i;

	for (i = 0; i < rd->n * VX_CLASSES; i++) {
		const struct vx_reader_sub *s = &rd->subs[i];

		if (s->pos - vx_load(&rd->slots[i / VX_CLASSES].tail[i % VX_CLASSES]) > s->mask / 4)
			return 1;
	}
	return 0;
}

/* Moves behind the attempts that were read before, and where their directories are. */
static int skip(struct vx_reader_sub *s, __u32 cls)
{
	const __u64 head = vx_load_acquire(&s->producer->head);
	__u64 at = s->pos;

	if (head - at > s->mask + 1 || ((head | at) & 7))
		return -EINVAL;
	while (at != head) {
		const struct vx_record *r =
			(const struct vx_record *)(s->data + (at & s->mask));

		if (!whole_record(r, head - at, cls))
			return -EINVAL;
		at += r->len;
		if (r->type == VX_REC_DIR)
			continue;
		if (r->count >= s->next_count)
			break;
		s->pos = at;
	}
	return 0;
}

int vx_reader_resume(struct vx_reader *rd, const __u64 *next_count, __u64 next_ticket)
{
	__u32 i;

	rd->next_ticket = vx_load(&rd->consumer->next_ticket);
	if (rd->next_ticket < next_ticket)
		rd->next_ticket = next_ticket;
	for (i = 0; i < rd->n * VX_CLASSES; i++) {
		const struct vx_consumer_slot *slot = &rd->slots[i / VX_CLASSES];
		struct vx_reader_sub *s = &rd->subs[i];

		s->pos = vx_load(&slot->tail[i % VX_CLASSES]);
		s->next_count = vx_load(&slot->next_count[i % VX_CLASSES]);
		if (s->next_count < next_count[i])
			s->next_count = next_count[i];
		if (skip(s, i % VX_CLASSES))
			return -EINVAL;
	}
	return 0;
}

int vx_reader_sleep(struct vx_reader *rd, __u64 wake_bytes)
{
	__u32 i;

	for (i = 0; i < rd->n * VX_CLASSES; i++)
		vx_store(&rd->slots[i / VX_CLASSES].wake[i % VX_CLASSES],
			 rd->subs[i].pos + wake_bytes);
	vx_store(&rd->consumer->sleeping, 1);
	/* Full barrier: pairs with the producers' between head and sleeping. */
	vx_mb();
	for (i = 0; i < rd->n * VX_CLASSES; i++) {
		const __u64 head = vx_load(&rd->subs[i].producer->head);
		const __u64 need = wake_bytes ? wake_bytes : 1;

		if (head - rd->subs[i].pos >= need || vx_load(&rd->subs[i].producer->loss_pending))
			break;
	}
	/* A ticket that nobody was seen to have given up is decided only by another look. */
	if (i == rd->n * VX_CLASSES &&
	    (wake_bytes > 1 || vx_load(&rd->header->tickets) == rd->next_ticket))
		return 1;
	vx_reader_awake(rd);
	return 0;
}

void vx_reader_awake(struct vx_reader *rd)
{
	vx_store(&rd->consumer->sleeping, 0);
}

void vx_reader_mark(const struct vx_reader *rd, __u64 *mark)
{
	const __u32 subs = rd->n * VX_CLASSES;
	__u32 i;

	for (i = 0; i < subs; i++)
		mark[i] = vx_load(&rd->subs[i].producer->attempted);
	mark[subs] = vx_load_acquire(&rd->header->tickets);
}

int vx_reader_passed(const struct vx_reader *rd, const __u64 *mark)
{
	const __u32 subs = rd->n * VX_CLASSES;
	__u32 i;

	for (i = 0; i < subs; i++)
		if (rd->subs[i].next_count < mark[i])
			return 0;
	return rd->next_ticket >= mark[subs];
}

int vx_reader_loss_pending(const struct vx_reader *rd)
{
	__u32 i;

	for (i = 0; i < rd->n * VX_CLASSES; i++)
		/* Acquire: pairs with the producer's release; the account is whole. */
		if (vx_load_acquire(&rd->subs[i].producer->loss_pending))
			return 1;
	return 0;
}

__u64 vx_reader_backlog(const struct vx_reader *rd)
{
	__u64 sum = 0;
	__u32 i;

	for (i = 0; i < rd->n * VX_CLASSES; i++)
		sum += vx_load(&rd->subs[i].producer->head) - rd->subs[i].pos;
	return sum;
}
