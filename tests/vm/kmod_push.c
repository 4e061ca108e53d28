// SPDX-License-Identifier: Apache-2.0
/*
 * The push ring: right and wrong entries in one batch, each with its own result; re-emission to two
 * other channels that asked for different operations, in order and byte for byte; a ring that lies;
 * injection into a FUSE mount.
 *
 *   kmod_push                   all but injection
 *   kmod_push inject DIRECTORY  raises FS_CREATE, FS_DELETE and renames in DIRECTORY, the root of a
 *                               FUSE mount, and checks that inotify there sees them
 *   kmod_push inject-always DIRECTORY  injects until it is killed, whatever becomes of the mount
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/command.h"
#include "abi/ioctl.h"
#include "record.h"
#include "ring_reader.h"

struct side {
	int fd;
	struct vx_create c;
	struct vx_push_header *push;
	struct vx_push_result *results;
	unsigned char *entries;
	struct vx_reader reader;
	uint64_t tail;
};

static int failed;

static void expect(const char *what, long long wanted, long long got)
{
	printf("%s %s", wanted == got ? "ok" : "not ok", what);
	if (wanted != got)
		printf(": %lld, wanted %lld", got, wanted);
	printf("\n");
	failed |= wanted != got;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void *map(int fd, uint64_t bytes, int prot, uint64_t at)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED, fd, (off_t)at);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static void open_side(struct side *s, uint32_t user_ops)
{
	unsigned char *push;
	void *ring, *consumer;

        *s = (struct side){
            .c = {.size = sizeof(s->c), .push_size = VX_PUSH_MIN, .user_ops = user_ops}};
        s->fd = open(VX_DEVICE, O_RDWR | O_CLOEXEC);
	if (s->fd < 0 || ioctl(s->fd, VX_IOC_CREATE, &s->c))
		die(VX_DEVICE);
	push = map(s->fd, s->c.push_bytes, PROT_READ | PROT_WRITE, VX_MMAP_PUSH);
	s->push = (struct vx_push_header *)push;
	s->results = (struct vx_push_result *)(push + VX_PUSH_RESULTS_OFF);
	s->entries = push + VX_PUSH_ENTRIES_OFF;
	ring = map(s->fd, s->c.ring_bytes, PROT_READ, VX_MMAP_RING);
	consumer = map(s->fd, s->c.consumer_bytes, PROT_READ | PROT_WRITE, VX_MMAP_CONSUMER);
        if (vx_reader_init(&s->reader, ring, s->c.ring_bytes, consumer,
                           calloc(1, vx_reader_scratch(((struct vx_ring_header*)ring)->producers)),
                           0))
            die("reader");
}

/* An entry with a FileCreate of @name, to be spoilt by the caller. */
static struct vx_push *add(struct side *s, const char *name, uint64_t user_data)
{
	struct vx_push *p = (struct vx_push *)(s->entries + (s->tail & (VX_PUSH_MIN - 1)));
	struct vx_event *e = (struct vx_event *)(p + 1);

	*p = (struct vx_push){ .uop = VX_UOP_GRAPH_NODE_CREATE, .user_data = user_data };
	p->uop_mask = 1u << VX_UOP_GRAPH_NODE_CREATE | 1u << VX_UOP_GRAPH_EDGE_CREATE;
        *e = (struct vx_event){
            .rec = {.type = VX_REC_EVENT, .op = VX_OP_FILE_CREATE}, .ino = 7, .fsid = 9};
        p->len = (__u32)sizeof(*p) + vx_event_strings(e, name, (__u32)strlen(name), NULL, 0);
	s->tail += p->len;
	__atomic_store_n(&s->push->tail, s->tail, __ATOMIC_RELEASE);
	return p;
}

static int push(struct side *s, uint32_t entries, struct vx_push_call *call)
{
	*call = (struct vx_push_call){ .size = sizeof(*call), .entries = entries };
	return ioctl(s->fd, VX_IOC_PUSH, call) ? errno : 0;
}

/* Reads what nobody wants. */
static void empty(struct side *to)
{
	while (vx_reader_next(&to->reader, &(struct vx_item){ 0 }) != VX_ITEM_NONE)
		;
	vx_reader_release(&to->reader);
}

/* Hands the ring back as empty after a lie. */
static void reset(struct side *s)
{
	s->tail = s->push->head;
	s->push->tail = s->tail;
}

static void test_results(struct side *a)
{
    static const int wanted[] = {0,      EPROTO,  EINVAL, EINVAL, EINVAL, EINVAL,
                                 EINVAL, EBADMSG, EINVAL, EPROTO, 0};
    const uint64_t first = a->push->entries;
    struct vx_push_call call;
    unsigned i;

    add(a, "good", 100);
    add(a, "x", 101)->uop = VX_UOP_COUNT;
    add(a, "x", 102)->uop_mask = 1u << VX_UOP_VECTOR_CREATE;
    add(a, "x", 103)->flags = 4;
    add(a, "x", 104)->expect = 1;
    add(a, "x", 105)->reserved16 = 1;
    add(a, "x", 106)->inject_ino = 1;
    ((struct vx_event*)(add(a, "x", 107) + 1))->rec.len += 8;
    add(a, "a/b", 108);
    ((struct vx_event*)(add(a, "x", 109) + 1))->rec.op = VX_OP_COUNT;
    add(a, "last", 110);
    expect("a batch with bad entries", 0, push(a, 100, &call));
    expect("handled", 11, call.handled);
    expect("failed", 9, call.failed);
    for (i = 0; i < call.handled; i++) {
        const struct vx_push_result* r = &a->results[(first + i) % VX_PUSH_RESULTS];

        expect("user_data", 100 + i, (long long)r->user_data);
        expect("result", -wanted[i], r->result);
        expect("receivers", wanted[i] ? 0 : 2, r->receivers);
	}
	expect("head", (long long)a->tail, (long long)a->push->head);
}

/* What came of test_results(): in @to, which asked for @uop. */
static void test_received(const struct side *a, struct side *to, unsigned uop)
{
	struct vx_item item;
	int n = 0;

	while (vx_reader_next(&to->reader, &item) == VX_ITEM_EVENT) {
		const struct vx_user *u = (const struct vx_user *)item.record;
		const struct vx_event *e = (const struct vx_event *)(u + 1);
		const char *name = n ? "last" : "good";

		expect("a VX_REC_USER", VX_REC_USER, u->rec.type);
		expect("its operation is the one that was asked for", uop, u->rec.op);
		expect("its channel", (long long)a->c.channel, (long long)u->channel);
		expect("its user_data", n ? 110 : 100, (long long)u->user_data);
		expect("its pid", getpid(), u->pid);
		expect("its event", 0, vx_event_check(e, u->event_len));
		expect("its name's length", (long long)strlen(name), e->name_len);
		expect("its name", 0, strncmp(vx_event_name(e), name, e->name_len));
		n++;
	}
	vx_reader_release(&to->reader);
	expect("records received", 2, n);
}

static void test_lies(struct side *a)
{
	struct vx_push_call call;

	expect("nothing to push", 0, push(a, 1, &call));
	expect("no entries", EINVAL, push(a, 0, &call));
	expect("too many entries", EINVAL, push(a, VX_PUSH_BATCH_MAX + 1, &call));
	a->push->tail = a->tail + 4;
	expect("tail not aligned", EINVAL, push(a, 1, &call));
	a->push->tail = a->tail + 2 * VX_PUSH_MIN;
	expect("tail beyond the ring", EINVAL, push(a, 1, &call));
	a->push->tail = a->tail - 8;
	expect("tail behind the head", EINVAL, push(a, 1, &call));
	reset(a);
	add(a, "good", 1);
	add(a, "x", 2)->len = 0;
	expect("length 0", EBADMSG, push(a, 10, &call));
	expect("the entry before it was handled", 1, call.handled);
	reset(a);
	add(a, "x", 2)->len = UINT32_MAX & ~7u;
	expect("length huge", EBADMSG, push(a, 10, &call));
	expect("nothing was handled", 0, call.handled);
	reset(a);
	add(a, "x", 2)->len -= 8;
	expect("length too short for its record", 0, push(a, 1, &call));
	expect("is that entry's error", 1, call.failed);
	reset(a);
	a->push->tail = a->tail = a->push->head;
	a->push->size = 1ull << 60;
	a->push->head = 12345;
	a->push->entries = 54321;
	add(a, "good", 3);
	expect("a header that was written over", 0, push(a, 1, &call));
	expect("the entry was handled", 1, call.handled);
}

/*
 * Everything of the reader, in order: each entry's user_data is the one after that before. Returns
 * how many came; adds what was wrong to *@bad.
 */
static int drain(struct side *to, uint64_t *next, const char *name, int *bad)
{
	struct vx_item item;
	int n = 0;

	while (vx_reader_next(&to->reader, &item) == VX_ITEM_EVENT) {
		const struct vx_user *u = (const struct vx_user *)item.record;
		const struct vx_event *e = (const struct vx_event *)(u + 1);

		*bad += u->user_data != (*next)++ || e->name_len != strlen(name) ||
			memcmp(vx_event_name(e), name, strlen(name));
		n++;
	}
	vx_reader_release(&to->reader);
	return n;
}

/* Many times around the ring: a receiver that reads each at once, and one that lets five gather. */
static void test_wrap(struct side *a, struct side *b, struct side *c)
{
	uint64_t next_b = 0, next_c = 0;
	struct vx_push_call call;
	char name[256];
	int i, bad = 0, n_b = 0, n_c = 0;

	for (i = 0; i < 2000; i++) {
		if (i % 5 == 0) {
			memset(name, 'a' + i % 26, sizeof(name));
			name[1 + i % 255] = 0;
		}
		add(a, name, (uint64_t)i);
		bad += push(a, 1, &call) || call.handled != 1 || call.failed;
		n_b += drain(b, &next_b, name, &bad);
		if (i % 5 == 4)
			n_c += drain(c, &next_c, name, &bad);
	}
	expect("the ring was gone around", 1, a->tail > 4 * VX_PUSH_MIN);
	expect("2000 entries of all lengths, two receivers: wrong", 0, bad);
	expect("received by the first", 2000, n_b);
	expect("received by the second", 2000, n_c);
}

/* Makes the entry's event one of @op, and its operation the first that stands for that. */
static void answer(struct vx_push *p, unsigned op)
{
	__u16 uop = 0;

	while (vx_uop_kernel_op(uop) != op && uop < VX_UOP_COUNT)
		uop++;
	((struct vx_event *)(p + 1))->rec.op = (__u16)op;
	p->uop = uop;
	p->uop_mask = 1u << uop;
}

static struct vx_push *add_inject(struct side *a, const struct stat *st, uint64_t node, unsigned op)
{
	struct vx_push *p = add(a, "ghost", op);

	p->flags = VX_PUSH_F_INJECT | VX_PUSH_F_NO_EMIT;
	p->inject_fsid = st->st_dev;
	p->inject_node = node;
	p->inject_ino = st->st_ino;
	answer(p, op);
	return p;
}

/* A rename inside the directory, from @from to @to. */
static void add_rename(struct side *a, const struct stat *st, uint64_t dev, const char *from,
		       const char *to)
{
	struct vx_push *p = add_inject(a, st, 1, VX_OP_FILE_CREATE);
	struct vx_event *e = (struct vx_event *)(p + 1);

	a->tail -= p->len;
	answer(p, VX_OP_FILE_RENAME);
	*vx_event_rename(e) = (struct vx_rename){ .old_parent_ino = e->parent_ino };
	p->len = (__u32)sizeof(*p) + vx_event_strings(e, to, (__u32)strlen(to), from,
						      (__u32)strlen(from));
	p->inject_fsid = dev;
	a->tail += p->len;
	__atomic_store_n(&a->push->tail, a->tail, __ATOMIC_RELEASE);
}

/* What inotify has to tell is @wanted, one "mask name" after the other. */
static void expect_notified(int notify, const char *what, const char *wanted)
{
	static char events[65536];
	char came[4096] = "";
	ssize_t got = read(notify, events, sizeof(events)), at;

	for (at = 0; at < got;) {
		const struct inotify_event *e = (const struct inotify_event *)(events + at);
		const size_t used = strlen(came);

		snprintf(came + used, sizeof(came) - used, "%x %s ", e->mask,
			 e->len ? e->name : "");
		at += (ssize_t)sizeof(*e) + e->len;
	}
	expect(what, 0, strcmp(came, wanted));
	if (strcmp(came, wanted))
		printf("  came:   %s\n  wanted: %s\n", came, wanted);
}

/* Names of every length, none of which ends with a zero byte in the record. */
static void test_inject_names(struct side *a, const struct stat *st, uint64_t dev, int notify)
{
	struct vx_push_call call;
	char from[256], to[256], wanted[600];
	unsigned len, i;

	for (len = 1; len <= 255; len++) {
		for (i = 0; i < len; i++) {
			from[i] = (char)('a' + (len + i) % 26);
			to[i] = (char)('A' + (len + i) % 26);
		}
		from[len] = to[len] = 0;
		if (len % 16 && len != 255 && len > 24)
			continue;
		add_rename(a, st, dev, from, to);
		expect("inject a rename", 0, push(a, 1, &call) || call.failed);
		snprintf(wanted, sizeof(wanted), "40 %s 80 %s ", from, to);
		expect_notified(notify, "inotify has both names", wanted);
	}
}

static int test_inject(struct side *a, const char *dir)
{
	struct vx_watch_add w = { .size = sizeof(w),
				  .ops = VX_OPS_ALL,
				  .path_fd = open(dir, O_PATH | O_CLOEXEC) };
	const int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct vx_push_call call;
	struct stat st;
	struct vx_item item;

	if (stat(dir, &st) || inotify_add_watch(notify, dir, IN_ALL_EVENTS) < 0)
		die(dir);
	add_inject(a, &st, 1, VX_OP_FILE_CREATE);
	expect("inject without a watch", 0, push(a, 1, &call));
	expect("is refused", -ENOENT,
	       a->results[(a->push->entries - 1) % VX_PUSH_RESULTS].result);
	if (ioctl(a->fd, VX_IOC_WATCH_ADD, &w))
		die("watch");
	add_inject(a, &st, 1, VX_OP_FILE_CREATE)->inject_fsid = w.dev;
	add_inject(a, &st, 1, VX_OP_FILE_DELETE)->inject_fsid = w.dev;
	add_inject(a, &st, 99, VX_OP_FILE_DELETE)->inject_fsid = w.dev;
	add_inject(a, &st, 1, VX_OP_SYNC)->inject_fsid = w.dev;
	expect("inject", 0, push(a, 10, &call));
	expect("handled", 4, call.handled);
	expect("failed", 2, call.failed);
	expect_notified(notify, "inotify sees it come and go", "100 ghost 200 ghost ");
	test_inject_names(a, &st, w.dev, notify);
	expect("the channel itself sees none of them", VX_ITEM_NONE,
	       vx_reader_next(&a->reader, &item));
	return failed;
}

/* Injects until it is killed, into whatever is mounted at @dir by then. */
static void inject_always(struct side *a, const char *dir)
{
	for (;;) {
		struct vx_watch_add w = { .size = sizeof(w),
					  .ops = VX_OP_BIT(VX_OP_FILE_RENAME),
					  .path_fd = open(dir, O_PATH | O_CLOEXEC) };
		struct vx_watch_remove gone = { .size = sizeof(gone) };
		struct vx_push_call call = { .size = 0 };
		struct stat st;

		if (w.path_fd < 0 || fstat(w.path_fd, &st) || ioctl(a->fd, VX_IOC_WATCH_ADD, &w))
			continue;
		/* What keeps the file system from being unmounted is only what is being tested. */
		close(w.path_fd);
		while (!call.failed) {
			add_inject(a, &st, 1, VX_OP_FILE_WRITE)->inject_fsid = w.dev;
			add_rename(a, &st, w.dev, "from", "to");
			if (push(a, 2, &call))
				die("push");
			/* The change of an object that is not cached is refused: no matter. */
			call.failed = call.failed > 1;
		}
		gone.watch = w.watch;
		ioctl(a->fd, VX_IOC_WATCH_REMOVE, &gone);
	}
}

int main(int argc, char **argv)
{
	struct side a, b, c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	open_side(&a, 0);
	if (argc == 3 && !strcmp(argv[1], "inject-always"))
		inject_always(&a, argv[2]);
	if (argc == 3)
		return test_inject(&a, argv[2]);
	open_side(&b, 1u << VX_UOP_GRAPH_EDGE_CREATE);
	open_side(&c, 1u << VX_UOP_GRAPH_NODE_CREATE | 1u << VX_UOP_VECTOR_CREATE);
	test_results(&a);
	test_received(&a, &b, VX_UOP_GRAPH_EDGE_CREATE);
	test_received(&a, &c, VX_UOP_GRAPH_NODE_CREATE);
	test_lies(&a);
	empty(&b);
	empty(&c);
	test_wrap(&a, &b, &c);
	return failed;
}
