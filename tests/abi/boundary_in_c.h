/* SPDX-License-Identifier: Apache-2.0 */
/* What a C compiler makes of the ABI's headers, for comparison with C++. */
#ifndef VEXFS_TESTS_BOUNDARY_IN_C_H
#define VEXFS_TESTS_BOUNDARY_IN_C_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct boundary_number {
	const char *what;
	unsigned long long value;
};

/* The numbers as C sees them; @count: how many. */
const struct boundary_number *boundary_in_c(size_t *count);

#ifdef __cplusplus
}
#endif

/* X(expression): sizes, limits and call numbers that both sides of the boundary rely on. */
#define BOUNDARY_NUMBERS(X)                                                                   \
	X(sizeof(struct vx_record)) X(sizeof(struct vx_event)) X(sizeof(struct vx_rename))    \
	X(sizeof(struct vx_lost)) X(sizeof(struct vx_dir)) X(sizeof(struct vx_user))          \
	X(sizeof(struct vx_push)) X(sizeof(struct vx_push_header))                            \
	X(sizeof(struct vx_push_result)) X(sizeof(struct vx_ring_header))                     \
	X(sizeof(struct vx_producer)) X(sizeof(struct vx_consumer))                           \
	X(sizeof(struct vx_consumer_slot)) X(sizeof(struct vx_stats)) X(VX_LOST_MAX)          \
	X(offsetof(struct vx_stats, pushed_uop)) X(offsetof(struct vx_create, reserved64))    \
	X(offsetof(struct vx_watch_add, root_gen)) X(offsetof(struct vx_query, reserved))     \
	X(VX_IOC_QUERY) X(VX_IOC_CREATE) X(VX_IOC_WATCH_ADD) X(VX_IOC_WATCH_REMOVE)           \
	X(VX_IOC_WATCH_STATE) X(sizeof(struct vx_watch_state))                                \
	X(VX_IOC_PUSH) X(VX_IOC_BARRIER) X(VX_IOC_STATS) X(VX_EVENT_MAX) X(VX_USER_MAX)       \
	X(VX_DIR_MAX) X(VX_F_ALL) X(VX_OPS_ALL) X(VX_OPS_DEFAULT) X(VX_RING_MAGIC)            \
	X(VX_MMAP_RING) X(VX_MMAP_CONSUMER) X(VX_MMAP_PUSH) X(VX_PUSH_ENTRIES_OFF)            \
	X(vx_ring_bytes(3, 16384, 65536)) X(vx_consumer_bytes(64)) X(vx_push_bytes(16384))    \
	X(vx_event_len(VX_OP_FILE_RENAME, 3, 5)) X(vx_event_len(VX_OP_FILE_WRITE, 255, 4095))

#endif
