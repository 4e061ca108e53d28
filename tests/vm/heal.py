# SPDX-License-Identifier: Apache-2.0
"""Losses that vexfsd heals. See heal.sh."""

import os
import random
import shutil
import signal
import stat
import threading

from session import Vexfsd, check, check_equal, finish, run
from tree_work import Account, Work, seen

HEALS = int(os.environ.get("VEXFS_HEALS", "4"))
SEED = int(os.environ.get("VEXFS_SEED", random.randrange(1 << 32)))
TYPES = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "symlink"}


class Follower:
    """A reader of the stream from its beginning on, with an account of the tree."""

    def __init__(self, daemon, root):
        self.daemon, self.root = daemon, root
        top = next(row for row in daemon.rows("ls") if row["path"] == root)
        self.account = Account(root, (top["ino"], top["gen"]))
        self.cursor = "start"
        self.lost = self.found = self.marks = self.reborn = 0

    def go_on(self):
        """Reads what has come. Objects that were there before and after and are told as deleted
        are `reborn`: that must not be."""
        before = set(self.account.paths().values())
        gone = set()
        lines = self.daemon.lines("--since", self.cursor)
        for line in lines:
            if "gap" in line:
                self.lost += line["gap"]["count"]
                self.cursor = line["gap"]["cursor"]
                continue
            self.cursor = line["cursor"]
            self.account.read(line)
            if "resync" in line["flags"]:
                self.found += 1
                self.marks += line["op"] == "Sync"
                if "last_link" in line["flags"] or line["op"] == "DirDelete":
                    gone.add((line["ino"], line["gen"]))
        now = {(row["ino"], row["gen"]) for row in self.daemon.rows("ls", "-R", self.root)}
        reborn = before & gone & now
        self.reborn += len(reborn)
        if reborn:
            told = [f"{line['seq']} {line['op']} {line['path']}" for line in lines
                    if (line.get("ino"), line.get("gen")) == min(reborn)]
            print(f"    {len(reborn)} told as gone: {min(reborn)}: {told}", flush=True)


def healed(daemon):
    result = daemon.ctl("sync", "--healed", "--timeout", "600")
    return check("sync --healed returns", result.returncode == 0,
                 f"{result.stderr} {daemon.status().get('catalogue')}")


def catalogue(daemon, root):
    return {row["path"]: (row["ino"], row["type"]) for row in daemon.rows("ls", "-R", root)}


def difference(found, wanted):
    return (f"{len(found)} and {len(wanted)} names; only one has "
            f"{sorted(set(found.items()) ^ set(wanted.items()))[:6]}")


def explain(daemon, wrong):
    """What the stream says of the first of them, and of the directory that it is in."""
    path, (ino, *_) = min(wrong)
    above = os.path.dirname(path)
    parent = os.lstat(above).st_ino if os.path.lexists(above) else None
    for line in daemon.lines():
        if "gap" in line:
            print(f"      gap {line['gap']['reason']} {line['gap'].get('ops')}", flush=True)
        elif line["ino"] in (ino, parent):
            if not line["op"].startswith("FileC") or line["op"] == "FileCreate":
                print(f"      {line['seq']} {line['op']} {line['ino']}.{line['gen']} "
                      f"{line['path']} from {line['old_path']} in "
                      f"{line['parent_ino']}.{line['parent_gen']} {line['flags']}", flush=True)


def judge(what, daemon, found, wanted):
    """Two accounts, each {path: (inode, ...)}."""
    if not check(what, found == wanted, difference(found, wanted)):
        explain(daemon, set(found.items()) ^ set(wanted.items()))


def compare(what, daemon, follower):
    """Both accounts are what is there."""
    there = seen(follower.root)
    follower.go_on()
    judge(f"{what}: the catalogue is what is there ({len(there)} names)", daemon,
          catalogue(daemon, follower.root),
          {path: (ino, TYPES[kind]) for path, (ino, kind) in there.items()})
    judge(f"{what}: so is the account of who follows the stream", daemon,
          {path: (ino,) for path, (ino, _) in follower.account.paths().items()},
          {path: (ino,) for path, (ino, _) in there.items()})


def begin(root, name, *more):
    for directory in (root, root + ".outside"):
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
    daemon = Vexfsd("--watch", root, *more, name=name)
    healed(daemon)
    return daemon, Follower(daemon, root)


def overruns(root):
    """The daemon stands still while more happens than the ring holds."""
    daemon, follower = begin(root, "overrun", "--ring-bytes", "16K")
    for number in range(HEALS):
        # Few directories: the loss names them. Many: it says that it is everywhere.
        depth = 1 + number % 3
        work = Work(root, SEED + number, depth=depth, outside=root + ".outside")
        lost = follower.lost
        work.steps(30)
        os.kill(daemon.pid, signal.SIGSTOP)
        work.steps(2000)
        os.kill(daemon.pid, signal.SIGCONT)
        work.steps(30)
        healed(daemon)
        compare(f"overrun {number}, depth {depth}", daemon, follower)
        check(f"overrun {number}: something was lost", follower.lost > lost)
    check_equal("a Sync event says after each that it is done, at least", follower.marks >= HEALS,
                True)
    check_equal("objects that were there all the time and are told as gone", follower.reborn, 0)
    print(f"    {follower.lost} lost, {follower.found} events found", flush=True)
    return daemon, follower


def storm(daemon, follower):
    """Losses while the tree goes on changing, also while it is looked at."""
    works = [Work(follower.root, SEED + 1000 + n, outside=follower.root + f".outside/storm-{n}")
             for n in range(2)]
    for work in works:
        os.makedirs(work.outside, exist_ok=True)
    end = threading.Event()

    def go_on(work):
        while not end.is_set():
            work.step()

    threads = [threading.Thread(target=go_on, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for _ in range(HEALS):
        os.kill(daemon.pid, signal.SIGSTOP)
        Work(follower.root, SEED + 2000).steps(300)
        os.kill(daemon.pid, signal.SIGCONT)
        daemon.sync()
    end.set()
    for thread in threads:
        thread.join()
    healed(daemon)
    compare("a storm", daemon, follower)


def killed(daemon, follower):
    """A daemon that dies while it heals: the next one does it, while the tree goes on changing."""
    for number in range(HEALS):
        os.kill(daemon.pid, signal.SIGSTOP)
        Work(follower.root, SEED + 3000 + 2 * number).steps(2000)
        os.kill(daemon.pid, signal.SIGCONT)
        daemon.sync()
        daemon.kill()
        Work(follower.root, SEED + 3001 + 2 * number).steps(100)
        daemon.start()
        healed(daemon)
        compare(f"killed while it heals, {number}", daemon, follower)


def stopped(daemon, follower):
    """Nothing was watching."""
    check("the daemon ends", daemon.stop())
    work = Work(follower.root, SEED + 4000)
    work.steps(500)
    same_size = os.path.join(follower.root, "same-size")
    daemon.start()
    healed(daemon)
    compare("a time without a daemon", daemon, follower)
    with open(same_size, "wb") as file:
        file.write(b"one")
    healed(daemon)
    follower.go_on()
    check("the daemon ends again", daemon.stop())
    with open(same_size, "r+b") as file:
        file.write(b"two")
    daemon.start()
    healed(daemon)
    told = [line["op"] for line in daemon.lines("--since", follower.cursor)
            if line.get("path") == same_size and "resync" in line["flags"]]
    check_equal("a file with other content of the same size is told", told,
                ["FileWrite", "FileClose"])
    follower.go_on()


def rebuilt(daemon, follower):
    cursor = daemon.sync()
    then = seen(follower.root)
    Work(follower.root, SEED + 5000).steps(200)
    healed(daemon)
    result = daemon.ctl("rebuild")
    check("the catalogue is made anew", result.returncode == 0, result.stderr)
    compare("rebuilt", daemon, follower)
    rows = daemon.rows("ls", "-R", follower.root, "--at", cursor)
    found = {row["path"]: row["ino"] for row in rows}
    wanted = {path: ino for path, (ino, _) in then.items()}
    check("ls --at says what was there then", found == wanted,
          difference(found, wanted))


def baseline(root):
    """What was there before the watch, while it is changed, and not told as if it had happened."""
    for directory in (root, root + ".outside"):
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
    Work(root, SEED + 6000, width=12, depth=4).steps(4000)
    before = seen(root)
    daemon = Vexfsd("--watch", root, name="baseline")
    Work(root, SEED + 6001, width=12, depth=4, outside=root + ".outside").steps(1000)
    healed(daemon)
    there = {path: (ino, TYPES[kind]) for path, (ino, kind) in seen(root).items()}
    found = catalogue(daemon, root)
    check(f"a tree of {len(before)} names that changes while it is looked at first",
          found == there, difference(found, there))
    check("the daemon ends", daemon.stop())


print(f"    seed {SEED}", flush=True)
for place in ("/tmp", "/scratch"):
    print(f"    {place}", flush=True)
    one, reader = overruns(f"{place}/heal")
    storm(one, reader)
    killed(one, reader)
    stopped(one, reader)
    rebuilt(one, reader)
    check_equal("objects that were there all the time and are told as gone", reader.reborn, 0)
    check("the daemon ends", one.stop())
    baseline(f"{place}/before")
    run("rm", "-rf", "/run/vx-overrun", "/run/vx-baseline")
finish()
