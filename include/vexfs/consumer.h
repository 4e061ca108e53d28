/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Consumers for C, as consumer.hpp has them: positions that have a name and are kept with the
 * journal in `directory`, for programs that have no better place for them. The journal keeps what
 * its consumers have not yet dealt with, up to vexfsd's --retain-max. The daemon need not run.
 *
 *   char from[VEXFS_CURSOR_TEXT], to[VEXFS_CURSOR_TEXT];
 *   if (vexfs_consumer_position(directory, "indexer", from, sizeof(from)) < 0)
 *       return fail(vexfs_error());
 *   vexfs_reader_seek_or_gap(reader, from);
 *   ... deal with events, make what came of them durable ...
 *   vexfs_reader_cursor(reader, to, sizeof(to));
 *   if (vexfs_consumer_commit(directory, "indexer", from, to) == -EAGAIN)
 *       ...;                                              // somebody else has moved it
 *
 * A name has 1 to 64 letters, digits, '-', '_' and '.', and does not begin with '.' (-EINVAL).
 * Errors and linking: as vexfs.h says.
 */
#ifndef VEXFS_CONSUMER_H
#define VEXFS_CONSUMER_H

#include "vexfs/vexfs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A new one. -EEXIST; -ENOSPC: there are 256, or the disk is full; -EINVAL, -ESTALE, -EXDEV: of
 * `cursor`, as for vexfs_reader_seek(). */
int vexfs_consumer_create(const char *directory, const char *name, const char *cursor);
/* Its position is forgotten, and nothing is kept for it any more. -ENOENT. */
int vexfs_consumer_remove(const char *directory, const char *name);
/* Writes the text of its position, as vexfs_reader_cursor() does. -ENOENT: there is none. */
int vexfs_consumer_position(const char *directory, const char *name, char *text, size_t size);
/* Moves its position from `expect` to `cursor`, forward or back, and returns when that is durable.
 * -EAGAIN: it is not `expect`, somebody else has moved it, and nothing was changed; -ENOENT; of
 * `cursor` as above. Whoever dies in here leaves the old position or the new one. */
int vexfs_consumer_commit(const char *directory, const char *name, const char *expect,
                          const char *cursor);

#ifdef __cplusplus
}
#endif

#endif
