/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Fixed-width types of the ABI, the same in the kernel, in C11 and in C++, and the C linkage of
 * shared/.
 */
#ifndef VEXFS_ABI_TYPES_H
#define VEXFS_ABI_TYPES_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stddef.h>
#endif

#ifdef __cplusplus
#define VX_STATIC_ASSERT(cond, msg) static_assert(cond, msg)
#define VX_BEGIN_DECLS extern "C" {
#define VX_END_DECLS }
#else
#define VX_STATIC_ASSERT(cond, msg) _Static_assert(cond, msg)
#define VX_BEGIN_DECLS
#define VX_END_DECLS
#endif

/* The ring's positions and tickets are 64-bit and must be loaded and stored whole. */
VX_STATIC_ASSERT(sizeof(void *) == 8, "VexFS needs a 64-bit machine");

#endif
