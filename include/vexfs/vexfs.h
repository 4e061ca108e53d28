/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * libvexfs for C (C11 or later): read the stream of events that vexfsd stores, and wait until the
 * daemon has caught up. The same as reader.hpp and client.hpp, with opaque handles. consumer.h
 * keeps positions.
 *
 *   vexfs_reader *reader;
 *   struct vexfs_event event;
 *   if (vexfs_reader_open("/var/lib/vexfs", &reader) < 0)
 *       return fail(vexfs_error());
 *   vexfs_reader_seek(reader, saved);                      // or _seek_start(), _seek_end()
 *   for (int item; (item = vexfs_reader_next(reader)) >= 0;) {
 *       if (item == VEXFS_EVENT) {
 *           vexfs_reader_event(reader, &event, sizeof(event));
 *           handle(&event);
 *       } else if (item == VEXFS_GAP) {
 *           rescan();                                      // something is lost: vexfs_reader_gap()
 *       } else if (vexfs_reader_wait(reader, -1, -1) < 0) {
 *           break;
 *       }
 *   }
 *   vexfs_reader_close(reader);
 *
 * Errors: a function that returns int returns a negative errno number when it fails, and
 * vexfs_error() says in words what was wrong. No exception leaves the library (-ENOMEM when there
 * is no memory), and it never ends the program.
 *
 * Growth: structures get new members at their end only. The caller passes sizeof of what it was
 * compiled with: a program that was compiled with an older header gets what it knows, one that was
 * compiled with a newer header gets zeros for what the library does not know.
 *
 * Threads: a handle is used by one thread at a time; different handles are independent.
 *
 * Linking: pkg-config --cflags --libs vexfs.
 */
#ifndef VEXFS_VEXFS_H
#define VEXFS_VEXFS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vexfs_reader vexfs_reader;
typedef struct vexfs_client vexfs_client;

/* What went wrong in this thread's last call that failed: one line, for people. Good until the
 * thread's next call that fails. Empty before the first. */
const char *vexfs_error(void);

/* ---- the reader ------------------------------------------------------------------------------ */

/* Bytes that hold any cursor's text with its terminating zero. */
#define VEXFS_CURSOR_TEXT 64

/* What vexfs_reader_next() has found. */
#define VEXFS_END 0   /* nothing more is written at this moment */
#define VEXFS_EVENT 1 /* vexfs_reader_event() */
#define VEXFS_GAP 2   /* vexfs_reader_gap(): a loss, at its place */

/* Why vexfs_reader_wait() has returned. */
#define VEXFS_TIMEOUT 0
#define VEXFS_WRITTEN 1 /* something may have been written: vexfs_reader_next() */
#define VEXFS_STOPPED 2 /* stop_fd is readable, or its other end was closed */

/* Opens the journal in `directory`, at its start. The daemon need not run. Sets *reader (NULL when
 * it fails). -ENOENT: no journal there; -EACCES; -EBADMSG, -ENOTSUP: it cannot be read. */
int vexfs_reader_open(const char *directory, vexfs_reader **reader);
/* Ends it; NULL is allowed. */
void vexfs_reader_close(vexfs_reader *reader);

/* Go behind the event of a cursor, of which `cursor` is the text. -EINVAL: it is none, or is ahead
 * of what is written; -ESTALE (CURSOR_EXPIRED): events behind it are no longer kept; -EXDEV
 * (EPOCH_CHANGED): it is of another journal. The reader then stays where it was. */
int vexfs_reader_seek(vexfs_reader *reader, const char *cursor);
/* The same, but when events behind it are no longer kept, vexfs_reader_next() tells that as a loss,
 * and goes on with what is. */
int vexfs_reader_seek_or_gap(vexfs_reader *reader, const char *cursor);
/* Writes the text of the earliest cursor that has not expired, as vexfs_reader_cursor() does. */
int vexfs_reader_earliest(const vexfs_reader *reader, char *text, size_t size);
/* Go in front of the oldest event that is kept; behind the newest one that is written now. */
int vexfs_reader_seek_start(vexfs_reader *reader);
int vexfs_reader_seek_end(vexfs_reader *reader);
/* Go in front of the first event whose time is not before `real_ns` (nanoseconds since 1970-01-01
 * UTC), and of the loss before it, if there is one; behind the newest one, when all are older. */
int vexfs_reader_seek_time(vexfs_reader *reader, uint64_t real_ns);

/* Moves on by one. VEXFS_EVENT, VEXFS_GAP or VEXFS_END; negative: the journal cannot be read on. */
int vexfs_reader_next(vexfs_reader *reader);

/* From here on events settle: what one object goes through in a row becomes one event, told when
 * the object has been quiet for `window_ms` (1 to 60000), at the latest after ten times that.
 * docs/events.md, "Letting events settle", says what becomes of what, and what a cursor is then.
 * -EINVAL: `window_ms`; -EBUSY: they settle already. */
int vexfs_reader_settle(vexfs_reader *reader, uint32_t window_ms);
/* Ends all windows: vexfs_reader_next() tells what is held back. */
int vexfs_reader_let_go(vexfs_reader *reader);
/* Milliseconds until vexfs_reader_next() has something although nothing more is written, for an
 * event loop of one's own (vexfs_reader_wait() knows it); -1: nothing is held back. */
int vexfs_reader_due_ms(const vexfs_reader *reader);

/* Writes the text of the position behind what vexfs_reader_next() has returned, with a terminating
 * zero: what to store, together with what came of the event, and to give to vexfs_reader_seek().
 * `size`: bytes of `text`, VEXFS_CURSOR_TEXT is always enough. -ENOSPC: too few. */
int vexfs_reader_cursor(const vexfs_reader *reader, char *text, size_t size);

/* Waits until something may have been written since vexfs_reader_next() returned VEXFS_END, without
 * polling. `stop_fd` ends the wait when it becomes readable or is hung up; -1: none. `timeout_ms`:
 * -1 is for ever. VEXFS_WRITTEN, VEXFS_STOPPED or VEXFS_TIMEOUT. */
int vexfs_reader_wait(vexfs_reader *reader, int stop_fd, int timeout_ms);
/* For an event loop of one's own: a descriptor that is readable when something may have been
 * written. It belongs to the reader. Ask for it before the vexfs_reader_next() that returns
 * VEXFS_END, and call vexfs_reader_wait(reader, -1, 0) to clear it. */
int vexfs_reader_wait_fd(vexfs_reader *reader);

/* ---- events ---------------------------------------------------------------------------------- */

/* Bytes of somebody else: names can hold any byte but zero and '/', and need not be UTF-8. There is
 * no terminating zero. */
struct vexfs_bytes {
    const char *data; /* NULL when len is 0 */
    size_t len;
};

/* An event. The members are those of the JSON form (docs/events.md), which says more of each. What
 * is pointed to is good until the reader's next call of anything but vexfs_reader_event(),
 * _userspace_op() and _cursor(). */
struct vexfs_event {
    uint64_t seq;         /* number in the stream: dense, a jump is a loss */
    uint64_t real_ns;     /* when it happened: nanoseconds since 1970-01-01 UTC */
    uint64_t mono_ns;     /* the same on CLOCK_MONOTONIC of that boot */
    const char *boundary; /* where it was seen: "kernel", "fuse" ... */
    const char *op;       /* "FileCreate" ...; "VectorSearch" ... when pushed */
    uint32_t id;          /* its number in the operation table */
    uint32_t userspace_ops; /* how many there are: vexfs_reader_userspace_op() */

    struct vexfs_bytes path;     /* absolute, at the time of the event; len 0: not known */
    struct vexfs_bytes old_path; /* FileRename: before it */
    struct vexfs_bytes name;     /* in the parent; len 0: none is known */
    struct vexfs_bytes name2;    /* FileRename: old name; SymlinkCreate: target; Mount: source */
    struct vexfs_bytes comm;     /* name of the acting program, at most 16 bytes */

    uint64_t fsid; /* (fsid, ino, gen) names the object for good */
    uint64_t ino;
    uint64_t parent_ino; /* of the directory that holds the name; FileRename: the new one */
    uint32_t gen;
    uint32_t parent_gen;
    uint64_t old_parent_ino; /* FileRename; 0 otherwise */
    uint32_t old_parent_gen;

    uint32_t nlink; /* after the operation, as the following */
    uint32_t mode;  /* type and permissions, as st_mode */
    uint32_t owner_uid;
    uint32_t owner_gid;
    int32_t error; /* 0, or the negative errno number of an operation that failed */
    uint64_t size;
    uint64_t offset; /* bytes; Mount: mount flags */
    uint64_t length; /* bytes; 0: not known */
    uint64_t duration_ns;

    uint32_t uid; /* who did it */
    uint32_t gid;
    uint32_t pid;
    uint32_t tid;
    uint32_t flags; /* bits: vexfs_flag_name() */

    uint32_t replaced; /* 1: FileRename, and the following are of the object that lost its name */
    uint64_t replaced_ino;
    uint32_t replaced_gen;
    uint32_t replaced_nlink;
    uint32_t replaced_mode;

    uint32_t pushed; /* 1: a program pushed it, and the following say who */
    uint32_t pushed_pid;
    uint32_t cookie; /* joins the two halves of an exchange; 0: none */
    uint64_t pushed_channel;
    uint64_t pushed_user_data;

    uint64_t ticket; /* place in the kernel's order of names */
    uint64_t cause;  /* seq of the event that led to this one; 0: none known */
    uint64_t chain;  /* causal chain; 0: none */
    uint64_t hash;   /* XXH3-64 over the kernel's record; of several events, over the last one's */

    /* Of a reader that lets events settle; 0 otherwise. */
    uint64_t first_seq; /* of the first event that it came of; seq is of the last */
    uint32_t coalesced; /* how many it came of; 1: it is as it stands in the stream */
    uint32_t vanished;  /* how many came to nothing since the event that was told before */
    uint32_t held;      /* objects held back; 0: nothing behind the cursor has been told */
    uint32_t reserved;
};

/* The event that vexfs_reader_next() has returned. `size`: sizeof(struct vexfs_event). -ENODATA:
 * that was none. */
int vexfs_reader_event(const vexfs_reader *reader, struct vexfs_event *event, size_t size);

/* The name of bit `bit` of vexfs_event.flags: "directory", "wrote" ...; NULL: it has none. */
const char *vexfs_flag_name(unsigned bit);

/* What the event is in the graph and for vectors: one unit, in the order in which it applies. */
struct vexfs_userspace_op {
    const char *op;     /* "GraphNodeCreate" ... */
    uint32_t id;        /* its number in the operation table */
    uint32_t on_target; /* 1: about the object that a FileRename replaced: replaced_ino, _gen */
    uint32_t detail;    /* VEXFS_DETAIL_*: which members of the event are its arguments */
    uint32_t reserved;
};

#define VEXFS_DETAIL_NONE 0
#define VEXFS_DETAIL_EDGE 1        /* parent_ino, name */
#define VEXFS_DETAIL_OLD_EDGE 2    /* old_parent_ino, name2 */
#define VEXFS_DETAIL_LINK_TARGET 3 /* name2 */
#define VEXFS_DETAIL_MOVE 4        /* from old_parent_ino, name2 to parent_ino, name */
#define VEXFS_DETAIL_RANGE 5       /* offset, length */
#define VEXFS_DETAIL_MODE 6        /* mode */
#define VEXFS_DETAIL_OWNER 7       /* owner_uid, owner_gid */
#define VEXFS_DETAIL_OPTIONS 8     /* offset: mount flags */
#define VEXFS_DETAIL_SUBTREE 9     /* fsid: all that is below the mount */
#define VEXFS_DETAIL_COMMIT 10     /* flags sync_all, sync_fs; neither: one file */

/* Operation `index`, from 0, of the event. -ERANGE: it has not so many; -ENODATA: no event. */
int vexfs_reader_userspace_op(const vexfs_reader *reader, unsigned index,
                              struct vexfs_userspace_op *op, size_t size);

/* ---- losses ---------------------------------------------------------------------------------- */

/* A loss: the numbers from ... to were given to what is not here. What it says is in
 * docs/events.md, "JSON Lines". */
struct vexfs_gap {
    uint64_t from;
    uint64_t to;        /* included; from - 1: none is known to be lost */
    uint64_t count;     /* how many */
    const char *reason; /* "ring_full", "damaged" ... */
    struct vexfs_bytes scope; /* what it concerns, for people */
    uint64_t real_ns;         /* when; 0: not known */
    uint32_t account;         /* 1: it says what was lost, in the following */
    uint32_t dirty_overflow;  /* 1: something changed outside of the directories: look everywhere */
    uint64_t mono_ns;         /* of the first lost operation */
    uint64_t last_mono_ns;    /* of the last */
    uint32_t ops;             /* kinds of operations: vexfs_reader_lost() */
    uint32_t dirty;           /* directories to look through: vexfs_reader_dirty() */
};

/* How many operations of one kind are lost. */
struct vexfs_lost {
    const char *op; /* "FileRename" ... */
    uint32_t id;
    uint32_t count;
};

/* A directory in which something has changed that no event tells. */
struct vexfs_dirty {
    uint64_t fsid;
    uint64_t ino;
    uint32_t gen;
    uint32_t reserved;
    struct vexfs_bytes path; /* absolute; len 0: not known */
};

/* The loss that vexfs_reader_next() has returned, and its parts, counted from 0. -ENODATA: that was
 * none; -ERANGE: it has not so many. */
int vexfs_reader_gap(const vexfs_reader *reader, struct vexfs_gap *gap, size_t size);
int vexfs_reader_lost(const vexfs_reader *reader, unsigned index, struct vexfs_lost *lost,
                      size_t size);
int vexfs_reader_dirty(const vexfs_reader *reader, unsigned index, struct vexfs_dirty *dirty,
                       size_t size);

/* ---- the daemon ------------------------------------------------------------------------------ */

/* Connects to a running vexfsd. `socket`: its control socket; NULL: where it is by default. Sets
 * *client (NULL when it fails). -ENOENT, -ECONNREFUSED: it is not running; -EACCES. */
int vexfs_client_connect(const char *socket, vexfs_client **client);
/* Ends it; NULL is allowed. */
void vexfs_client_close(vexfs_client *client);

/* Returns when all that happened before the call is in the journal, durably. -ETIMEDOUT; -EIO:
 * vexfs_error() has the daemon's reason; -EPIPE: it has gone. */
int vexfs_client_sync(vexfs_client *client, uint64_t timeout_ms);

/* Writes the directory of its journal, with a terminating zero, for vexfs_reader_open(). `size`:
 * bytes of `directory`. -ENOSPC: too few; -ETIMEDOUT after 10 s. */
int vexfs_client_journal(vexfs_client *client, char *directory, size_t size);

#ifdef __cplusplus
}
#endif

#endif
