# SPDX-License-Identifier: Apache-2.0
"""Allocations that fail, one after the other. See no_memory.sh.

Documentation/fault-injection/fault-injection.rst: a task that writes N to its fail-nth lets its
N-th allocation from then on fail; what is left there afterwards is 0 if it came to that."""

import errno
import os
import sys

from channel import NOT_ME, SUBTREE, Channel, bits
from session import check, check_equal, finish

NTH = "/proc/thread-self/fail-nth"
MOST = 5000  # allocations of one call


def set_up():
    for kind in ("failslab", "fail_page_alloc"):
        for name, value in (("ignore-gfp-wait", "N"), ("verbose", "0"), ("min-order", "0")):
            path = f"/sys/kernel/debug/{kind}/{name}"
            if os.path.exists(path):
                with open(path, "w", encoding="ascii") as file:
                    file.write(value)


def debugfs():
    with open("/sys/kernel/debug/vexfs/channels", encoding="ascii") as file:
        return len(file.readlines()) - 1


def each_fails(name, prepare, call, undo):
    """`call` gets what `prepare` gave. One round for each allocation, until none is left to fail.
    Python allocates by itself too, but not from the kernel's slabs in most rounds: what matters is
    only that the call's own are all reached."""
    refused, wrong = 0, []
    with open(NTH, "r+b", buffering=0) as nth:
        for number in range(1, MOST):
            state = prepare()
            error = 0
            os.pwrite(nth.fileno(), str(number).encode(), 0)
            try:
                result = call(state)
            except OSError as failure:
                error = failure.errno
            left = int(os.pread(nth.fileno(), 16, 0))
            os.pwrite(nth.fileno(), b"0", 0)
            refused += error != 0
            if error not in (0, errno.ENOMEM):
                wrong.append((number, errno.errorcode.get(error, error)))
            undo(state, None if error else result)
            if left != 0:
                break
    check(f"{name}: {number - 1} allocations, {refused} refused it",
          not wrong and left != 0 and number > 1, str(wrong[:5]))
    check_equal(f"{name}: no channel is left", debugfs(), 0)


def create():
    return Channel(size_m=16384, size_d=16384, name="scarce", linger_s=60)


def watched(flags=0, ops=None):
    channel = create()
    return channel, flags, ops or bits("FileCreate", "FileRename", "FileChmod", "Mount", "Sync")


if not os.path.exists(NTH):
    print("skipped: no allocations can be made to fail in this kernel: scripts/vm --debug has one")
    sys.exit(77)
set_up()
os.makedirs("/tmp/scarce/below")

each_fails("open", lambda: None, lambda _: os.open("/dev/vexfs", os.O_RDWR),
           lambda _, fd: fd is not None and os.close(fd))
each_fails("create and map", lambda: None, lambda _: create(),
           lambda _, channel: channel and channel.close())
for flags, what in ((0, "a file system"), (SUBTREE | NOT_ME, "a subtree")):
    each_fails(f"watch {what}", lambda flags=flags: watched(flags),
               lambda s: s[0].watch("/tmp/scarce", s[2], s[1]),
               lambda s, watch: (watch and s[0].unwatch(watch), s[0].close()))


def second_watch():
    channel = create()
    channel.watch("/tmp/scarce", bits("FileCreate"))
    return channel


def both_removed(channel, _):
    channel.unwatch_all()
    channel.close()


each_fails("a wider watch on the same file system", second_watch,
           lambda channel: channel.watch("/tmp/scarce", bits("FileRename", "FileTruncate")),
           both_removed)


def narrower(channel):
    channel.unwatch_up_to(1)


def two_watches():
    channel = second_watch()
    channel.watch("/tmp/scarce", bits("FileDelete"))
    return channel


each_fails("unwatch", two_watches, narrower, both_removed)
each_fails("push", second_watch, lambda channel: channel.push(b"name"), both_removed)
each_fails("barrier and statistics", second_watch,
           lambda channel: (channel.barrier(), channel.stats()), both_removed)


def work():
    """What a watch sees allocates nothing, and does not fail for want of memory."""
    os.mkdir("/tmp/scarce/below/d")
    os.rename("/tmp/scarce/below/d", "/tmp/scarce/below/e")
    os.rmdir("/tmp/scarce/below/e")


channel = create()
channel.watch("/tmp/scarce", bits("DirCreate", "FileRename", "DirDelete"))
work()
check_equal("events after all that", [e.op for e in channel.events()],
            ["DirCreate", "FileRename", "DirDelete"])
channel.unwatch_all()
channel.close()
finish()
