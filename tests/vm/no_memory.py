# SPDX-License-Identifier: Apache-2.0
"""Allocations that fail, one after the other. See no_memory.sh.

Documentation/fault-injection/fault-injection.rst: a task that writes N to its fail-nth lets its
N-th allocation from then on fail; what is left there afterwards is 0 if it came to that. All that
the kernel allocates for the call is counted: what the module asks for, what the kernel allocates on
its behalf (a mapping, a probe, a mark), and the checkers' own."""

import ctypes
import errno
import fcntl
import os
import shutil
import struct
import sys
import time

from channel import ALL_OPS, SUBTREE, Channel, bits
from session import check, check_equal, finish, run

NTH = "/proc/thread-self/fail-nth"
MOST = 20000  # allocations of one call
VEXFS = "/sys/kernel/debug/vexfs"
PLACE = "/tmp/scarce"
ALL_DETAIL = 7
ROUNDS = 60  # of rings that fail half way
LOADING_STEP = 5
AT_THE_END = 60  # allocations of a loading behind its probes
PARAMETERS = "probe_maxactive=2"
QUERY = struct.Struct("<IIIIQQqII")


def set_up():
    for kind in ("failslab", "fail_page_alloc"):
        for name, value in (("ignore-gfp-wait", "N"), ("verbose", "0"), ("min-order", "0")):
            path = f"/sys/kernel/debug/{kind}/{name}"
            if os.path.exists(path):
                with open(path, "w", encoding="ascii") as file:
                    file.write(value)
    os.makedirs(f"{PLACE}/below")


def rows(name):
    with open(f"{VEXFS}/{name}", encoding="ascii") as file:
        return file.readlines()[1:]


def probes():
    with open("/sys/kernel/debug/kprobes/list", encoding="ascii") as file:
        return file.readlines()


def failing(number, call):
    """What `call` returned while the number-th allocation from now on failed, the errno, and how
    many allocations there were until then."""
    result, error = None, 0
    os.pwrite(nth, str(number).encode(), 0)
    try:
        result = call()
    except OSError as failure:
        error = failure.errno
    except MemoryError:  # an allocation of Python itself
        error = errno.ENOMEM
    left = int(os.pread(nth, 16, 0))
    os.pwrite(nth, b"0", 0)
    return result, error, number - left


def each_fails(name, prepare, call, undo, still=None, step=1):
    """`call` gets what `prepare` gave; one round for each of its allocations, or each step-th,
    until none is left to fail. When it was refused, `still` says what of that does not work as
    before, and then `call` must succeed. `undo` gets its result too."""
    began = time.monotonic()
    rounds, refused, wrong, number, came_to = 0, 0, [], 0, 0
    while came_to == number and number < MOST:
        number += step if number else 1
        rounds += 1
        state = prepare()
        result, error, came_to = failing(number, lambda: call(state))
        if error not in (0, errno.ENOMEM):
            wrong.append((number, errno.errorcode.get(error, error)))
        if error:
            refused += 1
            problem = still(state) if still else None
            if problem:
                wrong.append((number, problem))
            result = call(state)
        problem = undo(state, result)
        if problem:
            wrong.append((number, problem))
    check(f"{name}: {came_to} allocations, {rounds - 1} failed, {refused} refused it, "
          f"{time.monotonic() - began:.0f} s",
          not wrong and came_to < number and rounds > 1, f"{len(wrong)} wrong, {wrong[:5]}")
    check_equal(f"{name}: no channel, watch or probe is left",
                (rows("channels"), rows("watches"), probes()), ([], [], []))


def load(parameters):
    """finit_module(2)."""
    fd = os.open(os.environ["VEXFS_KO"], os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.syscall(313, fd, parameters.encode(), 0) != 0:
            raise OSError(ctypes.get_errno(), "finit_module")
    finally:
        os.close(fd)


def unload():
    run("rmmod", "vexfs", check=True)


def arm_probes(on):
    with open("/sys/kernel/debug/kprobes/enabled", "w", encoding="ascii") as file:
        file.write("1" if on else "0")


def observable():
    """VX_IOC_QUERY: features, operations and detail."""
    fd = os.open("/dev/vexfs", os.O_RDWR | os.O_CLOEXEC)
    answer = bytearray(QUERY.pack(QUERY.size, 0, 0, 0, 0, 0, 0, 0, 0))
    fcntl.ioctl(fd, 3 << 30 | QUERY.size << 16 | ord("V") << 8 | 0xf0, answer)
    os.close(fd)
    _, _, _, _, features, ops, _, detail, _ = QUERY.unpack(answer)
    return features, ops, detail


def said():
    return "no memory to find out" in run("dmesg").stdout


def loading():
    """Some allocations, since it takes long: from where the kernel has read the module's parameters
    so far that it looks for the first of its probes; and the end, behind the last one. Probes are
    not armed meanwhile: the kernel does not bear that an allocation fails while it disarms one
    (__disarm_kprobe_ftrace() warns)."""
    arm_probes(False)
    _, error, first = failing(1 << 30, lambda: load("probe_maxactive=x"))
    check_equal("a parameter that is no number is refused", error, errno.EINVAL)
    _, _, last = failing(1 << 30, lambda: load(PARAMETERS))
    can = observable()
    unload()
    began, errors, without = time.monotonic(), set(), set()

    def round_of(number):
        _, error, came_to = failing(number, lambda: load(PARAMETERS))
        errors.add(error)
        if not error:
            without.add(observable())
            unload()
        return came_to == number

    number = first
    while not said() and number < last:
        number += LOADING_STEP
        round_of(number)
    check_equal("the loading comes to its probes", said(), True)
    number = max(number, last - AT_THE_END)
    while round_of(number):
        number += LOADING_STEP
    check_equal(f"loading: {last} allocations, {time.monotonic() - began:.0f} s", errors,
                {0, errno.ENOMEM})
    check("what does without one can do all", without <= {can}, f"{without}, wanted {can}")
    arm_probes(True)
    load(PARAMETERS)


def create():
    return Channel(size_m=16384, size_d=16384, name="scarce", linger_s=60)


def work(channel):
    """What `channel` sees of a file that is made, renamed, truncated and deleted."""
    os.close(os.open(f"{PLACE}/below/a", os.O_CREAT | os.O_WRONLY))
    os.rename(f"{PLACE}/below/a", f"{PLACE}/below/b")
    os.truncate(f"{PLACE}/below/b", 1)
    os.unlink(f"{PLACE}/below/b")
    return [event.op for event in channel.events()]


def differs(found, *wanted):
    return None if found == list(wanted) else f"{found}, wanted {list(wanted)}"


def end(channel):
    channel.unwatch_all()
    channel.close()


def the_device():
    each_fails("open", lambda: None, lambda _: os.open("/dev/vexfs", os.O_RDWR),
               lambda _, fd: os.close(fd))
    each_fails("create and map", lambda: None, lambda _: create(),
               lambda _, channel: channel.close())


def first_watch():
    wanted = "FileCreate", "FileRename", "FileTruncate"

    def undo(channel, _):
        problem = differs(work(channel), *wanted)
        end(channel)
        return problem

    for flags, what in ((0, "a file system"), (SUBTREE, "a subtree")):
        each_fails(f"watch {what}", create,
                   lambda channel, flags=flags: channel.watch(PLACE, bits(*wanted), flags), undo,
                   lambda channel: differs(work(channel)))


def watched():
    channel = create()
    channel.watch(PLACE, bits("FileCreate"))
    return channel


def many_probes():
    """Each is started by the same loop, and one that fails takes those before it away again, which
    takes long: some allocations only."""
    def undo(channel, _):
        problem = differs([op for op in work(channel) if op == "FileCreate"], "FileCreate")
        end(channel)
        return problem

    for name, ops, detail, step in (
            ("mounts and syncs", bits("FileCreate", "Mount", "Sync"), 0, 13),
            ("all detail", ALL_OPS, ALL_DETAIL, 401)):
        each_fails(f"watch {name}", create,
                   lambda channel, ops=ops, detail=detail: channel.watch(PLACE, ops, detail=detail),
                   undo, lambda channel: differs(work(channel)), step)


def second_watch():
    def undo(channel, _):
        problem = differs(work(channel), "FileCreate", "FileRename", "FileTruncate")
        end(channel)
        return problem

    each_fails("a wider watch on the same file system", watched,
               lambda channel: channel.watch(PLACE, bits("FileRename", "FileTruncate")), undo,
               lambda channel: differs(work(channel), "FileCreate"))


def narrower():
    """No probe ends with the watch, see loading()."""
    def two():
        channel = watched()
        channel.watch(PLACE, bits("FileDelete"))
        return channel

    def undo(channel, _):
        problem = differs(work(channel), "FileDelete")
        end(channel)
        return problem

    each_fails("unwatch", two, lambda channel: channel.unwatch_up_to(1), undo,
               lambda channel: differs(work(channel), "FileCreate", "FileDelete"))


def heir():
    """A channel without an owner that is taken over. Whose making fails has not taken it, or has
    given it back."""
    def left_behind():
        watched().close()

    def undo(_, channel):
        problem = None if channel.lingered_ns else "it is a new channel"
        problem = problem or differs(work(channel), "FileCreate")
        end(channel)
        return problem

    each_fails("take over", left_behind, lambda _: create(), undo,
               lambda _: None if [row.split()[1] for row in rows("channels")] == ["0"]
               else str(rows("channels")))


def other_calls():
    def undo(channel, _):
        problem = differs(work(channel), "FileCreate")
        end(channel)
        return problem

    each_fails("push", watched, lambda channel: channel.push(b"name"), undo)
    each_fails("barrier and statistics", watched,
               lambda channel: (channel.barrier(), channel.stats()), undo)
    each_fails("debugfs", watched,
               lambda _: [rows(name) for name in ("channels", "watches", "stats")], undo)


OPERATIONS = [
    ("FileCreate", lambda at: os.mknod(f"{at}/file")),
    ("HardlinkCreate", lambda at: os.link(f"{at}/old", f"{at}/link")),
    ("SymlinkCreate", lambda at: os.symlink("target" * 20, f"{at}/symlink")),
    ("DirCreate", lambda at: os.mkdir(f"{at}/made")),
    ("FileRename", lambda at: os.rename(f"{at}/old", f"{at}/new")),
    ("FileChmod", lambda at: os.chmod(f"{at}/old", 0o600)),
    ("FileTruncate", lambda at: os.truncate(f"{at}/old", 5000)),
    ("FileDelete", lambda at: os.unlink(f"{at}/old")),
    ("DirDelete", lambda at: os.rmdir(f"{at}/dir")),
]


def operations_on_files():
    """A watch allocates nothing for what it sees: an operation that succeeds is told once, one
    that fails for want of memory is told as failed."""
    channel = Channel()
    channel.watch(PLACE, ALL_OPS & ~bits("FileOpen", "FileClose", "DirRead"), SUBTREE, detail=1)
    at = f"{PLACE}/below/operations"

    def prepare():
        os.mkdir(at)
        os.mknod(f"{at}/old")
        os.mkdir(f"{at}/dir")
        channel.events()

    for name, operation in OPERATIONS:
        refused, wrong, number, came_to = 0, [], 0, 0
        while came_to == number and number < MOST:
            number += 1
            prepare()
            _, error, came_to = failing(number, lambda: operation(at))
            seen = [(event.op, event.error) for event in channel.events()]
            refused += error != 0
            # It may have failed before it was known where.
            if seen != [(name, -error)] and (seen or not error):
                wrong.append((number, error, seen))
            shutil.rmtree(at)
        check(f"{name}: {came_to} allocations, {refused} refused it, told as it was",
              not wrong and came_to < number, f"{len(wrong)} wrong, {wrong[:5]}")
    end(channel)


def free_kib():
    with open("/proc/meminfo", encoding="ascii") as info:
        size = {line.split(":")[0]: int(line.split()[1]) for line in info}
    return size["MemFree"] + size["Buffers"] + size["Cached"] + size["SReclaimable"]


def halves_are_given_back():
    """Pages are no slab, kmemleak does not know them: rings whose making fails half way, so often
    that what is left of each is seen in the machine's memory."""
    def large():
        return Channel(size_m=1 << 20, size_d=1 << 20)

    channel, _, needed = failing(1 << 30, large)
    pages = channel.producers * 2 * 256
    channel.close()
    before = free_kib()
    errors = [failing(needed // 2, large)[1] for _ in range(ROUNDS)]
    check_equal(f"{ROUNDS} rings of {pages} pages are refused half way", set(errors),
                {errno.ENOMEM})
    kept = before - free_kib()
    check("and given back", kept < ROUNDS * pages * 4 // 10, f"{kept} KiB are missing")


if not os.path.exists(NTH):
    print("skipped: no allocations can be made to fail in this kernel: scripts/vm --debug has one")
    sys.exit(77)
set_up()
nth = os.open(NTH, os.O_RDWR | os.O_CLOEXEC)
libc = ctypes.CDLL(None, use_errno=True)
loading()
the_device()
halves_are_given_back()
first_watch()
second_watch()
narrower()
heir()
other_calls()
operations_on_files()
many_probes()
finish()
