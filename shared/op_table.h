/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The operation table: the only place where an operation's id, name and class stand. Kernel module,
 * daemon, command line, documents and tests are all generated from it. Append only: an id is never
 * reused or moved.
 *
 * Class M (namespace and metadata): takes a dense ticket, so that its order is the true one.
 * Class D (data traffic): is placed between two tickets. A flood of class D never evicts class M.
 */
#ifndef VEXFS_OP_TABLE_H
#define VEXFS_OP_TABLE_H

#include "abi/types.h"

VX_BEGIN_DECLS

enum vx_class { VX_CLASS_M = 0, VX_CLASS_D = 1, VX_CLASSES = 2 };

/* clang-format off: a table */
/* X(symbol, id, name, class) */
#define VX_KERNEL_OPS(X)                                  \
	X(FILE_OPEN, 0, "FileOpen", VX_CLASS_D)           \
	X(FILE_CLOSE, 1, "FileClose", VX_CLASS_D)         \
	X(FILE_READ, 2, "FileRead", VX_CLASS_D)           \
	X(FILE_WRITE, 3, "FileWrite", VX_CLASS_D)         \
	X(FILE_CREATE, 4, "FileCreate", VX_CLASS_M)       \
	X(FILE_DELETE, 5, "FileDelete", VX_CLASS_M)       \
	X(FILE_RENAME, 6, "FileRename", VX_CLASS_M)       \
	X(FILE_CHMOD, 7, "FileChmod", VX_CLASS_M)         \
	X(FILE_CHOWN, 8, "FileChown", VX_CLASS_M)         \
	X(FILE_TRUNCATE, 9, "FileTruncate", VX_CLASS_M)   \
	X(DIR_CREATE, 10, "DirCreate", VX_CLASS_M)        \
	X(DIR_DELETE, 11, "DirDelete", VX_CLASS_M)        \
	X(DIR_READ, 12, "DirRead", VX_CLASS_D)            \
	X(SYMLINK_CREATE, 13, "SymlinkCreate", VX_CLASS_M) \
	X(HARDLINK_CREATE, 14, "HardlinkCreate", VX_CLASS_M) \
	X(MOUNT, 15, "Mount", VX_CLASS_M)                 \
	X(UNMOUNT, 16, "Unmount", VX_CLASS_M)             \
	X(SYNC, 17, "Sync", VX_CLASS_M)

/*
 * X(symbol, id, name, kernel operation that it stands for when it is pushed to the kernel, or
 * VX_OP_NONE; kernel operations whose events it can answer). Queries, searches, bulk work and
 * rebuilds stand for none: they travel back as userspace operations, and can be about any event.
 * The others answer the events that translation makes them of, and those of the operation that
 * they stand for.
 */
#define VX_BY(op) VX_OP_BIT(VX_OP_##op)
#define VX_USER_OPS(X)                                                                    \
	X(GRAPH_NODE_CREATE, 0, "GraphNodeCreate", VX_OP_FILE_CREATE,                     \
	  VX_BY(FILE_CREATE) | VX_BY(DIR_CREATE) | VX_BY(SYMLINK_CREATE))                 \
	X(GRAPH_NODE_DELETE, 1, "GraphNodeDelete", VX_OP_FILE_DELETE,                     \
	  VX_BY(FILE_DELETE) | VX_BY(FILE_RENAME) | VX_BY(DIR_DELETE))                    \
	X(GRAPH_NODE_UPDATE, 2, "GraphNodeUpdate", VX_OP_FILE_WRITE,                      \
	  VX_BY(FILE_WRITE) | VX_BY(FILE_TRUNCATE))                                       \
	X(GRAPH_NODE_QUERY, 3, "GraphNodeQuery", VX_OP_NONE, VX_OPS_ALL)                  \
	X(GRAPH_EDGE_CREATE, 4, "GraphEdgeCreate", VX_OP_HARDLINK_CREATE,                 \
	  VX_BY(FILE_CREATE) | VX_BY(DIR_CREATE) | VX_BY(SYMLINK_CREATE) | VX_BY(HARDLINK_CREATE)) \
	X(GRAPH_EDGE_DELETE, 5, "GraphEdgeDelete", VX_OP_FILE_DELETE,                     \
	  VX_BY(FILE_DELETE) | VX_BY(FILE_RENAME) | VX_BY(DIR_DELETE))                    \
	X(GRAPH_EDGE_UPDATE, 6, "GraphEdgeUpdate", VX_OP_FILE_RENAME,                     \
	  VX_BY(FILE_RENAME) | VX_BY(MOUNT))                                              \
	X(GRAPH_EDGE_QUERY, 7, "GraphEdgeQuery", VX_OP_NONE, VX_OPS_ALL)                  \
	X(GRAPH_PROPERTY_SET, 8, "GraphPropertySet", VX_OP_FILE_CHMOD,                    \
	  VX_BY(FILE_CHMOD) | VX_BY(FILE_CHOWN) | VX_BY(MOUNT))                           \
	X(GRAPH_PROPERTY_DELETE, 9, "GraphPropertyDelete", VX_OP_FILE_CHMOD, VX_BY(FILE_CHMOD)) \
	X(GRAPH_PROPERTY_QUERY, 10, "GraphPropertyQuery", VX_OP_NONE, VX_OPS_ALL)         \
	X(GRAPH_TRAVERSE, 11, "GraphTraverse", VX_OP_NONE, VX_OPS_ALL)                    \
	X(GRAPH_BULK_INSERT, 12, "GraphBulkInsert", VX_OP_MOUNT, VX_BY(MOUNT))            \
	X(GRAPH_BULK_DELETE, 13, "GraphBulkDelete", VX_OP_UNMOUNT, VX_BY(UNMOUNT))        \
	X(GRAPH_TRANSACTION, 14, "GraphTransaction", VX_OP_SYNC, VX_BY(SYNC))             \
	X(VECTOR_CREATE, 15, "VectorCreate", VX_OP_FILE_CREATE,                           \
	  VX_BY(FILE_CREATE) | VX_BY(FILE_CLOSE))                                         \
	X(VECTOR_DELETE, 16, "VectorDelete", VX_OP_FILE_DELETE,                           \
	  VX_BY(FILE_DELETE) | VX_BY(FILE_RENAME))                                        \
	X(VECTOR_UPDATE, 17, "VectorUpdate", VX_OP_FILE_WRITE,                            \
	  VX_BY(FILE_WRITE) | VX_BY(FILE_CLOSE))                                          \
	X(VECTOR_QUERY, 18, "VectorQuery", VX_OP_NONE, VX_OPS_ALL)                        \
	X(VECTOR_SEARCH, 19, "VectorSearch", VX_OP_NONE, VX_OPS_ALL)                      \
	X(VECTOR_INDEX, 20, "VectorIndex", VX_OP_NONE, VX_OPS_ALL)                        \
	X(VECTOR_SIMILARITY, 21, "VectorSimilarity", VX_OP_NONE, VX_OPS_ALL)              \
	X(VECTOR_CLUSTER, 22, "VectorCluster", VX_OP_NONE, VX_OPS_ALL)                    \
	X(VECTOR_EMBED, 23, "VectorEmbed", VX_OP_NONE, VX_OPS_ALL)                        \
	X(VECTOR_BULK_INSERT, 24, "VectorBulkInsert", VX_OP_NONE, VX_OPS_ALL)             \
	X(VECTOR_BULK_DELETE, 25, "VectorBulkDelete", VX_OP_NONE, VX_OPS_ALL)             \
	X(VECTOR_INDEX_REBUILD, 26, "VectorIndexRebuild", VX_OP_NONE, VX_OPS_ALL)

/* clang-format on */

#define VX_ENUM_KERNEL(symbol, id, name, cls) VX_OP_##symbol = id,
enum vx_op { VX_KERNEL_OPS(VX_ENUM_KERNEL) VX_OP_COUNT, VX_OP_NONE = 0xffff };
#undef VX_ENUM_KERNEL

#define VX_ENUM_USER(symbol, id, name, kernel_op, answers) VX_UOP_##symbol = id,
enum vx_uop { VX_USER_OPS(VX_ENUM_USER) VX_UOP_COUNT };
#undef VX_ENUM_USER

/* A re-emitted userspace operation is counted in the slot behind the 18. */
enum { VX_OP_USER = VX_OP_COUNT, VX_OP_SLOTS = VX_OP_COUNT + 1 };

#define VX_OP_BIT(op) (1ull << (op))
#define VX_OPS_ALL (VX_OP_BIT(VX_OP_COUNT) - 1)
/* All but reads and opens: readers that react to reads loop. */
#define VX_OPS_DEFAULT                                                            \
	(VX_OPS_ALL & ~(VX_OP_BIT(VX_OP_FILE_OPEN) | VX_OP_BIT(VX_OP_FILE_READ) | \
			VX_OP_BIT(VX_OP_DIR_READ)))

#define VX_MASK_M(symbol, id, name, cls) | ((cls) == VX_CLASS_M ? VX_OP_BIT(id) : 0)
#define VX_OPS_M (0ull VX_KERNEL_OPS(VX_MASK_M))

/*
 * Class of a kernel operation; @op must be below VX_OP_SLOTS. A mask test, not a table: it is in
 * the hot path.
 */
static inline enum vx_class vx_op_class(unsigned int op)
{
	return ((VX_OPS_M | VX_OP_BIT(VX_OP_USER)) >> op) & 1 ? VX_CLASS_M : VX_CLASS_D;
}

/*
 * Name of a kernel operation ("FileOpen"), or "User" for the slot behind; NULL when @op is none of
 * them.
 */
const char *vx_op_name(unsigned int op);
/* Name of a userspace operation ("GraphNodeCreate"); NULL when @uop is none of the 27. */
const char *vx_uop_name(unsigned int uop);
/* The kernel operation that @uop stands for, or VX_OP_NONE. */
unsigned int vx_uop_kernel_op(unsigned int uop);
/* VX_OP_BIT()s of the kernel operations whose events @uop can answer; 0: it is none of the 27. */
__u32 vx_uop_answers(unsigned int uop);
/* 1 when all of @uop_mask (bit n: userspace operation n) can answer an event of @op, else 0. */
int vx_uops_answer(__u32 uop_mask, unsigned int op);

VX_END_DECLS

#endif
