// SPDX-License-Identifier: Apache-2.0
/*
 * Every call of /dev/vexfs with every field wrong, every mapping with a wrong length, offset or
 * protection, a push ring and a reader that lie. Prints "ok" or "not ok" and what was tried; exit
 * status 1 when something was not ok.
 *
 *   kmod_calls DIRECTORY      a directory on a file system that can be watched
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/command.h"
#include "abi/ioctl.h"
#include "record.h"

static int failed;
static const char *where;

static void expect(const char *what, int wanted, int got)
{
	if (wanted == got) {
		printf("ok %s\n", what);
		return;
	}
        printf("not ok %s: %s, wanted %s\n", what, got ? strerror(got) : "success",
               wanted ? strerror(wanted) : "success");
        failed = 1;
}

static int call(int fd, unsigned long number, void *arg)
{
	return ioctl(fd, number, arg) ? errno : 0;
}

static int open_device(void)
{
	const int fd = open(VX_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror(VX_DEVICE);
		exit(2);
	}
	return fd;
}

static struct vx_create create_on(int fd, uint64_t m, uint64_t d, uint32_t user_ops)
{
    struct vx_create c = {.size = sizeof(c),
                          .size_m = m,
                          .size_d = d,
                          .push_size = VX_PUSH_MIN,
                          .user_ops = user_ops};

    expect("create", 0, call(fd, VX_IOC_CREATE, &c));
    return c;
}

static void test_open(void)
{
	int status;

	if (!fork()) {
		if (setuid(1000))
			_exit(2);
		_exit(open(VX_DEVICE, O_RDWR) < 0 ? errno : 0);
	}
	wait(&status);
	expect("open as another user", EACCES, WEXITSTATUS(status));
	if (!fork()) {
		const int path = open(VX_DEVICE, O_PATH | O_CLOEXEC);

		_exit(path < 0 ? errno : 0);
	}
	wait(&status);
	expect("O_PATH open", 0, WEXITSTATUS(status));
}

static void test_no_channel(int fd)
{
	struct vx_barrier b = { .size = sizeof(b) };
	struct vx_stats s = { .size = sizeof(s) };
	struct vx_push_call p = { .size = sizeof(p), .entries = 1 };
	struct vx_watch_add a = { .size = sizeof(a), .ops = 1 };
	struct vx_watch_remove r = { .size = sizeof(r), .watch = 1 };
	struct pollfd f = { .fd = fd, .events = POLLIN };
	char c;

	expect("barrier without channel", ENOTCONN, call(fd, VX_IOC_BARRIER, &b));
	expect("stats without channel", ENOTCONN, call(fd, VX_IOC_STATS, &s));
	expect("push without channel", ENOTCONN, call(fd, VX_IOC_PUSH, &p));
	expect("watch without channel", ENOTCONN, call(fd, VX_IOC_WATCH_ADD, &a));
	expect("remove without channel", ENOTCONN, call(fd, VX_IOC_WATCH_REMOVE, &r));
	expect("map without channel", ENOTCONN,
	       mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, VX_MMAP_RING) == MAP_FAILED ? errno : 0);
	expect("poll without channel", POLLERR, poll(&f, 1, 0) == 1 ? f.revents : 0);
	expect("read", EINVAL, read(fd, &c, 1) < 0 ? errno : 0);
	expect("write", EINVAL, write(fd, &c, 1) < 0 ? errno : 0);
	expect("unknown call", ENOTTY, call(fd, _IO('V', 0xef), NULL));
	expect("other type", ENOTTY, call(fd, _IOWR('W', 0xf0, struct vx_query), &b));
	expect("other direction", ENOTTY, call(fd, _IOR('V', 0xf0, struct vx_query), &b));
}

/* The fields of a call: @field runs over all that must be zero. */
static void test_query(int fd)
{
	struct { struct vx_query q; char more[64]; } big = { .q.size = sizeof(big) };
	struct vx_query q = { .size = sizeof(q) };

	expect("query", 0, call(fd, VX_IOC_QUERY, &q));
	expect("ABI version", VX_ABI_VERSION, q.abi_version);
	q = (struct vx_query){ .size = sizeof(q) - 8 };
	expect("query, short", EINVAL, call(fd, VX_IOC_QUERY, &q));
	q = (struct vx_query){ .size = 0 };
	expect("query, no size", EINVAL, call(fd, VX_IOC_QUERY, &q));
	q = (struct vx_query){ .size = 1u << 20 };
	expect("query, huge", E2BIG, call(fd, VX_IOC_QUERY, &q));
	expect("query, longer with zeros", 0, call(fd, VX_IOC_QUERY, &big));
	big.q = (struct vx_query){ .size = sizeof(big) };
	expect("query, longer with another number", 0, call(fd, _IOWR('V', 0xf0, big), &big));
	big.q = (struct vx_query){ .size = sizeof(big) };
	big.more[60] = 1;
	expect("query, longer with something", E2BIG, call(fd, VX_IOC_QUERY, &big));
	q = (struct vx_query){ .size = sizeof(q), .flags = 1 };
	expect("query, flags", EINVAL, call(fd, VX_IOC_QUERY, &q));
	q = (struct vx_query){ .size = sizeof(q), .reserved = 1 };
	expect("query, reserved", EINVAL, call(fd, VX_IOC_QUERY, &q));
	expect("query, bad pointer", EFAULT, call(fd, VX_IOC_QUERY, (void *)8));
	expect("query, NULL", EFAULT, call(fd, VX_IOC_QUERY, NULL));
}

static void test_create(int fd)
{
	static const struct {
		const char *what;
		int wanted;
		struct vx_create c;
        } rows[] = {
            {"create, flags", EINVAL, {.flags = 1}},
            {"create, reserved32", EINVAL, {.reserved32 = 1}},
            {"create, reserved64", EINVAL, {.reserved64 = 1}},
            {"create, size_m no power of two", EINVAL, {.size_m = 3 << 14}},
            {"create, size_m too small", EINVAL, {.size_m = 8192}},
            {"create, size_m too large", EINVAL, {.size_m = 512u << 20}},
            {"create, size_m absurd", EINVAL, {.size_m = 1ull << 63}},
            {"create, size_d no power of two", EINVAL, {.size_d = 16385}},
            {"create, size_d too small", EINVAL, {.size_d = 1}},
            {"create, push_size too small", EINVAL, {.push_size = 8192}},
            {"create, push_size too large", EINVAL, {.push_size = 32u << 20}},
            {"create, push_size no power of two", EINVAL, {.push_size = 40000}},
            {"create, user_ops beyond", EINVAL, {.user_ops = 1u << 27}},
            {"create, more than the machine has",
             ENOMEM,
             {.size_m = VX_SUBRING_MAX, .size_d = VX_SUBRING_MAX}},
        };
        size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_create c = rows[i].c;

		c.size = sizeof(c);
		expect(rows[i].what, rows[i].wanted, call(fd, VX_IOC_CREATE, &c));
	}
}

static int try_map(int fd, uint64_t bytes, int prot, int flags, uint64_t at)
{
	void *p = mmap(NULL, bytes, prot, flags, fd, (off_t)at);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, bytes);
	return 0;
}

static void test_map(int fd, const struct vx_create *c)
{
	const int rw = PROT_READ | PROT_WRITE;
	void *p;

	expect("map ring", 0, try_map(fd, c->ring_bytes, PROT_READ, MAP_SHARED, VX_MMAP_RING));
        expect("map ring for writing", EPERM,
               try_map(fd, c->ring_bytes, rw, MAP_SHARED, VX_MMAP_RING));
        expect("map ring executable", EPERM,
               try_map(fd, c->ring_bytes, PROT_READ | PROT_EXEC, MAP_SHARED, VX_MMAP_RING));
        expect("map ring private", EINVAL,
               try_map(fd, c->ring_bytes, PROT_READ, MAP_PRIVATE, VX_MMAP_RING));
        expect("map ring short", EINVAL,
               try_map(fd, c->ring_bytes - 4096, PROT_READ, MAP_SHARED, VX_MMAP_RING));
        expect("map ring long", EINVAL,
               try_map(fd, c->ring_bytes + 4096, PROT_READ, MAP_SHARED, VX_MMAP_RING));
        expect("map ring from inside", EINVAL,
               try_map(fd, c->ring_bytes - 4096, PROT_READ, MAP_SHARED, 4096));
        expect("map consumer", 0, try_map(fd, c->consumer_bytes, rw, MAP_SHARED, VX_MMAP_CONSUMER));
	expect("map consumer executable", EPERM,
	       try_map(fd, c->consumer_bytes, rw | PROT_EXEC, MAP_SHARED, VX_MMAP_CONSUMER));
        expect("map consumer long", EINVAL,
               try_map(fd, c->consumer_bytes + 4096, rw, MAP_SHARED, VX_MMAP_CONSUMER));
        expect("map push", 0, try_map(fd, c->push_bytes, rw, MAP_SHARED, VX_MMAP_PUSH));
        expect("map push short", EINVAL,
               try_map(fd, c->push_bytes - 4096, rw, MAP_SHARED, VX_MMAP_PUSH));
        expect("map elsewhere", EINVAL,
               try_map(fd, 4096, PROT_READ, MAP_SHARED, 0x300000000000ull));
        p = mmap(NULL, c->ring_bytes, PROT_READ, MAP_SHARED, fd, VX_MMAP_RING);
	expect("mprotect ring to writable", EACCES, mprotect(p, 4096, rw) ? errno : 0);
        expect("mprotect ring to executable", EACCES,
               mprotect(p, 4096, PROT_READ | PROT_EXEC) ? errno : 0);
        expect("mremap ring larger", EFAULT,
               mremap(p, c->ring_bytes, c->ring_bytes + 4096, MREMAP_MAYMOVE) == MAP_FAILED ? errno
                                                                                            : 0);
        munmap(p, c->ring_bytes);
}

static void test_watch(int fd)
{
	struct vx_watch_remove r = { .size = sizeof(r) };
	struct vx_watch_add a;
	const int dir = open(where, O_PATH | O_CLOEXEC);
	int pipes[2], file, i, err = 0;
	static const struct {
		const char *what;
		int wanted;
		struct vx_watch_add a;
        } rows[] = {
            {"watch, no operation", EINVAL, {.ops = 0}},
            {"watch, unknown operation", EINVAL, {.ops = 1ull << VX_OP_COUNT}},
            {"watch, unknown flag", EINVAL, {.ops = 1, .flags = 16}},
            {"watch, reserved", EINVAL, {.ops = 1, .reserved32 = 1}},
            {"watch, uid without flag", EINVAL, {.ops = 1, .uid = 1}},
            {"watch, invalid uid", EINVAL, {.ops = 1, .flags = VX_WATCH_UID, .uid = UINT32_MAX}},
            {"watch, pid without flag", EINVAL, {.ops = 1, .pid = 1}},
            {"watch, pid 0", EINVAL, {.ops = 1, .flags = VX_WATCH_PID}},
            {"watch, pid absurd", EINVAL, {.ops = 1, .flags = VX_WATCH_PID, .pid = UINT32_MAX}},
            {"watch", 0, {.ops = 1}},
        };

        for (i = 0; i < (int)(sizeof(rows) / sizeof(rows[0])); i++) {
		a = rows[i].a;
		a.size = sizeof(a);
		a.path_fd = dir;
		expect(rows[i].what, rows[i].wanted, call(fd, VX_IOC_WATCH_ADD, &a));
	}
	r.watch = a.watch;
	r.flags = 1;
	expect("remove, flags", EINVAL, call(fd, VX_IOC_WATCH_REMOVE, &r));
	r.flags = 0;
	expect("remove", 0, call(fd, VX_IOC_WATCH_REMOVE, &r));
	expect("remove again", ENOENT, call(fd, VX_IOC_WATCH_REMOVE, &r));
	a = (struct vx_watch_add){ .size = sizeof(a), .ops = 1, .path_fd = -1 };
	expect("watch, no file", EBADF, call(fd, VX_IOC_WATCH_ADD, &a));
	if (pipe(pipes))
		exit(2);
	a.path_fd = pipes[0];
	expect("watch a pipe", EINVAL, call(fd, VX_IOC_WATCH_ADD, &a));
	file = openat(dir, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	a.path_fd = file;
	a.flags = VX_WATCH_SUBTREE;
	expect("watch a file as a subtree", ENOTDIR, call(fd, VX_IOC_WATCH_ADD, &a));
	for (i = 0; i <= (int)VX_WATCHES_MAX && !err; i++) {
		a = (struct vx_watch_add){ .size = sizeof(a), .ops = VX_OPS_ALL, .path_fd = file };
		err = call(fd, VX_IOC_WATCH_ADD, &a);
	}
	expect("watches beyond the limit", ENOSPC, err);
	expect("watches at the limit", VX_WATCHES_MAX, i - 1);
	for (i = 0; i < (int)VX_WATCHES_MAX; i++) {
		r.watch = a.watch - (uint64_t)i;
		if (call(fd, VX_IOC_WATCH_REMOVE, &r) && i)
			break;
	}
	close(pipes[0]);
	close(pipes[1]);
	close(file);
	close(dir);
}

static void test_limits(void)
{
	int fd[VX_CHANNELS_MAX + 1];
	unsigned i, n = 0;
	int err = 0;

	for (i = 0; i <= VX_CHANNELS_MAX; i++)
		fd[i] = -1;
	for (i = 0; i <= VX_CHANNELS_MAX && !err; i++) {
            struct vx_create c = {.size = sizeof(c),
                                  .size_m = VX_SUBRING_MIN,
                                  .size_d = VX_SUBRING_MIN,
                                  .push_size = VX_PUSH_MIN};

            fd[i] = open_device();
            err = call(fd[i], VX_IOC_CREATE, &c);
            n += !err;
	}
	expect("channels beyond the limit", EMFILE, err);
	printf("ok %u channels\n", n);
	for (i = 0; i <= VX_CHANNELS_MAX; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

int main(int argc, char **argv)
{
	struct vx_stats s = { .size = sizeof(s), .flags = 1 };
	struct vx_barrier b = { .size = sizeof(b), .flags = 1 };
	struct vx_create c;
	int fd;

	if (argc != 2)
		return 2;
	where = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_open();
	fd = open_device();
	test_no_channel(fd);
	test_query(fd);
	test_create(fd);
	c = create_on(fd, VX_SUBRING_MIN, VX_SUBRING_MIN, 0);
        c = (struct vx_create){
            .size = sizeof(c), .size_m = VX_SUBRING_MIN, .size_d = VX_SUBRING_MIN};
        expect("create again", EISCONN, call(fd, VX_IOC_CREATE, &c));
	expect("stats, flags", EINVAL, call(fd, VX_IOC_STATS, &s));
	expect("barrier, flags", EINVAL, call(fd, VX_IOC_BARRIER, &b));
	close(fd);
	fd = open_device();
	c = create_on(fd, VX_SUBRING_MIN, VX_SUBRING_MIN, 0);
	test_map(fd, &c);
	test_watch(fd);
	close(fd);
	test_limits();
	return failed;
}
