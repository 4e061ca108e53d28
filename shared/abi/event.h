/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Records of the ring. Every record begins with struct vx_record, is a multiple of 8 bytes long and
 * stands whole in memory (the data pages of a sub-ring are mapped twice in a row). All fields are
 * in the machine's byte order; unused fields and padding bytes are zero.
 *
 *   VX_REC_EVENT  what happened to an object: struct vx_event, then for FileRename struct
 *                 vx_rename, then name (name_len bytes), name2 (name2_len bytes), zero padding to 8
 *   VX_REC_LOST   attempts of this sub-ring that found no room, in place of the records: struct
 *                 vx_lost, then dirty × struct vx_dirty
 *   VX_REC_DIR    where a directory is: struct vx_dir, then name. Comes before the first event in
 *                 the directory on each sub-ring (and again when the kernel no longer remembers
 *                 having said it). From these and from the renames of directories the reader knows
 *                 the path of every event, at the price of no path walk in the hook.
 *   VX_REC_USER   a userspace operation that another channel pushed: struct vx_user, then its
 *                 embedded event record
 */
#ifndef VEXFS_ABI_EVENT_H
#define VEXFS_ABI_EVENT_H

#include "types.h"
#include "../op_table.h"

enum vx_record_type {
	VX_REC_EVENT = 1,
	VX_REC_LOST = 2,
	VX_REC_DIR = 3,
	VX_REC_USER = 4,
};

/* 32 bytes. */
struct vx_record {
	__u32 len;      /* bytes, this header included; multiple of 8 */
	__u16 type;     /* enum vx_record_type */
	__u16 op;       /* EVENT: enum vx_op; USER: enum vx_uop; LOST: enum vx_class; DIR: 0 */
	/* class M event: its own ticket; otherwise: how many tickets had been taken by then */
	__u64 ticket;
	/* attempts on this sub-ring before this one (LOST: before the first lost one) */
	__u64 count;
	__u64 mono_ns;  /* CLOCK_MONOTONIC, nanoseconds (LOST: of the first lost attempt) */
};

#define VX_F_DIRECTORY (1u << 0)  /* the object is a directory */
#define VX_F_EXEC (1u << 1)       /* FileOpen: opened to be executed */
#define VX_F_WROTE (1u << 2)      /* FileClose: the file had been open for writing */
#define VX_F_REPLACED (1u << 3)   /* FileRename: an object at the new name was replaced: target_* */
#define VX_F_EXCHANGE (1u << 4)   /* FileRename: one half of RENAME_EXCHANGE */
#define VX_F_TMPFILE (1u << 5)    /* FileCreate: an O_TMPFILE object got its first name by a link */
#define VX_F_UNLINKED (1u << 6)   /* the name is the last one known: the object has it no more */
#define VX_F_LAST_LINK (1u << 7)  /* FileDelete, replaced target: its last name is gone */
/* FileChmod: the kernel dropped set-id bits because of a write or chown */
#define VX_F_FORCED (1u << 8)
#define VX_F_MODE (1u << 9)       /* FileChmod: the mode was set */
#define VX_F_OWNER (1u << 10)     /* FileChown: the owner was set */
#define VX_F_GROUP (1u << 11)     /* FileChown: the group was set */
#define VX_F_DATASYNC (1u << 12)  /* Sync: fdatasync */
#define VX_F_SYNC_FS (1u << 13)   /* Sync: a whole file system (syncfs) */
#define VX_F_SYNC_ALL (1u << 14)  /* Sync: all file systems (sync) */
#define VX_F_LAZY (1u << 15)      /* Unmount: MNT_DETACH */
#define VX_F_BIND (1u << 16)      /* Mount: bind mount */
#define VX_F_REMOUNT (1u << 17)   /* Mount: options of an existing mount changed */
#define VX_F_MOVE (1u << 18)      /* Mount: an existing mount was moved */
#define VX_F_SPECIAL (1u << 19)   /* FileCreate: device, fifo or socket */
#define VX_F_RESYNC (1u << 20)    /* found by comparing after a loss, not seen as it happened */
#define VX_F_NO_NAME (1u << 21)   /* no name is known for the object */
#define VX_F_OPEN_TRUNC (1u << 22) /* FileTruncate: by O_TRUNC at open */
#define VX_F_ALL ((1u << 23) - 1)

#define VX_COMM_LEN 16
#define VX_NAME_MAX 255    /* bytes of a file name */
#define VX_NAME2_MAX 4095  /* bytes of a symlink target or mount source */

/*
 * 160 bytes, then struct vx_rename for FileRename, then the names.
 *   name   the object's name in the parent (FileRename: the new one); of the mount point for Mount
 *          and Unmount
 *   name2  FileRename: the old name; SymlinkCreate: the link's target; Mount: "type:source"
 */
struct vx_event {
	struct vx_record rec;
	/*
	 * of the file system: statfs f_fsid, or its device number where that is 0. Mount and
	 * Unmount told to a watch of what is mounted: of the place, its device number if nobody
	 * watches it
	 */
	__u64 fsid;
	__u64 ino;
	__u64 parent_ino;  /* FileRename: the new parent; 0 where there is none */
	__u32 gen;         /* inode generation */
	__u32 parent_gen;
	__u64 size;        /* bytes, after the operation */
	__u64 offset;      /* bytes; start of the range where one is known. Mount: mount flags */
	__u64 length;      /* bytes; 0: not known (Sync: 0 means to the end of the file) */
	/* from its beginning in the kernel until it was done; 0: not measured */
	__u64 duration_ns;
	__u32 flags;       /* VX_F_* */
	__s32 error;       /* 0, or the negative errno of an operation that failed */
	__u32 mode;        /* type and permission bits, after the operation */
	__u32 nlink;       /* names that the object has after the operation */
	__u32 uid;         /* effective ids of the acting task, in the initial user namespace */
	__u32 gid;
	__u32 owner_uid;   /* owner of the object after the operation */
	__u32 owner_gid;
	__u32 pid;         /* thread group id, in the initial pid namespace */
	__u32 tid;
	__u32 cookie;      /* FileRename, exchange: joins the two halves; otherwise 0 */
	__u16 name_len;    /* bytes */
	__u16 name2_len;   /* bytes */
	char comm[VX_COMM_LEN]; /* zero padded, not always zero terminated */
};

/* 32 bytes, behind struct vx_event of a FileRename. */
struct vx_rename {
	__u64 old_parent_ino;
	__u64 target_ino;      /* with VX_F_REPLACED: the object that lost its name */
	__u32 old_parent_gen;
	__u32 target_gen;
	__u32 target_nlink;    /* names that are left to it */
	__u32 target_mode;
};

/* 24 bytes. A directory in which something has changed that no record tells. */
struct vx_dirty {
	__u64 fsid;
	__u64 ino;
	__u32 gen;
	__u32 reserved;
};

#define VX_DIRTY_MAX 63           /* directories that one VX_REC_LOST names */
/* class M: something has changed outside of the directories that are named; then none is */
#define VX_LOST_F_OVERFLOW (1u << 0)

/*
 * 144 bytes, then the directories. The lost attempts have the counts rec.count ... rec.count +
 * lost - 1 of this sub-ring.
 */
struct vx_lost {
	struct vx_record rec;   /* op: enum vx_class; ticket: of the first lost attempt */
	/* ticket of the last lost attempt (class D: tickets taken by then) */
	__u64 last_ticket;
	__u64 last_ns;
	__u64 lost;             /* attempts */
	__u32 producer;         /* CPU number */
	__u16 dirty;            /* struct vx_dirty behind this; class D: 0 */
	__u16 flags;            /* VX_LOST_F_* */
	__u32 per_op[VX_OP_SLOTS + 1]; /* attempts, saturating; the last is padding */
};

/* 72 bytes, then name (zero padded to 8). A root has parent_ino 0 and no name. */
struct vx_dir {
	struct vx_record rec;  /* ticket: true for all renames with a smaller ticket */
	__u64 fsid;
	__u64 ino;
	__u64 parent_ino;
	__u32 gen;
	__u32 parent_gen;
	__u16 name_len;
	__u16 reserved16;
	__u32 reserved32;
};

/* 64 bytes, then the event record as it was pushed (a whole VX_REC_EVENT). */
struct vx_user {
	struct vx_record rec;
	__u64 channel;     /* id of the channel that pushed it */
	__u64 user_data;   /* as given with the push */
	__u32 pid;         /* of the pushing process */
	__u32 flags;       /* VX_PUSH_* as given */
	__u32 event_len;   /* bytes of the embedded record */
	__u32 reserved;
};

/* Longest records, in bytes: what a producer checks the room for. */
#define VX_ALIGN8(n) (((n) + 7u) & ~7u)
#define VX_EVENT_MAX                                                                   \
	(sizeof(struct vx_event) + sizeof(struct vx_rename) + VX_ALIGN8(VX_NAME_MAX) + \
	 VX_ALIGN8(VX_NAME2_MAX))
#define VX_USER_MAX (sizeof(struct vx_user) + VX_EVENT_MAX)
#define VX_DIR_MAX (sizeof(struct vx_dir) + VX_ALIGN8(VX_NAME_MAX))
#define VX_LOST_MAX (sizeof(struct vx_lost) + VX_DIRTY_MAX * sizeof(struct vx_dirty))
#define VX_RECORD_MAX VX_USER_MAX

#endif
