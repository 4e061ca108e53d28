// SPDX-License-Identifier: GPL-2.0-only
/* Slots of tasks. The contract is in slots.h. */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "slots.h"

int vx_slots_start(struct vx_slots *t)
{
	char *table = kvcalloc(VX_SLOTS_WAYS << VX_SLOTS_BUCKETS_BITS, t->size, GFP_KERNEL);

	if (!table)
		return -ENOMEM;
	/* Release: pairs with the address dependency in bucket(); the slots are empty. */
	smp_store_release(&t->table, table);
	return 0;
}

void vx_slots_stop(struct vx_slots *t, bool (*pending)(const void *slot))
{
	char *table = t->table;
	unsigned int i;

	WRITE_ONCE(t->table, NULL);
	synchronize_rcu();
	for (i = 0; pending && i < VX_SLOTS_WAYS << VX_SLOTS_BUCKETS_BITS; i++) {
		const struct vx_slot_head *head = (const void *)(table + i * t->size);

		if (head->task && pending(head))
			atomic_long_inc(&t->missed);
	}
	kvfree(table);
}

static char *bucket(const struct vx_slots *t)
{
	char *table = READ_ONCE(t->table);

	return table ? table + hash_ptr(current, VX_SLOTS_BUCKETS_BITS) * VX_SLOTS_WAYS * t->size
		     : NULL;
}

void *vx_slots_find(const struct vx_slots *t)
{
	char *at = bucket(t);
	unsigned int i;

	for (i = 0; at && i < VX_SLOTS_WAYS; i++, at += t->size)
		if (READ_ONCE(((struct vx_slot_head *)at)->task) == current)
			return at;
	return NULL;
}

void *vx_slots_take(struct vx_slots *t)
{
	char *at = bucket(t);
	unsigned int i;

	for (i = 0; at && i < VX_SLOTS_WAYS; i++, at += t->size) {
		struct vx_slot_head *head = (struct vx_slot_head *)at;

		if (!READ_ONCE(head->task) && !cmpxchg(&head->task, NULL, current))
			return at;
	}
	atomic_long_inc(&t->missed);
	return NULL;
}

void vx_slots_give(void *slot)
{
	/* Release: pairs with cmpxchg() in vx_slots_take(); nothing more is done with the slot. */
	smp_store_release(&((struct vx_slot_head *)slot)->task, NULL);
}
