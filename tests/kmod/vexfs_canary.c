// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mistakes on purpose, one for each checker of a debug kernel: insmod vexfs_canary.ko bug=NAME. A
 * checker that says nothing then is not at work, and its silence about vexfs.ko proves nothing.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/slab.h>

static char *bug;
module_param(bug, charp, 0444);
MODULE_PARM_DESC(bug,
		 "use-after-free, out-of-bounds, sleep-in-atomic, lock-inversion, rcu or leak");

/* KASAN */
static void use_after_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return;
	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	WRITE_ONCE(p[8], 1);
}

/* UBSAN: the index is beyond the type's bound, within the memory. */
static void out_of_bounds(void)
{
	struct {
		int a[4];
		int b[4];
	} it = {};
	unsigned int i = 5;

	OPTIMIZER_HIDE_VAR(i);
	pr_info("vexfs_canary: %d\n", it.a[i]);
}

/* DEBUG_ATOMIC_SLEEP */
static void sleep_in_atomic(void)
{
	preempt_disable();
	msleep(1);
	preempt_enable();
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

/* PROVE_LOCKING: both orders, one after the other, so that nothing hangs. */
static void lock_inversion(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

/* PROVE_RCU */
static void rcu_without_lock(void)
{
	static int value;
	static int __rcu *pointer = (int __rcu *)&value;

	pr_info("vexfs_canary: %d\n", *rcu_dereference(pointer));
}

/* kmemleak. Something stands in it: its first scan takes that for a sign of life. */
static void leak(void)
{
	void *p = kmalloc(100, GFP_KERNEL);

	if (p)
		memset(p, 0x5a, 100);
	OPTIMIZER_HIDE_VAR(p);
}

static const struct {
	const char *name;
	void (*make)(void);
} bugs[] = {
	{ "use-after-free", use_after_free }, { "out-of-bounds", out_of_bounds },
	{ "sleep-in-atomic", sleep_in_atomic }, { "lock-inversion", lock_inversion },
	{ "rcu", rcu_without_lock }, { "leak", leak },
};

static int __init canary_init(void)
{
	unsigned int i;

	for (i = 0; bug && i < ARRAY_SIZE(bugs); i++) {
		if (!strcmp(bug, bugs[i].name)) {
			bugs[i].make();
			return 0;
		}
	}
	return -EINVAL;
}

static void __exit canary_exit(void)
{
}

module_init(canary_init);
module_exit(canary_exit);
MODULE_DESCRIPTION("Mistakes on purpose, for tests of the checkers");
MODULE_LICENSE("GPL");
