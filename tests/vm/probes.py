# SPDX-License-Identifier: Apache-2.0
"""What the kernel's probes cannot follow, from the call to `vexctl tail`: a FUSE server keeps the
calls in the kernel until as many as wanted are under way."""

import errno
import os
import re
import sys
import threading

from fuse_server import FSYNC, RENAME, FuseServer
from session import Vexfsd, check, check_equal, finish

MOUNT = "/tmp/held"
SYNCS = 64
RENAMES = 560  # more than there are notes: 128 buckets of 4


def at_once(count, act):
    """act(0) ... act(count - 1), each in a thread of its own. What they returned."""
    results = [None] * count

    def run(number):
        results[number] = act(number)

    threading.stack_size(256 << 10)
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def sync_one(number, call=os.fsync):
    """0, or the errno."""
    file = os.open(f"{MOUNT}/d{number}/a", os.O_RDWR)
    try:
        call(file)
        return 0
    except OSError as error:
        return error.errno
    finally:
        os.close(file)


def rename_one(number):
    os.rename(f"{MOUNT}/d{number}/a", f"{MOUNT}/d{number}/b")
    return 0


class Watched:
    """The mount, watched, while `act` is done `count` times at once."""

    def __init__(self, name, op, held, count, act, error=0):
        server = FuseServer(MOUNT, held, count, error)
        daemon = Vexfsd("--watch", MOUNT, "--ops", op, name=name)
        self.results = at_once(count, act)
        daemon.sync()
        lines = daemon.lines()
        self.missed = daemon.json("stats")["probe_missed"]
        with open("/sys/kernel/debug/vexfs/stats", encoding="ascii") as stats:
            self.shown = int(re.search(r"probe_missed (\d+)", stats.read())[1])
        self.stopped = daemon.stop()
        server.end()
        self.events = [line for line in lines if "gap" not in line and line["op"] == op]
        self.gaps = [line["gap"] for line in lines if "gap" in line]

    def told(self):
        """How many calls the stream says may be missing."""
        return sum(int(re.fullmatch(r"at most (\d+) calls", gap["scope"])[1])
                   for gap in self.gaps)

    def check_gaps(self, what):
        check(f"{what}: the kernel counts what it missed", self.missed > 0, str(self.missed))
        check_equal(f"{what}: debugfs says the same", self.shown, self.missed)
        check(f"{what}: the stream has a gap that says why",
              self.gaps and all(gap["reason"] == "probe_missed" and gap["count"] == 0
                                for gap in self.gaps), str(self.gaps))
        check_equal(f"{what}: it says how many, as the kernel does", self.told(), self.missed)

    def check_none(self, what):
        check_equal(f"{what}: nothing is missed", (self.missed, self.shown, self.gaps), (0, 0, []))


def few_places():
    seen = Watched("few", "Sync", FSYNC, SYNCS, sync_one)
    what = f"{SYNCS} syncs under way, 4 places"
    check_equal(f"{what}: all ended", seen.results, [0] * SYNCS)
    check(f"{what}: some were seen, not all", 0 < len(seen.events) < SYNCS, str(len(seen.events)))
    check(f"{what}: none is missing that was not counted",
          len(seen.events) + seen.missed >= SYNCS, f"{len(seen.events)} and {seen.missed}")
    seen.check_gaps(what)


def default_places():
    seen = Watched("default", "Sync", FSYNC, SYNCS, sync_one)
    what = f"{SYNCS} syncs under way"
    check_equal(f"{what}: each is told once", sorted(e["path"] for e in seen.events),
                sorted(f"{MOUNT}/d{number}/a" for number in range(SYNCS)))
    seen.check_none(what)


def too_many_notes():
    seen = Watched("notes", "FileRename", RENAME, RENAMES, rename_one)
    what = f"{RENAMES} renames under way that replace something"
    check_equal(f"{what}: each is told once", sorted(e["path"] for e in seen.events),
                sorted(f"{MOUNT}/d{number}/b" for number in range(RENAMES)))
    silent = [e for e in seen.events if "replaced" not in e["flags"]]
    seen.check_gaps(what)
    check_equal(f"{what}: as many do not say what they replaced", len(silent), seen.missed)


def failing_rename(folder, number):
    """Whether a rename onto a directory that is not empty fails as it must."""
    try:
        os.rename(f"{folder}/from{number}", f"{folder}/full{number}")
    except OSError as error:
        return error.errno == errno.ENOTEMPTY
    return False


def in_a_process(act):
    """What act() returns in a process of its own."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if act() else 1)
    return os.waitpid(pid, 0)[1] == 0


def failed_renames():
    """What calls leave that fail is not missed by anybody."""
    folder = "/tmp/failing"
    for number in range(SYNCS):
        os.makedirs(f"{folder}/from{number}")
        os.makedirs(f"{folder}/full{number}/file")
    daemon = Vexfsd("--watch", folder, "--ops", "FileRename", name="failing")
    failed = [failing_rename(folder, number) for number in range(SYNCS)]
    failed += [in_a_process(lambda: failing_rename(folder, number)) for number in range(SYNCS)]
    os.rename(f"{folder}/from0", f"{folder}/full1/file")
    daemon.sync()
    lines = daemon.lines()
    missed = daemon.json("stats")["probe_missed"]
    daemon.stop()
    what = f"{len(failed)} renames that fail, one that replaces something"
    check(f"{what}: these fail", all(failed), str(failed))
    check_equal(f"{what}: that is told", [(e.get("path"), e.get("flags")) for e in lines],
                [(f"{folder}/full1/file", ["directory", "replaced", "last_link"])])
    check_equal(f"{what}: nothing is missed", missed, 0)


def failed_syncs():
    for call in (os.fsync, os.fdatasync):
        seen = Watched(call.__name__, "Sync", FSYNC, 1, lambda n: sync_one(n, call), errno.EIO)
        what = f"{call.__name__} that fails"
        check_equal(f"{what}: the program is told", seen.results, [errno.EIO])
        check_equal(f"{what}: one event, with the error",
                    [(e["path"], e["error"]) for e in seen.events],
                    [(f"{MOUNT}/d0/a", -errno.EIO)])
        check_equal(f"{what}: it commits nothing",
                    [e["userspace_ops"] for e in seen.events], [[{"op": "GraphNodeQuery"}]])
        seen.check_none(what)


if sys.argv[1] == "few":
    few_places()
else:
    default_places()
    too_many_notes()
    failed_renames()
    failed_syncs()
finish()
