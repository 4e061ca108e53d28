# SPDX-License-Identifier: Apache-2.0
"""The cases of the coverage matrix once more, as a reader of `vexctl tail --json` sees them:
through the kernel, vexfsd and the journal."""

import json
import os

from fuse_server import GENERATION, MADE, FuseServer
from session import Vexfsd, check, check_equal, finish, run, wait_for


def differences(wants, events):
    found = []
    if len(wants) != len(events):
        found.append(f"{len(events)} events came, {len(wants)} were wanted: "
                     + ", ".join(f"{e['op']} {e['path']}" for e in events))
    for number, (want, event) in enumerate(zip(wants, events), 1):
        for key, value in want.items():
            if event.get(key) != value:
                found.append(f"event {number}: {key} is {event.get(key)!r}, wanted {value!r}")
        if event["error"] != 0 or event["boundary"] != "kernel" or not event["userspace_ops"]:
            found.append(f"event {number}: error, boundary or userspace_ops")
    return found


def between(events, stage):
    """What came between the two marks that a case leaves. A file of an earlier case may be closed
    that late, and is counted in all_closed(): io_uring lets go of it when the thread that worked on
    it comes to that."""
    marks = [n for n, e in enumerate(events)
             if e.get("path") in (stage + "/.begin", stage + "/.end") and e["op"] == "DirCreate"]
    if len(marks) != 2:
        return None
    return [e for e in events[marks[0] + 1:marks[1]]
            if e["op"] != "FileClose" or f"{e['path']}/".startswith(stage + "/")]


def all_closed(daemon):
    daemon.sync()
    ops = [line.get("op") for line in daemon.lines()]
    return ops.count("FileClose") == ops.count("FileOpen") > 0


def play(where):
    os.makedirs(where, exist_ok=True)
    daemon = Vexfsd("--watch", where, "--ops", "all", "--catalogue=false")
    played = run("vx_coverage", "--play", where)
    check(f"the cases can be played on {where}", played.returncode == 0, played.stderr)
    daemon.sync()
    lines = daemon.lines()
    events = [line for line in lines if "gap" not in line]
    check_equal(f"nothing lost on {where}", len(lines) - len(events), 0)
    check_equal(f"numbers are dense on {where}", [e["seq"] for e in events],
                list(range(1, len(events) + 1)))
    for line in played.stdout.splitlines():
        case = json.loads(line)
        events_of_case = between(events, case["stage"])
        name = f"{case['case']} through vexfsd on {where}"
        if events_of_case is None:
            check(name, False, "its marks are not there")
            continue
        found = differences(case["wants"], events_of_case)
        check(name, not found, "; ".join(found))
    check(f"what was opened is closed on {where}", wait_for(lambda: all_closed(daemon)))
    counts = {row["op"]: row for row in daemon.json("stats")["ops"]}
    wrong = [op for op, row in counts.items()
             if row["emitted"] != row["received"] or row["lost"] != 0
             or row["seen"] != row["filtered"] + row["emitted"]]
    check(f"counts in kernel and daemon agree on {where}", not wrong, str(wrong))
    check(f"the daemon ends on {where}", daemon.stop())
    os.system(f"rm -rf {daemon.journal}")


def made_again(where):
    """A file system may give a file the number and the generation of one that is gone."""
    server = FuseServer(where)
    daemon = Vexfsd("--watch", where, "--ops", "FileCreate,FileDelete", "--catalogue=false")
    for _ in range(3):
        os.mknod(f"{where}/made")
        os.unlink(f"{where}/made")
    daemon.sync()
    events = daemon.lines()
    told = [(e["op"], "last_link" in e["flags"], e["ino"], e["gen"]) for e in events]
    life = [("FileCreate", False, MADE, GENERATION), ("FileDelete", True, MADE, GENERATION)]
    check_equal("what is made again is gone again", told, 3 * life)
    daemon.stop()
    server.end()


play("/tmp/end-to-end")
play("/scratch/end-to-end")
made_again("/tmp/held")
finish()
