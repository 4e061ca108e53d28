// SPDX-License-Identifier: Apache-2.0
/*
 * bench_fs_ops PEER DIR [OTHER]: what file operations in DIR cost while PEER watches.
 *
 *   none       nobody watches (what else is loaded is the caller's business)
 *   inotify    inotify on DIR, all events
 *   fanotify   fanotify with file handles and names (FAN_REPORT_DFID_NAME) on DIR's file system
 *   vexfs      a channel with a watch on DIR's file system, all operations
 *   subtree    the same, on what is below DIR
 *   elsewhere  the same, on the file system of OTHER
 *
 * Nobody reads what the peers record. Prints for each operation one line
 *   PEER OPERATION MEDIAN MIN MAX RECORDS LOST
 * the first three in ticks of the TSC for one operation (under scripts/vm --icount a tick is one
 * instruction), RECORDS for one operation, LOST all together ("-" where there is nothing to count).
 * Each run has a new instance of the peer, so that its queue is empty. VEXFS_BENCH_COUNT operations
 * a run (default 1000, at most 3000: inotify's queue holds 16,384 events), VEXFS_BENCH_RUNS runs
 * (default 7) after one that does not count.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <x86intrin.h>

#include "abi/ioctl.h"

/* the operations go round among them: equal events in a row could be merged */
#define FILES 8
#define RUNS_MAX 101
#define COUNT_MAX 3000

static const char *dir, *other;
static unsigned int count = 1000, runs = 7;
static int files[FILES];

static void die(const char *what)
{
	fprintf(stderr, "bench_fs_ops: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void check(int result, const char *what)
{
	if (result < 0)
		die(what);
}

/* Names in the directory that is current; made before anything is measured. */
enum kind { FILE_NAME, MOVED_NAME, NEW_NAME, OLD_NAME, DIR_NAME, KINDS };

static char names[KINDS][COUNT_MAX][16];

static void make_names(void)
{
	static const char *const prefixes[KINDS] = { "file", "moved", "new", "old", "dir" };
	unsigned int kind, i;

	for (kind = 0; kind < KINDS; kind++)
		for (i = 0; i < COUNT_MAX; i++)
                    snprintf(names[kind][i], sizeof(names[kind][i]), "%s-%05u", prefixes[kind], i);
}

/* --- peers ----------------------------------------------------------------------------------- */

struct peer {
	const char *name;
	int (*start)(void);
	/* Counts what was recorded; adds to *lost what was not. */
	uint64_t (*records)(int fd, uint64_t *lost);
};

static int start_none(void)
{
	return -1;
}

static int start_inotify(void)
{
	const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	check(fd, "inotify_init1");
	check(inotify_add_watch(fd, dir, IN_ALL_EVENTS), "inotify_add_watch");
	return fd;
}

static uint64_t records_inotify(int fd, uint64_t *lost)
{
	static char buffer[65536] __attribute__((aligned(8)));
	uint64_t n = 0;
	ssize_t got, at;

	while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
		for (at = 0; at < got; n++) {
			const struct inotify_event *e = (const struct inotify_event *)(buffer + at);

			*lost += (e->mask & IN_Q_OVERFLOW) != 0;
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
	return n;
}

static int start_fanotify(void)
{
	const uint64_t mask = FAN_OPEN | FAN_ACCESS | FAN_MODIFY | FAN_CLOSE | FAN_ATTRIB |
			      FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_ONDIR;
	const int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK |
					     FAN_REPORT_DFID_NAME,
				     O_RDONLY);

	check(fd, "fanotify_init");
	check(fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, AT_FDCWD, dir),
	      "fanotify_mark");
	return fd;
}

static uint64_t records_fanotify(int fd, uint64_t *lost)
{
	static char buffer[65536] __attribute__((aligned(8)));
	uint64_t n = 0;
	ssize_t got;

	while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
		const struct fanotify_event_metadata *e = (void *)buffer;

		for (; FAN_EVENT_OK(e, got); e = FAN_EVENT_NEXT(e, got), n++)
			*lost += (e->mask & FAN_Q_OVERFLOW) != 0;
	}
	return n;
}

static int start_vexfs_on(const char *path, uint32_t flags)
{
	struct vx_create create = { .size = sizeof(create) };
	struct vx_watch_add watch = { .size = sizeof(watch), .flags = flags, .ops = VX_OPS_ALL };
	const int fd = open(VX_DEVICE, O_RDWR | O_CLOEXEC);

	check(fd, VX_DEVICE);
	check(ioctl(fd, VX_IOC_CREATE, &create), "VX_IOC_CREATE");
	watch.path_fd = open(path, O_PATH | O_CLOEXEC);
	check(watch.path_fd, path);
	check(ioctl(fd, VX_IOC_WATCH_ADD, &watch), "VX_IOC_WATCH_ADD");
	close(watch.path_fd);
	return fd;
}

static int start_vexfs(void)
{
	return start_vexfs_on(dir, 0);
}

static int start_subtree(void)
{
	return start_vexfs_on(dir, VX_WATCH_SUBTREE);
}

static int start_elsewhere(void)
{
	return start_vexfs_on(other, 0);
}

static uint64_t records_vexfs(int fd, uint64_t *lost)
{
	struct vx_stats stats = { .size = sizeof(stats) };
	uint64_t n = 0;
	unsigned int op;

	check(ioctl(fd, VX_IOC_STATS, &stats), "VX_IOC_STATS");
	for (op = 0; op < VX_OP_SLOTS; op++) {
		n += stats.emitted[op];
		*lost += stats.lost[op];
	}
	*lost += stats.probe_missed;
	return n;
}

static const struct peer peers[] = {
	{ "none", start_none, NULL },
	{ "inotify", start_inotify, records_inotify },
	{ "fanotify", start_fanotify, records_fanotify },
	{ "vexfs", start_vexfs, records_vexfs },
	{ "subtree", start_subtree, records_vexfs },
	{ "elsewhere", start_elsewhere, records_vexfs },
};

/* --- operations ------------------------------------------------------------------------------ */

static char block[64];

static void make_files(enum kind kind, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		const int fd = open(names[kind][i], O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

		check(fd, "create");
		close(fd);
	}
}

static void remove_files(enum kind kind, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		unlink(names[kind][i]);
}

static void do_create(unsigned int i)
{
	const int fd = open(names[NEW_NAME][i], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	check(fd, "create");
	close(fd);
}

static void after_create(void)
{
	remove_files(NEW_NAME, count);
}

static void do_pwrite(unsigned int i)
{
	check((int)pwrite(files[i % FILES], block, sizeof(block), 0), "pwrite");
}

static void do_pread(unsigned int i)
{
	check((int)pread(files[i % FILES], block, sizeof(block), 0), "pread");
}

static void do_chmod(unsigned int i)
{
	check(chmod(names[FILE_NAME][i % FILES], i / FILES % 2 ? 0600 : 0644), "chmod");
}

static void do_rename(unsigned int i)
{
	const int back = i / FILES % 2;

	check(rename(names[back ? MOVED_NAME : FILE_NAME][i % FILES],
		     names[back ? FILE_NAME : MOVED_NAME][i % FILES]),
	      "rename");
}

static void after_rename(void)
{
	unsigned int i;

	for (i = 0; i < FILES; i++)
		rename(names[MOVED_NAME][i], names[FILE_NAME][i]);
}

static void before_unlink(void)
{
	make_files(OLD_NAME, count);
}

static void do_unlink(unsigned int i)
{
	check(unlink(names[OLD_NAME][i]), "unlink");
}

static void do_mkdir(unsigned int i)
{
	check(mkdir(names[DIR_NAME][i], 0755), "mkdir");
	check(rmdir(names[DIR_NAME][i]), "rmdir");
}

struct operation {
	const char *name;
	void (*before)(void); /* not measured, nobody watches */
	void (*once)(unsigned int i);
	void (*after)(void);  /* not measured, nobody watches */
};

static const struct operation operations[] = {
	{ "create+close", NULL, do_create, after_create },
	{ "pwrite", NULL, do_pwrite, NULL },
	{ "pread", NULL, do_pread, NULL },
	{ "chmod", NULL, do_chmod, NULL },
	{ "rename", NULL, do_rename, after_rename },
	{ "unlink", before_unlink, do_unlink, NULL },
	{ "mkdir+rmdir", NULL, do_mkdir, NULL },
};

/* --- measuring ------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Lets the kernel finish what the run before left over (inodes and marks that wait for RCU), which
 * would otherwise be part of this run, and more so for peers that end without waiting for it.
 */
static void settle(void)
{
	usleep(50000);
}

static double run_once(const struct peer *peer, const struct operation *op, uint64_t *records,
		       uint64_t *lost)
{
	uint64_t start, ticks;
	unsigned int i;
	int fd;

	if (op->before)
		op->before();
	fd = peer->start();
	settle();
	start = __rdtsc();
	for (i = 0; i < count; i++)
		op->once(i);
	ticks = __rdtsc() - start;
	if (peer->records)
		*records += peer->records(fd, lost);
	if (fd >= 0)
		close(fd);
	if (op->after)
		op->after();
	return (double)ticks / count;
}

static void measure(const struct peer *peer, const struct operation *op)
{
	double ticks[RUNS_MAX];
	uint64_t records = 0, lost = 0;
	unsigned int i;

	run_once(peer, op, &records, &lost);
	records = 0;
	for (i = 0; i < runs; i++)
		ticks[i] = run_once(peer, op, &records, &lost);
	qsort(ticks, runs, sizeof(ticks[0]), ascending);
	printf("%s %s %.1f %.1f %.1f", peer->name, op->name, ticks[runs / 2], ticks[0],
	       ticks[runs - 1]);
	if (peer->records)
		printf(" %.2f %llu\n", (double)records / runs / count, (unsigned long long)lost);
	else
		printf(" - -\n");
	fflush(stdout);
}

static unsigned int number(const char *variable, unsigned int fallback, unsigned int limit)
{
	const char *text = getenv(variable);
	const unsigned long value = text ? strtoul(text, NULL, 10) : fallback;

	return value && value <= limit ? (unsigned int)value : fallback;
}

static void open_files(void)
{
	unsigned int i;

	check(chdir(dir), dir);
	make_files(FILE_NAME, FILES);
	for (i = 0; i < FILES; i++) {
		files[i] = open(names[FILE_NAME][i], O_RDWR | O_CLOEXEC);
		check(files[i], "open");
		do_pwrite(i);
	}
}

int main(int argc, char **argv)
{
	const struct peer *peer = NULL;
	size_t i;

	for (i = 0; argc >= 3 && i < sizeof(peers) / sizeof(peers[0]); i++)
		if (!strcmp(argv[1], peers[i].name))
			peer = &peers[i];
	if (!peer || (peer->start == start_elsewhere && argc < 4)) {
		fprintf(stderr, "usage: bench_fs_ops none|inotify|fanotify|vexfs|subtree DIR\n"
				"       bench_fs_ops elsewhere DIR OTHER\n");
		return 2;
	}
	dir = argv[2];
	other = argc > 3 ? argv[3] : NULL;
	count = number("VEXFS_BENCH_COUNT", count, COUNT_MAX);
	runs = number("VEXFS_BENCH_RUNS", runs, RUNS_MAX);
	make_names();
	open_files();
	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		measure(peer, &operations[i]);
	remove_files(FILE_NAME, FILES);
	return 0;
}
