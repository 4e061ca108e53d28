# SPDX-License-Identifier: Apache-2.0
"""soak.py SECONDS: vexfsd under a steady load, and what it takes of the machine meanwhile.

Two processes make, change, read and remove small trees through the mount of a vexfsd without the
module; a reader follows, a consumer commits, and the journal keeps 1 MiB, so that everything that
could grow has had its fill soon. The first third of the time is for that. Then what is taken in the
second third is compared with the last: the lower quartiles, as much is taken for a moment only."""
import contextlib
import json
import os
import re
import select
import signal
import statistics
import subprocess
import sys
import time

from vexfsd import BUILD, Vexfsd, check, skip_without_fuse

GROWTH = 0.05  # that may be, and as much more as goes up and down all the time:
SLACK = {"memory, KiB": 4096, "files": 16, "journal and catalogue, KiB": 8192}
FILES = 40     # of one tree
PAUSE = 3      # times as long as a tree has taken, until the next one
OPTIONS = ["--segment-bytes", "1M", "--retain-bytes", "1M", "--compress", "zstd"]


def one_tree(top):
    """Makes a tree, does to it what programs do, and removes it: some 500 events."""
    os.makedirs(f"{top}/below")
    for number in range(FILES):
        path = f"{top}/{number}"
        with open(path + ".tmp", "w", encoding="ascii") as file:
            file.write("content" * number)
        os.rename(path + ".tmp", path)
        os.chmod(path, 0o640)
        with open(path, encoding="ascii") as file:
            file.read()
        if number % 4 == 0:
            os.link(path, f"{top}/below/{number}")
            os.symlink(path, path + ".link")
    os.rename(f"{top}/below", f"{top}/moved")
    for directory, _, names in os.walk(top, topdown=False):
        os.listdir(directory)
        for name in names:
            os.unlink(f"{directory}/{name}")
        os.rmdir(directory)


def worker(mount, number, stop):
    """Works until `stop` can be read; its pid."""
    pid = os.fork()
    if pid == 0:
        turn, pause, failed = 0, 0, 1
        try:
            while not select.select([stop], [], [], pause)[0]:
                turn += 1
                began = time.monotonic()
                one_tree(f"{mount}/{number}-{turn}")
                pause = PAUSE * (time.monotonic() - began)
            failed = 0
        finally:
            os._exit(failed)
    return pid


def memory_kib(pid):
    """What belongs to the process alone and is no file's."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Anonymous: +(\d+) kB$", file.read(), re.MULTILINE)[1])


def files_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def disk_kib(directory):
    """Without SQLite's log, which grows to 64 MiB and stays so, and what the daemon deletes
    meanwhile: what is too old, and the plain form of what it has compressed."""
    blocks = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if not entry.name.endswith("-wal"):
                with contextlib.suppress(FileNotFoundError):
                    blocks += entry.stat().st_blocks
    return blocks // 2


class Samples:
    """What the daemon took, from time to time; {name: [value]}."""

    def __init__(self, daemon, seconds):
        self.daemon = daemon
        self.longest_sync = 0.0
        self.taken = {name: [] for name in SLACK}
        end, turn = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            try:
                daemon.process.wait(seconds / 180)  # 60 samples in each third
                raise RuntimeError("vexfsd has ended")
            except subprocess.TimeoutExpired:
                turn += 1
            self.take()
            if turn % 6 == 0:
                self.use()
            if turn % 15 == 0:
                print(f"    {turn * 100 // 180} %: "
                      + ", ".join(f"{name} {values[-1]:,}" for name, values in self.taken.items()),
                      flush=True)

    def take(self):
        pid = self.daemon.process.pid
        for values, value in zip(self.taken.values(), (memory_kib(pid), files_of(pid),
                                                       disk_kib(self.daemon.journal))):
            values.append(value)

    def use(self):
        """As a person and a program would; the consumer commits what it has dealt with."""
        began = time.monotonic()
        cursor = json.loads(self.daemon.ctl("--json", "sync", "--timeout", "120"))["cursor"]
        self.longest_sync = max(self.longest_sync, time.monotonic() - began)
        now = json.loads(self.daemon.ctl("--json", "consumer", "list"))["consumers"][0]["cursor"]
        self.daemon.ctl("consumer", "commit", "soak", "--expect", now, cursor)
        self.daemon.ctl("stats")

    def judge(self):
        for name, values in self.taken.items():
            third = len(values) // 3
            before, after = (statistics.quantiles(part, n=4)[0]
                             for part in (values[third:2 * third], values[2 * third:]))
            limit = before * (1 + GROWTH) + SLACK[name]
            check(f"{name}: {before:,.0f}, and {after:,.0f} later", after <= limit,
                  f"at most {limit:,.0f}")


def soak(daemon, seconds):
    daemon.ctl("consumer", "create", "soak")
    with subprocess.Popen([f"{BUILD}/vexctl", "--socket", daemon.socket, "tail", "--json",
                           "--follow"], stdout=subprocess.DEVNULL) as reader:
        stop, end = os.pipe()
        workers = [worker(daemon.mount, number, stop) for number in range(2)]
        try:
            samples = Samples(daemon, seconds)
        finally:
            os.write(end, b"x")
            ended = [os.waitpid(pid, 0)[1] for pid in workers]
            reader.send_signal(signal.SIGINT)
    check("the load went on to the end", ended == [0, 0], ended)
    samples.judge()
    print(f"    the longest sync took {samples.longest_sync:.2f} s")
    check("the reader has followed to the end", reader.returncode in (0, 130), reader.returncode)


def main():
    skip_without_fuse("a soak")
    seconds = float(sys.argv[1])
    with Vexfsd(*OPTIONS) as daemon:
        soak(daemon, seconds)
        healed = daemon.ctl("sync", "--healed", "--timeout", "60")
        status = json.loads(daemon.ctl("--json", "status"))
        stream, journal = status["stream"], status["journal"]
        print(f"    {stream['events']:,} events in {seconds:,.0f} s; "
              f"{journal['retired_segments']:,} segments have gone")
        check("the catalogue has it all", healed.startswith("cursor"), healed)
        check("nothing was lost, and every path is known",
              (status["state"], stream["lost"], stream["gaps"], stream["no_path"])
              == ("ok", 0, 0, 0), status)
        check("what is too old has gone", journal["retired_segments"] > 0, journal)
        packed = journal["compressed"]
        check("what is full was compressed", packed["segments"] > 0
              and packed["bytes"] < packed["plain_bytes"], packed)
        check("the journal is whole", "all of it is whole" in daemon.ctl("journal", "verify"))
        subprocess.run(["find", daemon.source, "-mindepth", "1", "-delete"], check=False)


if __name__ == "__main__":
    main()
