/* SPDX-License-Identifier: Apache-2.0 */
/* A program in C that uses libvexfs: c_face_test.cpp runs it and looks at what it prints, one
 * member a line; bytes in hexadecimal. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vexfs/consumer.h"
#include "vexfs/vexfs.h"

/* What programs were compiled with stays where it is. */
_Static_assert(sizeof(struct vexfs_event) >= 328, "");
_Static_assert(offsetof(struct vexfs_event, path) == 48, "");
_Static_assert(offsetof(struct vexfs_event, fsid) == 128, "");
_Static_assert(offsetof(struct vexfs_event, size) == 192, "");
_Static_assert(offsetof(struct vexfs_event, hash) == 320, "");
_Static_assert(offsetof(struct vexfs_event, held) == 344, "");
_Static_assert(sizeof(struct vexfs_userspace_op) >= 24, "");
_Static_assert(sizeof(struct vexfs_gap) >= 88, "");
_Static_assert(offsetof(struct vexfs_gap, dirty) == 84, "");
_Static_assert(sizeof(struct vexfs_lost) >= 16, "");
_Static_assert(sizeof(struct vexfs_dirty) >= 40, "");

static int fail(const char *what, int error)
{
	fprintf(stderr, "%s: %d: %s\n", what, -error, vexfs_error());
	return 1;
}

static void show_bytes(const char *key, struct vexfs_bytes bytes)
{
	printf("%s=", key);
	for (size_t i = 0; i < bytes.len; i++)
		printf("%02x", (unsigned char)bytes.data[i]);
	printf("\n");
}

static void show_number(const char *key, uint64_t value)
{
	printf("%s=%" PRIu64 "\n", key, value);
}

static void show_object(const struct vexfs_event *e)
{
	show_bytes("path", e->path);
	show_bytes("old_path", e->old_path);
	show_number("fsid", e->fsid);
	show_number("ino", e->ino);
	show_number("gen", e->gen);
	show_number("parent_ino", e->parent_ino);
	show_number("parent_gen", e->parent_gen);
	show_bytes("name", e->name);
	show_bytes("name2", e->name2);
	show_number("old_parent_ino", e->old_parent_ino);
	show_number("old_parent_gen", e->old_parent_gen);
	show_number("nlink", e->nlink);
	show_number("mode", e->mode);
	show_number("size", e->size);
	show_number("offset", e->offset);
	show_number("length", e->length);
	show_number("owner_uid", e->owner_uid);
	show_number("owner_gid", e->owner_gid);
	if (e->replaced) {
		show_number("replaced_ino", e->replaced_ino);
		show_number("replaced_gen", e->replaced_gen);
		show_number("replaced_nlink", e->replaced_nlink);
		show_number("replaced_mode", e->replaced_mode);
	}
}

static void show_flags(uint32_t flags)
{
	printf("flags=");
	for (unsigned bit = 0; bit < 32; bit++)
		if (flags >> bit & 1)
			printf("%s,", vexfs_flag_name(bit));
	printf("\n");
}

static void show_context(const struct vexfs_event *e)
{
	show_number("uid", e->uid);
	show_number("gid", e->gid);
	show_number("pid", e->pid);
	show_number("tid", e->tid);
	show_bytes("comm", e->comm);
	printf("error=%d\n", e->error);
	show_number("duration_ns", e->duration_ns);
	show_flags(e->flags);
	show_number("cookie", e->cookie);
	show_number("ticket", e->ticket);
	show_number("cause", e->cause);
	show_number("chain", e->chain);
	show_number("hash", e->hash);
	if (e->pushed) {
		show_number("pushed_channel", e->pushed_channel);
		show_number("pushed_pid", e->pushed_pid);
		show_number("pushed_user_data", e->pushed_user_data);
	}
}

static int show_event(const vexfs_reader *reader)
{
	struct vexfs_event e;
	struct vexfs_userspace_op op;
	int error = vexfs_reader_event(reader, &e, sizeof(e));

	if (error < 0)
		return fail("event", error);
	show_number("seq", e.seq);
	show_number("real_ns", e.real_ns);
	show_number("mono_ns", e.mono_ns);
	printf("boundary=%s\nop=%s\n", e.boundary, e.op);
	show_number("id", e.id);
	for (unsigned i = 0; i < e.userspace_ops; i++) {
		error = vexfs_reader_userspace_op(reader, i, &op, sizeof(op));
		if (error < 0)
			return fail("userspace op", error);
		printf("uop.%u=%s %u %u %u\n", i, op.op, op.id, op.on_target, op.detail);
	}
	if (vexfs_reader_userspace_op(reader, e.userspace_ops, &op, sizeof(op)) != -ERANGE)
		return fail("one operation more", 0);
	show_object(&e);
	show_context(&e);
	return 0;
}

static int show_gap(const vexfs_reader *reader)
{
	struct vexfs_gap gap;
	struct vexfs_lost lost;
	struct vexfs_dirty dirty;
	int error = vexfs_reader_gap(reader, &gap, sizeof(gap));

	if (error < 0)
		return fail("gap", error);
	show_number("from", gap.from);
	show_number("to", gap.to);
	show_number("count", gap.count);
	printf("reason=%s\n", gap.reason);
	show_bytes("scope", gap.scope);
	show_number("real_ns", gap.real_ns);
	show_number("account", gap.account);
	show_number("overflow", gap.dirty_overflow);
	show_number("mono_ns", gap.mono_ns);
	show_number("last_mono_ns", gap.last_mono_ns);
	for (unsigned i = 0; i < gap.ops; i++) {
		error = vexfs_reader_lost(reader, i, &lost, sizeof(lost));
		if (error < 0)
			return fail("lost", error);
		printf("lost.%u=%s %u %u\n", i, lost.op, lost.id, lost.count);
	}
	for (unsigned i = 0; i < gap.dirty; i++) {
		error = vexfs_reader_dirty(reader, i, &dirty, sizeof(dirty));
		if (error < 0)
			return fail("dirty", error);
		printf("dirty.%u=%" PRIu64 " %" PRIu64 " %u ", i, dirty.fsid, dirty.ino, dirty.gen);
		show_bytes("path", dirty.path);
	}
	return 0;
}

static int show_item(const vexfs_reader *reader, int item)
{
	char cursor[VEXFS_CURSOR_TEXT];
	int error = vexfs_reader_cursor(reader, cursor, sizeof(cursor));

	if (error < 0)
		return fail("cursor", error);
	printf("%s\n", item == VEXFS_EVENT ? "[event]" : "[gap]");
	printf("cursor=%s\n", cursor);
	return item == VEXFS_EVENT ? show_event(reader) : show_gap(reader);
}

/* Everything from `cursor` on, NULL: from the start. */
static int dump(const char *directory, const char *cursor)
{
	vexfs_reader *reader;
	int item = vexfs_reader_open(directory, &reader);

	if (item < 0)
		return fail("open", item);
	item = cursor ? vexfs_reader_seek(reader, cursor) : vexfs_reader_seek_start(reader);
	if (item < 0)
		return fail("seek", item);
	while ((item = vexfs_reader_next(reader)) > 0)
		if (show_item(reader, item) != 0)
			return 1;
	vexfs_reader_close(reader);
	return item < 0 ? fail("next", item) : 0;
}

/* The first event that happens after it has said that it waits; then until its standard input is
 * closed. */
static int follow(const char *directory)
{
	vexfs_reader *reader;
	int item = vexfs_reader_open(directory, &reader);
	int fd = item < 0 ? item : vexfs_reader_wait_fd(reader);
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	if (fd < 0 || (item = vexfs_reader_seek_end(reader)) < 0)
		return fail("follow", fd < 0 ? fd : item);
	printf("[waits]\n");
	fflush(stdout);
	while ((item = vexfs_reader_next(reader)) == VEXFS_END) {
		if (poll(&ready, 1, 30000) != 1 || vexfs_reader_wait(reader, -1, 0) < 0)
			return fail("wait", -ETIMEDOUT);
	}
	if (item < 0 || show_item(reader, item) != 0)
		return fail("next", item);
	fflush(stdout);
	if (vexfs_reader_next(reader) != VEXFS_END || vexfs_reader_wait(reader, -1, 0) < 0)
		return fail("end", 0);
	item = vexfs_reader_wait(reader, 0, 30000);
	printf("%s\n", item == VEXFS_STOPPED ? "[stopped]" : "[not stopped]");
	vexfs_reader_close(reader);
	return 0;
}

/* A program with an older, or a newer header: structures of another size. */
static int sizes(const char *directory)
{
	union {
		struct vexfs_event event;
		unsigned char bytes[sizeof(struct vexfs_event) + 16];
	} out;
	struct vexfs_event e;
	vexfs_reader *reader;
	const size_t older = offsetof(struct vexfs_event, boundary);

	if (vexfs_reader_open(directory, &reader) < 0 || vexfs_reader_next(reader) != VEXFS_EVENT ||
	    vexfs_reader_event(reader, &e, sizeof(e)) < 0)
		return fail("sizes", 0);
	memset(&out, 0xee, sizeof(out));
	if (vexfs_reader_event(reader, &out.event, older) < 0 || memcmp(&out, &e, older) != 0 ||
	    out.bytes[older] != 0xee)
		return fail("an older header", 0);
	memset(&out, 0xee, sizeof(out));
	if (vexfs_reader_event(reader, &out.event, sizeof(out)) < 0 ||
	    memcmp(&out, &e, sizeof(e)) != 0 || out.bytes[sizeof(e)] != 0 ||
	    out.bytes[sizeof(out) - 1] != 0)
		return fail("a newer header", 0);
	vexfs_reader_close(reader);
	return 0;
}

/* What comes of the events of the journal, with all windows ended at its end. */
static int settle(const char *directory)
{
	vexfs_reader *reader;
	struct vexfs_event e;
	int item;

	if (vexfs_reader_open(directory, &reader) < 0)
		return fail("open", 0);
	if (vexfs_reader_settle(reader, 0) != -EINVAL || vexfs_reader_due_ms(reader) != -1 ||
	    vexfs_reader_settle(reader, 60000) != 0 || vexfs_reader_settle(reader, 5) != -EBUSY)
		return fail("settle", 0);
	while ((item = vexfs_reader_next(reader)) > 0 || vexfs_reader_due_ms(reader) >= 0) {
		if (item == VEXFS_END) {
			vexfs_reader_let_go(reader);
			continue;
		}
		if (item < 0 || vexfs_reader_event(reader, &e, sizeof(e)) < 0)
			return fail("event", item);
		printf("%s %" PRIu64 "-%" PRIu64 " of %u, %u vanished, %u held\n", e.op,
		       e.first_seq, e.seq, e.coalesced, e.vanished, e.held);
	}
	vexfs_reader_close(reader);
	return 0;
}

/* What the consumer has not dealt with yet, and its new position. It begins with what is kept. */
static int consume(const char *directory, const char *name)
{
	char from[VEXFS_CURSOR_TEXT], to[VEXFS_CURSOR_TEXT];
	vexfs_reader *reader;
	int item, error = vexfs_reader_open(directory, &reader);

	if (error < 0)
		return fail("open", error);
	error = vexfs_consumer_position(directory, name, from, sizeof(from));
	if (error == -ENOENT) {
		error = vexfs_reader_earliest(reader, from, sizeof(from));
		if (error == 0)
			error = vexfs_consumer_create(directory, name, from);
	}
	if (error < 0 || (error = vexfs_reader_seek_or_gap(reader, from)) < 0)
		return fail("begin", error);
	while ((item = vexfs_reader_next(reader)) > 0)
		printf("%s\n", item == VEXFS_EVENT ? "event" : "gap");
	if (vexfs_reader_cursor(reader, to, sizeof(to)) != 0)
		return fail("cursor", 0);
	error = vexfs_consumer_commit(directory, name, from, to);
	if (error < 0)
		return fail("commit", error);
	printf("%s\n", to);
	if (strcmp(from, to) != 0 &&
	    vexfs_consumer_commit(directory, name, from, to) != -EAGAIN)
		return fail("another commit", 0);
	vexfs_reader_close(reader);
	return 0;
}

static int is_wrong(const char *call, int got, int want)
{
	if (got == want && vexfs_error()[0] != '\0')
		return 0;
	fprintf(stderr, "%s: %d, not %d: %s\n", call, got, want, vexfs_error());
	return 1;
}

#define WANT(call, want)                        \
	do {                                        \
		if (is_wrong(#call, (call), (want)))    \
			return 1;                           \
	} while (0)

/* `directory` has one gap, and then an event. */
static int errors(const char *directory)
{
	vexfs_reader *reader = (vexfs_reader *)1;
	vexfs_client *client = (vexfs_client *)1;
	struct vexfs_event event;
	struct vexfs_userspace_op op;
	struct vexfs_gap gap;
	struct vexfs_lost lost;
	struct vexfs_dirty dirty;
	char text[VEXFS_CURSOR_TEXT];

	if (vexfs_error()[0] != '\0')
		return 1;
	WANT(vexfs_reader_open("/nowhere/at/all", &reader), -ENOENT);
	WANT(vexfs_client_connect("/nowhere/at/all", &client), -ENOENT);
	if (reader != NULL || client != NULL)
		return 1;
	vexfs_reader_close(NULL);
	vexfs_client_close(NULL);
	if (vexfs_reader_open(directory, &reader) != 0)
		return fail("open", 0);
	WANT(vexfs_reader_seek(reader, "yesterday"), -EINVAL);
	WANT(vexfs_consumer_create(directory, "index", "yesterday"), -EINVAL);
	WANT(vexfs_consumer_position(directory, "index", text, sizeof(text)), -ENOENT);
	WANT(vexfs_consumer_remove(directory, "index"), -ENOENT);
	WANT(vexfs_reader_seek(reader, "vx1:6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11:5"), -EXDEV);
	if (vexfs_reader_earliest(reader, text, sizeof(text)) != 0 ||
	    vexfs_reader_seek(reader, text) != 0)
		return fail("the earliest cursor", 0);
	strcpy(strrchr(text, ':'), ":99");
	WANT(vexfs_reader_seek(reader, text), -EINVAL);
	if (vexfs_reader_seek_time(reader, UINT64_MAX) != 0 ||
	    vexfs_reader_cursor(reader, text, sizeof(text)) != 0 ||
	    strcmp(strrchr(text, ':'), ":99") == 0 || vexfs_reader_seek_start(reader) != 0)
		return fail("the start", 0);
	WANT(vexfs_reader_event(reader, &event, sizeof(event)), -ENODATA);
	WANT(vexfs_reader_gap(reader, &gap, sizeof(gap)), -ENODATA);
	if (vexfs_reader_next(reader) != VEXFS_GAP)
		return fail("a gap", 0);
	WANT(vexfs_reader_event(reader, &event, sizeof(event)), -ENODATA);
	WANT(vexfs_reader_userspace_op(reader, 0, &op, sizeof(op)), -ENODATA);
	WANT(vexfs_reader_lost(reader, 0, &lost, sizeof(lost)), -ERANGE);
	WANT(vexfs_reader_dirty(reader, 0, &dirty, sizeof(dirty)), -ERANGE);
	if (vexfs_reader_next(reader) != VEXFS_EVENT)
		return fail("an event", 0);
	WANT(vexfs_reader_lost(reader, 0, &lost, sizeof(lost)), -ENODATA);
	WANT(vexfs_reader_cursor(reader, text, 10), -ENOSPC);
	vexfs_reader_close(reader);
	return vexfs_flag_name(0) && strcmp(vexfs_flag_name(0), "directory") == 0 &&
	       !vexfs_flag_name(30) ? 0 : 1;
}

/* The journal of the vexfsd behind `socket`, when that is complete. */
static int sync_with(const char *socket)
{
	vexfs_client *client;
	char directory[4096];
	int error = vexfs_client_connect(socket, &client);

	if (error < 0 || (error = vexfs_client_sync(client, 10000)) < 0 ||
	    (error = vexfs_client_journal(client, directory, sizeof(directory))) < 0)
		return fail("sync", error);
	if (vexfs_client_journal(client, directory, 3) != -ENOSPC)
		return fail("a short buffer", 0);
	printf("%s\n", directory);
	vexfs_client_close(client);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (strcmp(what, "dump") == 0)
		return dump(argv[2], argc > 3 ? argv[3] : NULL);
	if (strcmp(what, "follow") == 0)
		return follow(argv[2]);
	if (strcmp(what, "sizes") == 0)
		return sizes(argv[2]);
	if (strcmp(what, "settle") == 0)
		return settle(argv[2]);
	if (strcmp(what, "consume") == 0 && argc > 3)
		return consume(argv[2], argv[3]);
	if (strcmp(what, "errors") == 0)
		return errors(argv[2]);
	if (strcmp(what, "sync") == 0)
		return sync_with(argv[2]);
	fprintf(stderr, "usage: c_program dump|follow|sizes|settle|consume|errors|sync WHERE "
		"[CURSOR|NAME]\n");
	return 2;
}
