# SPDX-License-Identifier: Apache-2.0
"""debugfs, tracepoints and the kernel's log, compared with known work, with VX_IOC_STATS and with
the positions in the ring itself."""

import os
import re

from channel import ALL_OPS, NOT_ME, OPS, SUBTREE, Channel, bits
from session import check, check_equal, finish, run

MODULE = os.environ["VEXFS_KO"]
DEBUG = "/sys/kernel/debug/vexfs/"
TRACING = "/sys/kernel/tracing/"
PLACE = "/tmp/observe"
COLUMNS = ["seen", "filtered", "emitted", "lost", "pushed_op"]


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def log():
    """The module's lines in the kernel's log, without their time."""
    lines = run("dmesg").stdout.splitlines()
    return [line.partition("vexfs: ")[2] for line in lines if "] vexfs: " in line]


class Log:
    """What is new in the log since the last look."""

    def __init__(self):
        self.seen = len(log())

    def expect(self, what, *patterns):
        lines = log()[self.seen:]
        self.seen += len(lines)
        check(what, len(lines) == len(patterns)
              and all(re.fullmatch(p, line) for p, line in zip(patterns, lines)), repr(lines))


def debug_stats(channel):
    """The part of debugfs's stats that is about this channel, parsed."""
    parts = re.split(r"^channel (\d+)  ", read(DEBUG + "stats"), flags=re.M)
    text = dict(zip(parts[1::2], parts[2::2]))[str(channel.id)]
    found = {"head": text.splitlines()[0], "ops": {}, "classes": {}, "latency": {}}
    for line in text.splitlines()[1:]:
        words = line.split()
        if words[0] in OPS + ["User"]:
            found["ops"][words[0]] = dict(zip(COLUMNS, map(int, words[1:])))
        elif words[0] == "class":
            found["classes"][words[1]] = dict(zip(words[2::2], map(int, words[3::2])))
        elif words[0] == "emit_ns":
            found["latency"] = {int(w.split("+:")[0]): int(w.split("+:")[1]) for w in words[1:]}
        elif words[0] != "op":
            found.update(zip(words[::2], map(int, words[1::2])))
    return found


def table(name, channel):
    """A row of debugfs's channels, the rows of its watches, as dictionaries."""
    lines = [line.split() for line in read(DEBUG + name).splitlines()]
    rows = [dict(zip(lines[0], words)) for words in lines[1:]]
    return [row for row in rows if row["channel"] == str(channel.id)]


def compare(what, channel, wanted):
    """debugfs = VX_IOC_STATS = what was done, for each operation: `wanted` has what is not 0."""
    shown = debug_stats(channel)
    told = channel.stats()
    check_equal(f"{what}: debugfs says what VX_IOC_STATS says",
                {op: row for op, row in shown["ops"].items()},
                {op: {c: told[c][op] for c in COLUMNS} for op in OPS + ["User"]})
    check_equal(f"{what}: the totals too", {k: shown[k] for k in ("tickets", "wakeups", "dirs",
                "pushed", "push_failed", "probe_missed")},
                {k: told[k] for k in ("tickets", "wakeups", "dirs", "pushed", "push_failed",
                                      "probe_missed")})
    check_equal(f"{what}: and that is what was done",
                {op: {c: n for c, n in row.items() if n} for op, row in shown["ops"].items()
                 if any(row.values())}, wanted)
    return shown


def names(directory, count):
    for number in range(count):
        os.mkdir(f"{directory}/{number}")
        os.rename(f"{directory}/{number}", f"{directory}/x")
        os.rmdir(f"{directory}/x")


def in_child(act):
    child = os.fork()
    if child == 0:
        act()
        os._exit(0)
    os.waitpid(child, 0)


def used(channel):
    """Bytes in use, by class: in all, and the most in one sub-ring."""
    rows = [(cls, head - tail) for _, cls, head, tail, _ in channel.subrings()]
    return {name: (sum(n for c, n in rows if c == cls), max(n for c, n in rows if c == cls))
            for cls, name in enumerate("MD")}


def test_counts(said):
    os.makedirs(PLACE + "/inside")
    os.makedirs(PLACE + "/outside")
    channel = Channel()
    said.expect("log: a channel is opened",
                rf"channel {channel.id} opened by python3\[{os.getpid()}\]")
    ops = bits("DirCreate", "DirDelete", "FileRename", "FileWrite", "FileChmod")
    watch = channel.watch(PLACE + "/inside", ops, SUBTREE)
    names(PLACE + "/inside", 5)
    names(PLACE + "/outside", 3)
    os.chmod(PLACE + "/inside", 0o755)
    with open(PLACE + "/inside/f", "wb", buffering=0) as file:
        file.write(b"x")
    count = {"seen": 8, "filtered": 3, "emitted": 5}
    wanted = dict.fromkeys(("DirCreate", "FileRename", "DirDelete"), count)
    wanted |= dict.fromkeys(("FileChmod", "FileWrite"), {"seen": 1, "emitted": 1})
    shown = compare("names and data", channel, wanted)
    check("the head names the process", shown["head"] == f"pid {os.getpid()}  comm python3  name -",
          shown["head"])
    now = used(channel)
    check_equal("depth is what was not read, high_water the most of it in one sub-ring",
                {c: (row["depth"], row["high_water"]) for c, row in shown["classes"].items()}, now)
    check("there is some", all(depth > 0 for depth, _ in now.values()))
    check_equal("nothing is lost or refused", (shown["loss_pending"], shown["bad_tail"]), (0, 0))
    check("a channel of few attempts has timed one", sum(shown["latency"].values()) > 0)
    row, = table("channels", channel)
    check_equal("channels: its row", (row["pid"], row["comm"], row["watches"], row["producers"],
                row["size_m"], row["depth_m"], row["depth_d"]),
                (str(os.getpid()), "python3", "1", str(channel.producers), str(1 << 20),
                 str(now["M"][0]), str(now["D"][0])))
    row, = table("watches", channel)
    check_equal("watches: its row", (row["watch"], row["state"], row["type"], row["fsid"],
                int(row["ops"], 16), row["scope"], row["uid"], row["pid"], row["not_pid"],
                row["ino"]),
                (str(watch.id), "live", "tmpfs", f"{watch.fsid:016x}", ops, "subtree", "-", "-",
                 "-", str(watch.ino)))
    channel.events()
    after = debug_stats(channel)["classes"]
    check_equal("all is read: no depth", [after[c]["depth"] for c in "MD"], [0, 0])
    wakeups(channel)
    channel.close()
    said.expect("log: a channel is closed", rf"channel {channel.id} closed")


def wakeups(channel):
    before = debug_stats(channel)["wakeups"]
    channel.sleep()
    os.mkdir(PLACE + "/inside/w")
    os.rmdir(PLACE + "/inside/w")
    check_equal("who sleeps is woken, once", debug_stats(channel)["wakeups"] - before, 1)


def test_filter_columns():
    channel = Channel()
    first = channel.watch(PLACE, bits("Sync"), flags=NOT_ME)
    row, = table("watches", channel)
    check_equal("watches: a whole file system, not this process",
                (row["watch"], row["scope"], row["not_pid"], row["ino"]),
                (str(first.id), "fs", str(os.getpid()), str(first.ino)))
    channel.unwatch(first)
    check_equal("watches: none after it is removed", table("watches", channel), [])
    mount = "/tmp/observe-mount"
    os.makedirs(mount)
    run("mount", "-t", "tmpfs", "gone", mount, check=True)
    dead = channel.watch(mount, bits("FileCreate"))
    run("umount", mount, check=True)
    row, = table("watches", channel)
    check_equal("watches: dead when its file system is gone", (row["watch"], row["state"]),
                (str(dead.id), "dead"))
    channel.close()


def test_latency():
    """Rare operations are timed with the others: one attempt in 64, whatever they are."""
    channel = Channel()
    channel.watch(PLACE, bits("DirCreate", "DirDelete", "FileRename", "FileChmod"), SUBTREE)
    os.sched_setaffinity(0, {0})
    names(PLACE + "/inside", 40)
    for _ in range(9):
        os.chmod(PLACE + "/inside", 0o755)
    os.sched_setaffinity(0, range(os.cpu_count()))
    check_equal("129 attempts on a CPU: the 1st, 65th and 129th are timed",
                sum(debug_stats(channel)["latency"].values()), 3)
    channel.close()


def test_losses(said):
    channel = Channel(size_m=16384, size_d=16384)
    channel.watch(PLACE, bits("DirCreate", "DirDelete", "FileRename"), SUBTREE)
    said.seen = len(log())
    in_child(lambda: names(PLACE + "/inside", 300))
    shown = debug_stats(channel)
    told = channel.stats()
    lost = sum(told["lost"].values())
    check("something is lost", lost > 0)
    check_equal("losses: seen = emitted + lost, each operation",
                {op: row["emitted"] + row["lost"] for op, row in shown["ops"].items()
                 if row["seen"]}, dict.fromkeys(("DirCreate", "FileRename", "DirDelete"), 300))
    check_equal("losses: those that wait to be reported are what the ring says",
                (shown["loss_pending"], shown["loss_pending"] > 0), (channel.loss_pending(), True))
    said.expect("log: the first loss, once",
                rf"channel {channel.id}: the ring is full; "
                r"first loss \((DirCreate|FileRename|DirDelete)\)")
    channel.events()
    channel.events()
    check_equal("losses: none waits when there is room", debug_stats(channel)["loss_pending"], 0)
    in_child(lambda: names(PLACE + "/inside", 300))
    check("something more is lost", sum(channel.stats()["lost"].values()) > lost)
    said.expect("log: no second line for a second loss")
    channel.close()


def test_pushed(said):
    """What is pushed to others is counted, traced and, where it finds no room, said."""
    receiver = Channel(size_m=16384, size_d=16384, user_ops=1)
    sender = Channel(size_m=16384, size_d=16384)
    said.seen = len(log())
    lines = traced(lambda: sender.push(b"one"))
    check_equal("a push raises both tracepoints",
                sorted(re.sub(r"^.*: (vexfs_\w+): (channel=\d+).*", r"\1 \2", line)
                       for line in lines),
                [f"vexfs_emit channel={receiver.id}", f"vexfs_push channel={sender.id}"])
    emit = next(line for line in lines if "vexfs_emit" in line)
    check("the record's type, the event's operation and name",
          " type=4 " in emit and f" op={OPS.index('FileCreate')} " in emit
          and emit.endswith(" name=one"), emit)
    for _ in range(100):
        sender.push(b"x" * 200)
    user = debug_stats(receiver)["ops"]["User"]
    check("the receiver's ring is full", user["lost"] > 0)
    check_equal("pushed: seen = emitted + lost", (user["seen"], user["emitted"] + user["lost"]),
                (101, 101))
    said.expect("log: the first loss of what was pushed",
                rf"channel {receiver.id}: the ring is full; first loss \(User\)")
    shown = debug_stats(sender)
    check_equal("the sender's entries by the operation of their event",
                (shown["pushed"], shown["push_failed"], shown["ops"]["FileCreate"]["pushed_op"]),
                (101, 0, 101))
    sender.close()
    receiver.close()


def traced(act):
    """The trace's lines about `act`."""
    write(TRACING + "trace", "")
    write(TRACING + "events/vexfs/enable", "1")
    act()
    write(TRACING + "events/vexfs/enable", "0")
    return [line for line in read(TRACING + "trace").splitlines() if not line.startswith("#")]


def test_trace():
    channel = Channel()
    watch = channel.watch(PLACE, bits("DirCreate", "DirDelete", "FileRename", "FileRead"), SUBTREE)
    with open(PLACE + "/inside/f", "rb", buffering=0) as file:
        lines = traced(lambda: (names(PLACE + "/inside", 50), os.pread(file.fileno(), 1, 0)))
    events = channel.events()
    check_equal("a line of vexfs_emit for each event", len(lines), 151)
    check_equal("with the channel, operation, ticket, file system, object, parent and name",
                sorted(re.sub(r"^.*: vexfs_emit: ", "", line) for line in lines),
                sorted(f"channel={channel.id} type=1 op={OPS.index(e.op)} ticket={e.ticket} "
                       f"fsid={watch.fsid:x} ino={e.ino} parent={e.parent_ino} "
                       f"flags={e.raw_flags:x} name={e.name}" for e in events))
    channel.close()


check("not loaded: no folder in debugfs", not os.path.exists(DEBUG))
run("insmod", MODULE, check=True)
said = Log()
check_equal("log: loaded", log()[-1:], [f"loaded, ABI 1, operations {ALL_OPS:#x} of {ALL_OPS:#x}"])
test_counts(said)
test_filter_columns()
test_latency()
test_losses(said)
test_pushed(said)
test_trace()
said.seen = len(log())
run("rmmod", "vexfs", check=True)
said.expect("log: unloaded", "unloaded")
check("unloaded: no folder in debugfs", not os.path.exists(DEBUG))
finish()
