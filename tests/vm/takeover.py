# SPDX-License-Identifier: Apache-2.0
"""The ring outlives the daemon. See takeover.sh."""

import errno
import os
import random
import re
import shutil
import signal
import subprocess
import time

from channel import NOT_ME, Channel
from session import Vexfsd, check, check_equal, finish, run, wait_for

KILLS = int(os.environ.get("VEXFS_KILLS", "4"))
OPERATIONS = 20000  # of one load
MODULE = os.environ["VEXFS_KO"]
CHANNELS = "/sys/kernel/debug/vexfs/channels"


def channels():
    """The rows of debugfs: (pid, name)."""
    with open(CHANNELS, encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return [(int(row[1]), row[-1]) for row in rows]


def no_channel():
    return not channels()


def gaps(daemon, cursor=None):
    lines = daemon.lines(*(["--since", cursor] if cursor else []))
    return [line["gap"] for line in lines if "gap" in line]


def ends_within(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def killed_again_and_again():
    seed = int(os.environ.get("VEXFS_SEED", time.time_ns() % 1000000))
    print(f"    VEXFS_SEED={seed}")
    moments = random.Random(seed)
    kills = loads = 0
    while kills < KILLS:
        kills += killed_under_load(moments, loads)
        loads += 1


def killed_under_load(moments, name):
    """The judge of vm/million: nothing lost, nothing twice, the tree of the events is the tree.
    Returns the number of kills."""
    place, truth = f"/tmp/load{name}", f"/run/truth{name}"
    os.makedirs(place)
    daemon = Vexfsd("--watch", place, "--ops", "all", name=f"again{name}")
    channel = daemon.status()["channel"]["id"]
    load = subprocess.Popen(["vx_load", "work", place, truth, "4", str(OPERATIONS),
                             str(moments.randrange(1000000))])
    kills = 0
    while not ends_within(load, moments.uniform(0, 0.3)):
        kills += daemon.kill()
        daemon.start()
    check(f"killed {kills} times under load: one channel all the time",
          kills > 0 and daemon.status()["channel"]["id"] == channel)
    check_equal("the load worked", load.wait(), 0)
    daemon.sync()
    lost = [row["op"] for row in daemon.json("stats")["ops"] if row["lost"]]
    check_equal("not one was lost in the ring", lost, [])
    judge = run("vx_load", "check", place, truth, daemon.journal)
    print(judge.stdout, end="")
    check_equal("the judge", judge.returncode, 0)
    check_equal("no gap", gaps(daemon), [])
    verify = run("vexctl", "journal", "verify", daemon.journal)
    check("the journal is whole", verify.returncode == 0, verify.stdout)
    check("it ends in good order", daemon.stop())
    check("and leaves no channel", wait_for(no_channel, 10), str(channels()))
    shutil.rmtree(place)
    return kills


def paths_are_known():
    """Directories that only the dead daemon had been told of; a mount's events too."""
    for path in ("/tmp/deep/a/b/c", "/tmp/source/x/y", "/tmp/mount"):
        os.makedirs(path)
    daemon = Vexfsd("--watch", "/tmp/deep", "--source", "/tmp/source", "/tmp/mount", name="paths")
    for path in ("/tmp/deep/a/b/c/1", "/tmp/mount/x/y/1"):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    os.rename("/tmp/deep/a/b", "/tmp/deep/a/B")
    cursor = daemon.sync()
    os.kill(daemon.pid, signal.SIGSTOP)
    # In the ring, and not read by him who will die.
    os.close(os.open("/tmp/deep/a/B/c/2", os.O_CREAT | os.O_WRONLY))
    os.mkdir("/tmp/source/x/y/behind")
    check("killed", daemon.kill())
    os.close(os.open("/tmp/deep/a/B/c/3", os.O_CREAT | os.O_WRONLY))
    run("fusermount3", "-u", "-z", "/tmp/mount")
    daemon.start()
    os.close(os.open("/tmp/mount/x/y/4", os.O_CREAT | os.O_WRONLY))
    daemon.sync()
    created = [(e["boundary"], e["path"]) for e in daemon.lines("--since", cursor)
               if e.get("op") in ("FileCreate", "DirCreate")]
    check_equal("each once, with its path", created,
                [("kernel", "/tmp/deep/a/B/c/2"), ("kernel", "/tmp/source/x/y/behind"),
                 ("kernel", "/tmp/deep/a/B/c/3"), ("fuse", "/tmp/mount/x/y/4")])
    check_equal("no gap", gaps(daemon, cursor), [])
    check("it ends", daemon.stop())


def losses_of_the_ownerless_time():
    """A ring that fills while nobody reads it: what it lost is counted, at its place."""
    os.makedirs("/tmp/full")
    daemon = Vexfsd("--watch", "/tmp/full", "--ops", "FileCreate,FileDelete", "--ring-bytes", "16K",
                    name="full")
    daemon.kill()
    for number in range(3000):
        os.mknod(f"/tmp/full/{number}")
    daemon.start()
    daemon.sync()
    lost = sum(row["lost"] for row in daemon.json("stats")["ops"])
    found = gaps(daemon)
    events = sum("seq" in line for line in daemon.lines())
    check("some were lost", lost > 0)
    check_equal("events and gaps are what was attempted",
                (events, sum(gap["count"] for gap in found)), (3000 - lost, lost))
    check("it ends", daemon.stop())


def limits_of_time():
    os.makedirs("/tmp/limits")
    daemon = Vexfsd("--watch", "/tmp/limits", "--linger", "0", name="limits")
    os.mknod("/tmp/limits/seen")
    cursor = daemon.sync()
    daemon.kill()
    check("--linger 0: nothing is kept", wait_for(no_channel, 10), str(channels()))
    daemon.start()
    check_equal("and the next one says so", [gap["reason"] for gap in gaps(daemon, cursor)],
                ["stopped"])
    daemon.stop()
    wait_for(no_channel, 10)
    short = Channel(name="short", linger_s=1)
    short.watch("/tmp/limits")
    short.close()
    check_equal("a channel without an owner", channels(), [(0, "short")])
    check("ends when its time is over", wait_for(no_channel), str(channels()))
    idle = Channel(name="idle", linger_s=600)
    idle.close()
    check_equal("one without a watch is not kept", channels(), [])
    unnamed = Channel()
    unnamed.watch("/tmp/limits")
    unnamed.close()
    check_equal("nor one without a name", channels(), [])


def limit_of_bytes():
    """Rings of more than an eighth of the memory."""
    with open("/proc/meminfo", encoding="ascii") as info:
        total = int(re.search(r"MemTotal: +(\d+)", info.read())[1]) * 1024
    size = 1 << 24
    while 2 * size * os.cpu_count() <= total // 8:
        size *= 2
    large = Channel(size_m=size, size_d=size, name="large", linger_s=600)
    large.watch("/tmp/limits")
    large.close()
    check_equal("rings beyond the limit are not kept", channels(), [])
    said = run("dmesg").stdout
    check("the log says so", "(large) is not kept" in said)


def names():
    first = Channel(size_m=1 << 16, size_d=1 << 17, name="name", linger_s=600)
    first.watch("/tmp/limits", flags=NOT_ME)
    try:
        Channel(name="name")
        check("a name that somebody has is refused", False)
    except OSError as error:
        check_equal("a name that somebody has is refused", error.errno, errno.EBUSY)
    os.mknod("/tmp/limits/mine")
    first.close()
    os.mknod("/tmp/limits/meanwhile")
    second = Channel(size_m=1 << 20, name="name", linger_s=600)
    check("it is taken over", second.lingered_ns > 0 and second.last_watch == 1)
    os.mknod("/tmp/limits/mine too")
    names_seen = [e.name for e in second.events() if e.op == "FileCreate"]
    check_equal("whoever has it is the one who is left out", names_seen, ["meanwhile"])
    second.watch("/tmp/limits")
    second.unwatch_inherited()
    os.mknod("/tmp/limits/new")
    check_equal("its own watch in place of the old one",
                [e.name for e in second.events() if e.op == "FileCreate"], ["new"])
    second.close()
    unloaded = run("rmmod", "vexfs")
    check("a channel without an owner does not hold the module", unloaded.returncode == 0,
          unloaded.stderr)
    run("insmod", MODULE, check=True)
    check_equal("and is gone with it", channels(), [])


STEPS = [
    ("open", lambda s: os.open("/dev/vexfs", os.O_RDWR)),
    ("channel", lambda s: s.append(Channel(name="steps", linger_s=600))),
    ("barrier", lambda s: s[0].barrier()),
    ("watch", lambda s: s.append(s[0].watch("/tmp/limits"))),
    ("second watch", lambda s: s.append(s[0].watch("/scratch"))),
    ("push", lambda s: s[0].push(b"pushed")),
    ("unwatch", lambda s: [s[0].unwatch(watch) for watch in s[1:]]),
]


def killed_at_each_step():
    for last, (name, _) in enumerate(STEPS):
        child = os.fork()
        if child == 0:
            state = []
            for _, step in STEPS[:last + 1]:
                step(state)
            os.kill(os.getpid(), signal.SIGKILL)
        check_equal(f"killed after {name}", os.waitpid(child, 0)[1], signal.SIGKILL)
        kept = [(0, "steps")] if name in ("watch", "second watch", "push") else []
        if not check_equal(f"what is left after {name}", channels(), kept) or not kept:
            continue
        heir = Channel(name="steps")
        heir.unwatch_inherited()
        heir.close()
        check_equal(f"and after an heir that has taken it apart ({name})", channels(), [])


killed_again_and_again()
paths_are_known()
losses_of_the_ownerless_time()
limits_of_time()
limit_of_bytes()
names()
killed_at_each_step()
finish()
