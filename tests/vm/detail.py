# SPDX-License-Identifier: Apache-2.0
"""The details of a watch, judged by strace of the same program: the bytes of each read and write,
each operation that failed, and how long each took."""

import errno
import os
import re
import shutil
import sys
import threading

from session import Vexfsd, check, check_equal, finish, run, wait_for
from strace_log import Log

HERE = os.path.dirname(os.path.abspath(__file__))
STAGE = "/scratch/detail"
FEW = "/scratch/few"
PROGRAM = [sys.executable, "-B", f"{HERE}/detail_program.py", STAGE]
CALLS = "%file,%desc"
# Where the kernel was in the way's end, when it did not come to what was named.
AS_FAR_AS = {"none/x": "none", "none/new": "none", "data/x": "data", "private/x": "private",
             "private/new": "private", "dangling": "full", "linked/none": "full/none",
             "tosecret": "secret"}
# A probe of each kind.
PATHS = {"do_filp_open", "do_file_open", "do_unlinkat", "filename_unlinkat", "terminate_walk",
         "chmod_common", "vfs_truncate"}
DATA = {"vfs_read", "vfs_write", "io_read", "do_sendfile", "iterate_dir"}
FIFO_OPENS = 24


def prepare():
    run("chattr", "-i", f"{STAGE}/immutable")
    for mounted in ("small", "readonly"):
        run("umount", f"{STAGE}/{mounted}")
    shutil.rmtree(STAGE, ignore_errors=True)
    os.makedirs(f"{STAGE}/full/x")
    for name, mode in (("open", 0o777), ("private", 0o700), ("sticky", 0o1777), ("small", 0o755),
                       ("plain", 0o755), ("readonly", 0o755)):
        os.mkdir(f"{STAGE}/{name}")
        os.chmod(f"{STAGE}/{name}", mode)
    for name, mode in (("secret", 0o600), ("immutable", 0o644), ("sticky/data", 0o644),
                       ("plain/data", 0o644)):
        with open(f"{STAGE}/{name}", "wb"):
            pass
        os.chmod(f"{STAGE}/{name}", mode)
    for name, target in (("link", "data"), ("dangling", "full/none"), ("linked", "full"),
                         ("tosecret", "secret")):
        os.symlink(target, f"{STAGE}/{name}")
    for command in (("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", f"{STAGE}/small"),
                    ("mount", "--bind", f"{STAGE}/plain", f"{STAGE}/readonly"),
                    ("mount", "-o", "remount,bind,ro", f"{STAGE}/readonly"),
                    ("chattr", "+i", f"{STAGE}/immutable")):
        if run(*command).returncode != 0:
            raise RuntimeError(" ".join(command))


def played(name, *arguments, traced=False):
    """Runs the program, watched. Its events, and what strace says of it."""
    prepare()
    daemon = Vexfsd("--watch", STAGE, "--watch", f"{STAGE}/small", "--ops", "all", *arguments,
                    name=name)
    log = f"/run/{name}.strace"
    strace = ["strace", "-f", "-T", "-yy", "-s", "0", "-e", f"trace={CALLS}", "-o", log]
    result = run(*(strace if traced else []), *PROGRAM)
    check(f"{name}: the program does what it should", result.returncode == 0, result.stderr)
    daemon.sync()
    lines = daemon.lines()
    missed = daemon.json("stats")["probe_missed"]
    check_equal(f"{name}: nothing is lost or missed",
                (missed, [line for line in lines if "gap" in line]), (0, []))
    check(f"{name}: the daemon ends", daemon.stop())
    events = [line for line in lines if "gap" not in line and line["comm"].startswith("python")]
    return events, Log(STAGE).read(log) if traced else []


def compared(event):
    return (event["op"], event["path"], event["old_path"], event["offset"], event["length"],
            event["error"])


def expected(want):
    name = want.path[len(STAGE) + 1:]
    path = AS_FAR_AS.get(name, name) if want.error else name
    if want.op == "HardlinkCreate" and name == "new":
        path = "none"  # what was to be linked
    old_path = want.old_path
    if old_path == f"{STAGE}/none/x":
        path, old_path = "none", None
    path = f"{STAGE}/{re.sub('^readonly/', 'plain/', path)}".rstrip("/")
    if want.error == -errno.EXDEV:
        path = None  # on another file system
    return (want.op, path, old_path, want.offset, want.length,
            want.error)


def judged(events):
    return [e for e in events if e["op"] in ("FileRead", "FileWrite") or e["error"]]


def check_order(events, wants):
    found, wanted = [compared(e) for e in events], [expected(w) for w in wants]
    for number, (one, other) in enumerate(zip(found, wanted)):
        call = wants[number].call
        if not check(f"{number} {call}: {' '.join(map(str, other))}", one == other,
                     f"the event is {one}"):
            break
    check_equal("as many events as calls", len(found), len(wanted))


def check_durations(events, timed, wants):
    without = [(e["op"], e["path"]) for e in events if e["duration_ns"] <= 0]
    check_equal("each event says how long it took", without, [])
    # strace prints microseconds.
    longer = [(compared(e), e["duration_ns"], w.seconds) for e, w in zip(timed, wants)
              if e["duration_ns"] > w.seconds * 1e9 + 1000]
    check_equal("no operation took longer than its call", longer, [])


def against_strace():
    events, wants = played("detail", "--detail", "all", traced=True)
    timed = judged(events)
    check("strace has seen enough", len(wants) > 80, str(len(wants)))
    check("failures of every kind",
          {w.error for w in wants} >= {-1, -2, -13, -16, -17, -20, -21, -27, -28, -30, -39, -40},
          str(sorted({w.error for w in wants})))
    check_order(timed, wants)
    check_durations(events, timed, wants)
    check_equal("no name of another call",
                [e for e in timed if e["old_path"] is None and ("old_name" in e or "target" in e)],
                [])
    check_equal("what failed changes nothing",
                {o["op"] for e in timed if e["error"] for o in e["userspace_ops"]},
                {"GraphNodeQuery"})
    return events


def one_by_one(detailed):
    """Each detail alone, and none: the same events, and nothing that was not asked for."""
    same = [(e["op"], e["path"], e["flags"]) for e in detailed if not e["error"]]
    for detail in ("none", "failed", "range", "duration"):
        events, _ = played(detail, "--detail", detail)
        check_equal(f"{detail}: the same events of what succeeded",
                    [(e["op"], e["path"], e["flags"]) for e in events if not e["error"]], same)
        moved = [e for e in events if e["op"] in ("FileRead", "FileWrite")]
        check_equal(f"{detail}: failures", any(e["error"] for e in events), detail == "failed")
        check_equal(f"{detail}: ranges",
                    {e["length"] > 0 for e in moved if not e["error"]}, {detail == "range"})
        check_equal(f"{detail}: durations", {e["duration_ns"] > 0 for e in events},
                    {detail == "duration"})


def by_io_uring():
    stage = f"{STAGE}/uring.d"
    os.makedirs(stage)
    daemon = Vexfsd("--watch", stage, "--ops", "all", "--detail", "all", name="uring")
    result = run("vx_detail", stage)
    check("io_uring: the program ends", result.returncode == 0, result.stderr)
    daemon.sync()
    events = [e for e in daemon.lines() if "gap" not in e]
    wanted = [line.split() for line in result.stdout.splitlines()]
    check("io_uring: some moved data, some failed", len(wanted) > 15 and
          {w[4] != "0" for w in wanted} == {False, True}, result.stdout)
    check_equal("io_uring: which bytes, and what failed",
                [(e["op"], os.path.basename(e["path"]), e["offset"], e["length"], e["error"])
                 for e in judged(events)],
                [(op, name, *map(int, numbers)) for op, name, *numbers in wanted])
    check_equal("io_uring: each event says how long it took",
                [(e["op"], e["path"]) for e in events if e["duration_ns"] <= 0], [])
    check("the daemon ends", daemon.stop())


def probed():
    with open("/sys/kernel/debug/kprobes/list", encoding="ascii") as lines:
        return {line.split()[2].partition("+")[0] for line in lines}


def only_while_wanted():
    daemon = Vexfsd("--watch", "/scratch", "--ops", "all", name="probes")
    before = probed()
    check_equal("without detail none of its probes", before & (PATHS | DATA), set())
    for detail, wanted, unwanted in (("failed", PATHS | DATA, set()), ("range", DATA, PATHS),
                                     ("duration", PATHS | DATA, set())):
        added = daemon.json("watch", "add", "/tmp", "--detail", detail)
        during = probed()
        check(f"{detail}: its probes", len(during & wanted) >= len(wanted) - 2
              and not during & unwanted, str(during & (PATHS | DATA)))
        shown = {w["id"]: w["detail"] for w in daemon.json("watch", "list")["watches"]}
        check_equal(f"{detail}: the list says so", shown, {1: "none", added["id"]: detail})
        daemon.ctl("watch", "remove", str(added["id"]))
        check_equal(f"{detail}: afterwards as before", probed(), before)
    check("the daemon ends", daemon.stop())
    check("no probe is left", wait_for(lambda: not probed()), str(probed()))


def asleep(thread):
    with open(f"/proc/self/task/{thread.native_id}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S"


def too_many_at_once():
    """Opens of a FIFO wait for its other end."""
    os.makedirs(FEW)
    os.mkfifo(f"{FEW}/fifo")
    daemon = Vexfsd("--watch", FEW, "--ops", "all", "--detail", "failed", name="few")
    threads = [threading.Thread(target=lambda: os.close(os.open(f"{FEW}/fifo", os.O_RDONLY)))
               for _ in range(FIFO_OPENS)]
    for thread in threads:
        thread.start()
    check("all opens are under way", wait_for(lambda: all(asleep(t) for t in threads)))
    try:
        os.open(f"{FEW}/none", os.O_RDONLY)
    except OSError:
        pass
    os.close(os.open(f"{FEW}/fifo", os.O_WRONLY))
    for thread in threads:
        thread.join()
    daemon.sync()
    missed = daemon.json("stats")["probe_missed"]
    gaps = [line["gap"] for line in daemon.lines() if "gap" in line]
    check("calls that could not be followed are counted", missed >= FIFO_OPENS - 4, str(missed))
    check("and are a gap in the stream", gaps and all(g["reason"] == "probe_missed" for g in gaps),
          str(gaps))
    check("the daemon ends", daemon.stop())


if sys.argv[1] == "few":
    too_many_at_once()
else:
    one_by_one(against_strace())
    by_io_uring()
    only_while_wanted()
finish()
