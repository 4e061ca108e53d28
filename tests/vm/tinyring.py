# SPDX-License-Identifier: Apache-2.0
"""The smallest rings and a daemon that is stopped in the middle: what its stream says of the loss
is what the kernel counted, and what happened. Then a flood of reads that a running daemon cannot
follow: it loses reads, and not one change of names."""

import os
import signal
import subprocess
import sys

from session import Vexfsd, check, check_equal, finish

COUNT = 5000

os.makedirs("/tmp/paused")
with open("/tmp/paused/file", "wb") as file:
    file.write(b"x")
READ_FROM = os.open("/tmp/paused/file", os.O_RDONLY)
daemon = Vexfsd("--watch", "/tmp/paused", "--ops", "DirCreate,DirDelete,FileRename,FileRead",
                "--ring-bytes", "16K")
os.mkdir("/tmp/paused/first")
daemon.sync()
os.kill(daemon.pid, signal.SIGSTOP)
for number in range(COUNT):
    os.mkdir("/tmp/paused/a")
    os.rename("/tmp/paused/a", "/tmp/paused/b")
    os.rmdir("/tmp/paused/b")
    os.pread(READ_FROM, 1, 0)
os.kill(daemon.pid, signal.SIGCONT)
daemon.sync()
os.mkdir("/tmp/paused/last")
daemon.sync()

truth = {"DirCreate": COUNT + 2, "FileRename": COUNT, "DirDelete": COUNT,
         "FileRead": COUNT}
lines = daemon.lines()
events = [line for line in lines if "gap" not in line]
gaps = [line["gap"] for line in lines if "gap" in line]
rows = {row["op"]: row for row in daemon.json("stats")["ops"]}
lost = sum(gap["count"] for gap in gaps)
check("a stopped daemon with a tiny ring loses something of both classes",
      rows["FileRename"]["lost"] > 0 and rows["FileRead"]["lost"] > 0)
for op, attempted in truth.items():
    row = rows[op]
    delivered = sum(1 for e in events if e["op"] == op)
    check_equal(f"{op}: attempted = delivered + lost", (row["seen"], row["emitted"] + row["lost"]),
                (attempted, attempted))
    check_equal(f"{op}: the stream has what the kernel delivered", delivered, row["emitted"])
check_equal("the gaps of the stream sum to what the kernel lost", lost,
            sum(row["lost"] for row in rows.values()))
check_equal("every number of the stream is an event or in a gap",
            sorted([e["seq"] for e in events]
                   + [n for g in gaps for n in range(g["from"], g["to"] + 1)]),
            list(range(1, sum(truth.values()) + 1)))
check_equal("the first and the last event are there", (events[0]["path"], events[-1]["path"]),
            ("/tmp/paused/first", "/tmp/paused/last"))
accounts = [gap for gap in gaps if "ops" in gap]
for op in truth:
    check_equal(f"{op}: the accounts of the gaps have what the kernel lost",
                sum(gap["ops"].get(op, 0) for gap in accounts), rows[op]["lost"])
check_equal("an account without numbers is one of names",
            {gap["scope"].split(",")[0] for gap in accounts if gap["count"] == 0}, {"class M"})
check_equal("the directory that is to be looked through again is the one that changed",
            {(d["path"], d["ino"]) for gap in accounts for d in gap["dirty"]},
            {("/tmp/paused", os.stat("/tmp/paused").st_ino)})
check("and no other", not any(gap["dirty_overflow"] for gap in accounts))
doctor = daemon.ctl("doctor")
check("doctor names the loss", f"{lost} events" in doctor.stdout, doctor.stdout)
check("the daemon ends", daemon.stop())

# As many readers as the guest has CPUs read until they are killed.
FLOOD = """import os
file = os.open("/tmp/flood/file", os.O_RDONLY)
while True:
    os.pread(file, 1, 0)
"""

os.makedirs("/tmp/flood")
with open("/tmp/flood/file", "wb") as file:
    file.write(b"x")
daemon = Vexfsd("--watch", "/tmp/flood", "--ops", "DirCreate,DirDelete,FileRename,FileRead",
                "--ring-bytes", "16K", name="flood")
readers = [subprocess.Popen([sys.executable, "-c", FLOOD]) for _ in range(os.cpu_count())]
rounds = 0


def reads_lost():
    return next(row["lost"] for row in daemon.json("stats")["ops"] if row["op"] == "FileRead")


# Behind each barrier the sub-rings of class M are empty again: they hold more than one batch.
while rounds < 300 or (rounds < 30000 and reads_lost() == 0):
    for number in range(rounds, rounds + 10):
        os.mkdir(f"/tmp/flood/{number}")
        os.rename(f"/tmp/flood/{number}", f"/tmp/flood/{number}.done")
        os.rmdir(f"/tmp/flood/{number}.done")
    rounds += 10
    daemon.sync()
for reader in readers:
    reader.kill()
    reader.wait()
daemon.sync()
rows = {row["op"]: row for row in daemon.json("stats")["ops"]}
check("a flood of reads is more than a tiny ring and a daemon can take",
      rows["FileRead"]["lost"] > 0)
check_equal("no event of class M is lost in it",
            {op: rows[op]["lost"] for op in ("DirCreate", "FileRename", "DirDelete")},
            {"DirCreate": 0, "FileRename": 0, "DirDelete": 0})
lines = daemon.lines()
check_equal("every change of names is in the stream, in its order",
            [(e["op"], e["path"]) for e in lines if "gap" not in e and e["op"] != "FileRead"],
            [change for n in range(rounds)
             for change in (("DirCreate", f"/tmp/flood/{n}"),
                            ("FileRename", f"/tmp/flood/{n}.done"),
                            ("DirDelete", f"/tmp/flood/{n}.done"))])
check_equal("every lost read is in a gap", sum(e["gap"]["count"] for e in lines if "gap" in e),
            rows["FileRead"]["lost"])
check("the daemon ends", daemon.stop())
finish()
