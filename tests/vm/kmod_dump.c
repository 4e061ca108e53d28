// SPDX-License-Identifier: Apache-2.0
/*
 * Prints what the kernel module sees while a command runs:
 *
 *   kmod_dump [-o OPS] [-s] [-n] [-m BYTES] [-d BYTES] [-q] PATH COMMAND...
 *
 *   -o OPS    operations, a mask (default: all)       -s  only the subtree of PATH, not its whole
 *             file system
 *   -n        not what this process does              -q  print no events, only the sums
 *   -m, -d    bytes of a sub-ring of class M, D       -p  do not read before the command has ended
 *
 * One line an event; then, for each operation, seen, filtered, emitted, lost and read. Exit status
 * 1 when the numbers do not add up, the tickets are not dense, or the command failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include "ring_reader.h"

static struct vx_reader reader;
static unsigned long long read_op[VX_OP_SLOTS], gaps, dirs, next_ticket, disorder;
static int quiet;

static void die(const char *what)
{
	fprintf(stderr, "kmod_dump: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void print_flags(unsigned flags)
{
    static const char* const names[] = {
        "DIRECTORY", "EXEC",      "WROTE",    "REPLACED", "EXCHANGE", "TMPFILE",
        "UNLINKED",  "LAST_LINK", "FORCED",   "MODE",     "OWNER",    "GROUP",
        "DATASYNC",  "SYNC_FS",   "SYNC_ALL", "LAZY",     "BIND",     "REMOUNT",
        "MOVE",      "SPECIAL",   "RESYNC",   "NO_NAME",  "OPEN_TRUNC"};
    unsigned i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (flags >> i & 1)
            printf(" %s", names[i]);
}

static void print_event(const struct vx_event *e, unsigned long long seq)
{
	const struct vx_rename *r = vx_event_rename_const(e);

        printf("%5llu t=%-4llu %-14s ino=%llu/%u in=%llu/%u name='%.*s'", seq,
               (unsigned long long)e->rec.ticket, vx_op_name(e->rec.op), (unsigned long long)e->ino,
               e->gen, (unsigned long long)e->parent_ino, e->parent_gen, e->name_len,
               vx_event_name(e));
        if (e->name2_len)
		printf(" name2='%.*s'", e->name2_len, vx_event_name2(e));
	if (r)
		printf(" old_in=%llu target=%llu/%o left=%u", (unsigned long long)r->old_parent_ino,
		       (unsigned long long)r->target_ino, r->target_mode, r->target_nlink);
	if (e->cookie)
		printf(" cookie=%u", e->cookie);
        printf(" mode=%o nlink=%u size=%llu owner=%u:%u", e->mode, e->nlink,
               (unsigned long long)e->size, e->owner_uid, e->owner_gid);
        if (e->offset || e->length)
            printf(" range=%llu+%llu", (unsigned long long)e->offset,
                   (unsigned long long)e->length);
        printf(" by=%u:%u/%u/%.16s", e->uid, e->gid, e->pid, e->comm);
	print_flags(e->flags);
	printf("\n");
}

static void check_event(const struct vx_event *e)
{
	const int bad = vx_event_check(e, e->rec.len);

	if (bad) {
		fprintf(stderr, "kmod_dump: vx_event_check: %s\n", strerror(-bad));
		exit(1);
	}
}

static void drain(void)
{
	struct vx_item item;

	while (vx_reader_next(&reader, &item) != VX_ITEM_NONE) {
		const struct vx_record *rec = item.record;

		if (item.kind == VX_ITEM_BROKEN) {
			fprintf(stderr, "kmod_dump: the ring is broken\n");
			exit(1);
		}
		if (item.kind == VX_ITEM_GAP) {
			gaps += item.count;
			if (item.cls == VX_CLASS_M)
				next_ticket += item.count;
		} else if (item.kind == VX_ITEM_LOST) {
			/* Class M is counted by its tickets, which are the gaps. */
			gaps += item.cls == VX_CLASS_D ? item.count : 0;
		} else if (item.kind == VX_ITEM_DIR) {
			const struct vx_dir *d = (const struct vx_dir *)rec;

			dirs++;
			if (!quiet)
                            printf("      t=%-4llu dir ino=%llu/%u in=%llu name='%.*s'\n",
                                   (unsigned long long)rec->ticket, (unsigned long long)d->ino,
                                   d->gen, (unsigned long long)d->parent_ino, d->name_len,
                                   vx_dir_name(d));
                } else if (item.kind == VX_ITEM_EVENT && rec->type == VX_REC_EVENT) {
			check_event((const struct vx_event *)rec);
			read_op[rec->op]++;
			if (vx_op_class(rec->op) == VX_CLASS_M)
				disorder += rec->ticket != next_ticket++;
			if (!quiet)
                            print_event((const struct vx_event*)rec, (unsigned long long)item.seq);
                }
	}
	vx_reader_release(&reader);
}

static int print_sums(int fd)
{
	struct vx_stats s = { .size = sizeof(s) };
	unsigned long long lost = 0;
	int op, bad = 0;

	if (ioctl(fd, VX_IOC_STATS, &s))
		die("stats");
	for (op = 0; op < VX_OP_SLOTS; op++) {
		if (s.seen[op])
                    printf("sum %-14s seen=%llu filtered=%llu emitted=%llu lost=%llu read=%llu\n",
                           vx_op_name(op), (unsigned long long)s.seen[op],
                           (unsigned long long)s.filtered[op], (unsigned long long)s.emitted[op],
                           (unsigned long long)s.lost[op], read_op[op]);
                bad |= s.seen[op] != s.filtered[op] + s.emitted[op] + s.lost[op] ||
                       s.emitted[op] != read_op[op];
                lost += s.lost[op];
	}
	bad |= lost != gaps || disorder || s.dirs != dirs;
        printf(
            "sum tickets=%llu lost=%llu gaps=%llu dirs=%llu/%llu wakeups=%llu missed=%llu "
            "disorder=%llu: %s\n",
            (unsigned long long)s.tickets, lost, gaps, dirs, (unsigned long long)s.dirs,
            (unsigned long long)s.wakeups, (unsigned long long)s.probe_missed, disorder,
            bad ? "WRONG" : "right");
        return bad;
}

static void *map(int fd, unsigned long long bytes, int prot, unsigned long long at)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED, fd, (off_t)at);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static int run(char **command)
{
	const pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		execvp(command[0], command);
		die(command[0]);
	}
	return pid;
}

/*
 * Reads until the command ends: sleeps in poll, woken by the kernel or by the end of the command (a
 * pipe).
 */
static int follow(int fd, pid_t pid, int end_fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = end_fd, .events = POLLIN } };
	int status;

	for (;;) {
		drain();
		if (p[1].revents)
			break;
		if (!vx_reader_sleep(&reader, 1))
			continue;
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			die("poll");
		vx_reader_awake(&reader);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return status;
}

int main(int argc, char **argv)
{
	struct vx_create create = { .size = sizeof(create) };
	struct vx_watch_add add = { .size = sizeof(add), .ops = VX_OPS_ALL };
	struct vx_barrier barrier = { .size = sizeof(barrier) };
	int fd, c, status, paused = 0, end[2];
	void *ring, *consumer;
	pid_t pid;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	while ((c = getopt(argc, argv, "+o:snqpm:d:")) != -1) {
		switch (c) {
		case 'o': add.ops = strtoull(optarg, NULL, 0); break;
		case 's': add.flags |= VX_WATCH_SUBTREE; break;
		case 'n': add.flags |= VX_WATCH_NOT_ME; break;
		case 'q': quiet = 1; break;
		case 'p': paused = 1; break;
		case 'm': create.size_m = strtoull(optarg, NULL, 0); break;
		case 'd': create.size_d = strtoull(optarg, NULL, 0); break;
		default: return 2;
		}
	}
	if (argc - optind < 2)
		return 2;
	fd = open(VX_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(VX_DEVICE);
	if (ioctl(fd, VX_IOC_CREATE, &create))
		die("create");
	ring = map(fd, create.ring_bytes, PROT_READ, VX_MMAP_RING);
	consumer = map(fd, create.consumer_bytes, PROT_READ | PROT_WRITE, VX_MMAP_CONSUMER);
        if (vx_reader_init(&reader, ring, create.ring_bytes, consumer,
                           calloc(1, vx_reader_scratch(((struct vx_ring_header*)ring)->producers)),
                           0))
            die("reader");
	add.path_fd = open(argv[optind], O_PATH | O_CLOEXEC);
	if (add.path_fd < 0)
		die(argv[optind]);
	if (ioctl(fd, VX_IOC_WATCH_ADD, &add))
		die("watch");
	close(add.path_fd);
        printf("watch %llu fsid=%llx ino=%llu root=%llu dev=%llx\n", (unsigned long long)add.watch,
               (unsigned long long)add.fsid, (unsigned long long)add.ino,
               (unsigned long long)add.root_ino, (unsigned long long)add.dev);
        fflush(stdout);
	if (pipe(end))
		die("pipe");
	fcntl(end[0], F_SETFD, FD_CLOEXEC);
	pid = run(argv + optind + 1);
	close(end[1]);
	if (!paused)
		status = follow(fd, pid, end[0]);
	else if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	if (ioctl(fd, VX_IOC_BARRIER, &barrier))
		die("barrier");
	drain();
	/* What found no room is reported behind what has just been released. */
	if (ioctl(fd, VX_IOC_BARRIER, &barrier))
		die("barrier");
	drain();
	c = print_sums(fd);
	return c || status ? 1 : 0;
}
