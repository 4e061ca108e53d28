// SPDX-License-Identifier: GPL-2.0-only
/* Notes from a probe. The contract is in notes.h. */
#include <linux/string.h>

#include "notes.h"

static bool about(const struct vx_note *n, const void *key)
{
	return n->task == current && (n->key == key || n->other == key);
}

static struct vx_note *find(struct vx_note_bucket *b, const void *key)
{
	unsigned int i;

	for (i = 0; i < VX_NOTE_WAYS; i++)
		if (about(&b->note[i], key))
			return &b->note[i];
	return NULL;
}

static void drop(struct vx_note_bucket *b, const void *key)
{
	unsigned int i;

	for (i = 0; key && i < VX_NOTE_WAYS; i++)
		if (about(&b->note[i], key))
			b->note[i].task = NULL;
}

/* What the current task's calls have left that have ended when one of @level begins. */
static void drop_ended(struct vx_note_bucket *b, u32 level)
{
	unsigned int i;

	for (i = 0; level && i < VX_NOTE_WAYS; i++)
		if (b->note[i].task == current && b->note[i].level && b->note[i].level <= level)
			b->note[i].task = NULL;
}

/* Is @n's place to be had rather than @m's? */
static bool cheaper(const struct vx_note *n, const struct vx_note *m)
{
	if (!n->task || !m->task)
		return !n->task;
	if (n->read != m->read)
		return n->read;
	return n->age < m->age;
}

void vx_notes_write(struct vx_notes *t, struct vx_note *n)
{
	struct vx_note_bucket *b = vx_notes_bucket(t);
	struct vx_note *place = b->note;
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&b->lock, flags);
	drop(b, n->key);
	drop(b, n->other);
	drop_ended(b, n->level);
	for (i = 1; i < VX_NOTE_WAYS; i++)
		if (cheaper(&b->note[i], place))
			place = &b->note[i];
	if (place->task && !place->read)
		WRITE_ONCE(b->lost, b->lost + 1);
	*place = *n;
	place->task = current;
	place->age = b->age++;
	WRITE_ONCE(b->used, true);
	raw_spin_unlock_irqrestore(&b->lock, flags);
}

void vx_notes_drop(struct vx_notes *t, const void *key)
{
	struct vx_note_bucket *b = vx_notes_bucket(t);
	unsigned long flags;

	raw_spin_lock_irqsave(&b->lock, flags);
	drop(b, key);
	raw_spin_unlock_irqrestore(&b->lock, flags);
}

static bool read_note(struct vx_notes *t, const void *key, struct vx_note *n, bool take)
{
	struct vx_note_bucket *b = vx_notes_bucket(t);
	struct vx_note *found;
	unsigned long flags;

	raw_spin_lock_irqsave(&b->lock, flags);
	found = find(b, key);
	if (found) {
		*n = *found;
		found->read = !t->kept;
		if (take)
			found->task = NULL;
	}
	raw_spin_unlock_irqrestore(&b->lock, flags);
	return found;
}

bool vx_notes_find(struct vx_notes *t, const void *key, struct vx_note *n)
{
	return read_note(t, key, n, false);
}

bool vx_notes_take(struct vx_notes *t, const void *key, struct vx_note *n)
{
	return read_note(t, key, n, true);
}

bool vx_notes_mark(struct vx_notes *t, const void *key, u64 bit, struct vx_note *before)
{
	struct vx_note_bucket *b = vx_notes_bucket(t);
	struct vx_note *found;
	unsigned long flags;

	raw_spin_lock_irqsave(&b->lock, flags);
	found = find(b, key);
	if (found) {
		*before = *found;
		found->seen |= bit;
	}
	raw_spin_unlock_irqrestore(&b->lock, flags);
	return found;
}

void vx_notes_clear(struct vx_notes *t)
{
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t->bucket); i++) {
		raw_spin_lock_irqsave(&t->bucket[i].lock, flags);
		memset(t->bucket[i].note, 0, sizeof(t->bucket[i].note));
		WRITE_ONCE(t->bucket[i].used, false);
		raw_spin_unlock_irqrestore(&t->bucket[i].lock, flags);
	}
}

unsigned long vx_notes_lost(const struct vx_notes *t)
{
	unsigned long sum = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t->bucket); i++)
		sum += READ_ONCE(t->bucket[i].lost);
	return sum;
}
