/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The only place where atomics on ring memory are spelled: in the kernel's words and in C11/C++
 * words (the compiler's __atomic builtins, which both languages share). What each is for, and which
 * is its partner:
 *
 *   vx_load_acquire / vx_store_release
 *       head: the producer's record, then head | the reader: head, then the record
 *       tail: the reader's last look, then tail | the producer: tail, then overwrite
 *       busy: the producer's head, then busy = 0 | the reader: busy, then head
 *   vx_fetch_add                         tickets: full barrier; busy = 1 comes before it, the
 *                                        record after it
 *   vx_mb                                wakeup: head, vx_mb, sleeping | sleeping = 1, vx_mb, head
 *   vx_load / vx_store                   one whole access, no order: counters
 */
#ifndef VEXFS_BARRIER_H
#define VEXFS_BARRIER_H

#include "abi/types.h"

#ifdef __KERNEL__

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <asm/barrier.h>

#define vx_load(p) READ_ONCE(*(p))
#define vx_store(p, v) WRITE_ONCE(*(p), (v))
/* Names of barriers: each use says what it pairs with. */
#define vx_load_acquire(p) smp_load_acquire(p)
/* The same. */
#define vx_store_release(p, v) smp_store_release((p), (v))
/* The same. */
#define vx_mb() smp_mb()
#define vx_likely(x) likely(x)
#define vx_unlikely(x) unlikely(x)

static inline __u64 vx_fetch_add(__u64 *p, __u64 v)
{
	return (__u64)atomic64_fetch_add((s64)v, (atomic64_t *)p);
}

static inline __u32 vx_exchange(__u32 *p, __u32 v)
{
	return (__u32)atomic_xchg((atomic_t *)p, (int)v);
}

#else

#define vx_load(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define vx_store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define vx_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define vx_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define vx_likely(x) __builtin_expect(!!(x), 1)
#define vx_unlikely(x) __builtin_expect(!!(x), 0)

/* ThreadSanitizer does not model fences; a read-modify-write of nothing is one that it does. */
#if defined(__SANITIZE_THREAD__)
static inline void vx_mb(void)
{
	static __u32 fence;

	__atomic_fetch_add(&fence, 0, __ATOMIC_SEQ_CST);
}
#else
#define vx_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

static inline __u64 vx_fetch_add(__u64 *p, __u64 v)
{
	return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}

static inline __u32 vx_exchange(__u32 *p, __u32 v)
{
	return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}

#endif
#endif
