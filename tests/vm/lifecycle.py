# SPDX-License-Identifier: Apache-2.0
"""Load, watch, traffic, unwatch, unload, again and again; and a daemon that is killed meanwhile.

10 rounds, or $VEXFS_ROUNDS."""

import json
import os
import re
import subprocess
import threading

from session import Vexfsd, check, check_equal, finish, run, wait_for

MODULE = os.environ["VEXFS_KO"]
ROUNDS = int(os.environ.get("VEXFS_ROUNDS", "10"))
DAEMON_EVERY = 10  # rounds; in the others a small program is what opens the channel


def loaded():
    return os.path.isdir("/sys/module/vexfs")


class Traffic:
    """File operations that do not stop for anything, in rounds of four events of class M and two of
    class D; `rounds_allowed`: but wait when so many are done, until allow()."""

    def __init__(self, directory, rounds_allowed=None):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self.limited = rounds_allowed is not None
        self.allowed = threading.Semaphore(rounds_allowed or 0)
        self.end = threading.Event()
        self.rounds = 0
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        number = 0
        while not self.end.is_set():
            number += 1
            path = f"{self.directory}/{number % 50}"
            with open(path, "w", encoding="ascii") as file:
                file.write("content")
            os.chmod(path, 0o600)
            os.rename(path, path + "-moved")
            os.unlink(path + "-moved")
            self.rounds = number
            if self.limited:
                self.allowed.acquire()

    def allow(self, more):
        self.allowed.release(more)

    def stop(self):
        self.end.set()
        self.allowed.release()
        self.thread.join()


def memory_kib():
    """What the kernel holds, as far as a leak of ours would show."""
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as caches:
        caches.write("3")
    with open("/proc/meminfo", encoding="ascii") as info:
        fields = dict(re.findall(r"(\w+):\s+(\d+)", info.read()))
    return sum(int(fields[key]) for key in ("SUnreclaim", "VmallocUsed", "Percpu", "KernelStack"))


def short_round(number):
    """A channel with a watch on the file system, in which the traffic goes on."""
    work = (f"mkdir /tmp/rounds/{number} && mv /tmp/rounds/{number} /tmp/rounds/x"
            " && rmdir /tmp/rounds/x")
    seen = run("kmod_dump", "-q", "/tmp/rounds", "sh", "-c", work)
    # Its own verdict compares sums that the traffic changes; nobody else makes directories.
    right = all(f"sum {op:14} seen=1 filtered=0 emitted=1 lost=0 read=1\n" in seen.stdout
                for op in ("DirCreate", "DirDelete"))
    right = right and " lost=0 gaps=0 " in seen.stdout and " missed=0 disorder=0" in seen.stdout
    return right, seen.stdout[-800:] + seen.stderr[-500:]


def daemon_round(number):
    daemon = Vexfsd("--watch", "/tmp/rounds", name=f"round{number}")
    watch = daemon.json("watch", "add", "/scratch")["id"]
    os.mkdir(f"/scratch/{number}")
    refused = run("rmmod", "vexfs")
    daemon.sync()
    removed = daemon.ctl("watch", "remove", str(watch)).returncode
    os.mkdir(f"/scratch/{number}/unseen")
    daemon.sync()
    seen = [e["path"] for e in daemon.lines() if e.get("path", "").startswith("/scratch")]
    stopped = daemon.stop()
    right = (refused.returncode != 0 and loaded() and removed == 0 and stopped
             and seen == [f"/scratch/{number}"])
    return right, f"{refused.stderr} {removed} {stopped} {seen}"


def rounds():
    os.makedirs("/tmp/rounds")
    traffic = Traffic("/tmp/rounds/traffic")
    wrong = []
    before = 0
    for number in range(ROUNDS):
        run("insmod", MODULE, check=True)
        one = daemon_round if number % DAEMON_EVERY == 1 else short_round
        right, why = one(number)
        if not right:
            wrong.append(f"round {number}: {why}")
        unloaded = run("rmmod", "vexfs")
        if unloaded.returncode != 0 or loaded():
            wrong.append(f"round {number}: {unloaded.stderr}")
            break
        if number == 2:
            before = memory_kib()
    traffic.stop()
    check(f"{ROUNDS} rounds: load, watch, traffic, unwatch, unload", not wrong,
          "; ".join(wrong[:3]))
    check("the traffic went on all the time", traffic.rounds > ROUNDS)
    after = memory_kib()
    # Each channel's memory is more than 10 MiB: one that leaked in each round would be far above.
    check("the kernel's memory does not grow", after - before < 8192, f"{before} to {after} KiB")


def repairs(daemon):
    """Each command that doctor names for a problem."""
    findings = daemon.json("doctor")["findings"]
    return [f["repair"] for f in findings if f["severity"] == "problem" and "repair" in f]


def killed():
    """kill -9 while the mount and the watched directory are in use; one command repairs it all."""
    for path in ("/tmp/source", "/tmp/mount", "/tmp/watched"):
        os.makedirs(path)
    run("insmod", MODULE, check=True)
    daemon = Vexfsd("--watch", "/tmp/watched", "--source", "/tmp/source", "/tmp/mount", name="kill")
    check_equal("doctor before", repairs(daemon), [])
    version = run("vexctl", "--version").stdout.split()[-1]
    module = next(f for f in daemon.json("doctor")["findings"] if f["check"] == "module")
    check_equal("doctor compares the versions", module["message"], f"loaded, version {version}")
    os.unlink("/dev/vexfs")
    commands = repairs(daemon)
    check("a device that was removed comes back by doctor's command", len(commands) == 1
          and run("sh", "-c", commands[0]).returncode == 0 and repairs(daemon) == [], str(commands))
    os.mkdir("/tmp/mount/directory")
    # The ring holds 3,000 of its rounds, which is what may happen without a daemon.
    traffic = Traffic("/tmp/watched/traffic", rounds_allowed=200)
    check("traffic", wait_for(lambda: traffic.rounds > 200))
    cursor = daemon.sync()
    traffic.allow(1500)
    check("killed with -9", daemon.kill())
    traffic.allow(1000)
    check("the traffic goes on", wait_for(lambda: traffic.rounds > 1701))
    check("the mount is broken now", run("ls", "/tmp/mount").returncode != 0)
    os.mkdir("/tmp/watched/meanwhile")
    doctor = daemon.ctl("--json", "doctor")
    commands = repairs(daemon)
    check("doctor says so by its exit status", doctor.returncode == 1)
    check("doctor names one command and no other", len(commands) == 1, doctor.stdout)
    repaired = subprocess.run(["sh", "-c", commands[0]], stdin=subprocess.DEVNULL, timeout=60)
    check_equal(f"the one command works: {commands[0]}", repaired.returncode, 0)
    left = json.loads(daemon.ctl("--json", "doctor").stdout)
    check("doctor is content afterwards", left["ok"], json.dumps(left))
    check("the mount shows the source again", os.listdir("/tmp/mount") == ["directory"])
    os.mkdir("/tmp/watched/afterwards")
    os.mkdir("/tmp/mount/afterwards")
    traffic.allow(100)
    check("and still does", wait_for(lambda: traffic.rounds > 2701))
    traffic.stop()
    daemon.sync()
    lines = daemon.lines("--since", cursor)
    paths = [e.get("path") for e in lines]
    check("events come again, from the watched directory and the mount",
          "/tmp/watched/afterwards" in paths
          and any(p and p.endswith("/afterwards") and "watched" not in p for p in paths))
    first = int(cursor.rpartition(":")[2])
    numbers = []
    for line in lines:
        gap = line.get("gap")
        numbers += range(gap["from"], gap["to"] + 1) if gap else [line["seq"]]
    check_equal("the numbers go on where they were", numbers,
                list(range(first + 1, first + 1 + len(numbers))))
    gaps = [line["gap"] for line in lines if "gap" in line]
    check_equal("what happened without a daemon is not missing, and there once",
                (paths.count("/tmp/watched/meanwhile"), gaps), (1, []))
    verified = run("vexctl", "journal", "verify", daemon.journal)
    check("the journal is whole", verified.returncode == 0, verified.stdout + verified.stderr)
    daemon.pid = daemon.status()["daemon"]["pid"]
    check("the daemon ends", daemon.stop())
    missed_by_choice(daemon)
    check("and has unmounted", not os.path.ismount("/tmp/mount"))
    unloaded = run("rmmod", "vexfs")
    check("the module can be unloaded", unloaded.returncode == 0, unloaded.stderr)


def missed_by_choice(daemon):
    """A daemon that was stopped in good order does not observe until the next start: a gap."""
    os.mkdir("/tmp/watched/unseen")
    cursor = daemon.lines()[-1]["cursor"]
    daemon.start()
    os.mkdir("/tmp/watched/seen again")
    healed = daemon.ctl("sync", "--healed", "--timeout", "120")
    check("what was missed is looked for", healed.returncode == 0, healed.stderr)
    lines = daemon.lines("--since", cursor)
    gaps = [line["gap"] for line in lines if "gap" in line]
    check("what was missed is a gap that takes no number",
          len(gaps) == 1 and gaps[0]["reason"] == "stopped" and gaps[0]["count"] == 0,
          json.dumps(gaps))
    check_equal("the gap is counted", daemon.status()["stream"]["gaps"], 1)
    made = [(line["path"], "resync" in line["flags"]) for line in lines
            if line.get("op") == "DirCreate"]
    check_equal("and it is found, and says that it was", sorted(made),
                [("/tmp/watched/seen again", False), ("/tmp/watched/unseen", True)])
    check("the daemon ends again", daemon.stop())


def killed_and_unloaded():
    """A killed daemon leaves nothing that holds the module. Its io_uring's files the kernel lets
    go by itself, a moment after the process has ended."""
    run("insmod", MODULE, check=True)
    daemon = Vexfsd("--watch", "/tmp/watched", "--ops", "all", name="kill2")
    traffic = Traffic("/tmp/watched/traffic")
    check("traffic again", wait_for(lambda: traffic.rounds > 50))
    check("killed with -9 again", daemon.kill())
    check("the module can be unloaded without more ado",
          wait_for(lambda: run("rmmod", "vexfs").returncode == 0, seconds=10))
    traffic.stop()


rounds()
killed()
killed_and_unloaded()
finish()
