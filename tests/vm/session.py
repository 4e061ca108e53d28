# SPDX-License-Identifier: Apache-2.0
"""What the suites of this folder that are written in Python share: a running vexfsd, its events,
and results in the form that scripts/test counts."""

import json
import os
import subprocess
import sys
import time

_failures = 0


def check(what, right, why=""):
    """One line of the suite's output. Returns whether it is right."""
    global _failures
    if right:
        print(f"ok {what}", flush=True)
    else:
        _failures += 1
        print(f"not ok {what}{': ' if why else ''}{why}", flush=True)
    return right


def check_equal(what, found, wanted):
    return check(what, found == wanted, f"{found!r}, wanted {wanted!r}")


def finish():
    sys.exit(1 if _failures else 0)


def run(*command, **options):
    """Runs a program; its output is in .stdout and .stderr."""
    return subprocess.run(command, capture_output=True, text=True, errors="surrogateescape",
                          timeout=300, **options)


def wait_for(condition, seconds=60):
    """Until `condition` holds; False when it never does."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class Vexfsd:
    """A daemon in the background with a journal of its own."""

    def __init__(self, *arguments, name="test", journal=None):
        self.journal = journal or f"/run/vx-{name}/journal"
        self.socket = f"/run/vx-{name}/socket"
        os.makedirs(f"/run/vx-{name}", exist_ok=True)
        self.log = f"/run/vx-{name}/log"
        self.command = ["vexfsd", *arguments, "--journal", self.journal, "--socket", self.socket,
                        "--log-file", self.log]
        self.start()

    def start(self):
        """Returns when it works."""
        # Not through pipes: the daemon keeps what it got.
        result = subprocess.run(self.command, stdin=subprocess.DEVNULL, timeout=60)
        if result.returncode != 0:
            raise RuntimeError(f"vexfsd ended with {result.returncode}")
        self.pid = self.status()["daemon"]["pid"]

    def ctl(self, *arguments):
        return run("vexctl", "--socket", self.socket, *arguments)

    def json(self, *arguments):
        result = self.ctl("--json", *arguments)
        try:
            return json.loads(result.stdout)
        except json.JSONDecodeError:
            raise RuntimeError(f"vexctl {arguments}: {result.returncode} {result.stdout!r} "
                               f"{result.stderr!r}")

    def status(self):
        return self.json("status")

    def sync(self):
        """All that happened before is in the journal afterwards. Returns the cursor."""
        result = self.ctl("--json", "sync", "--timeout", "120")
        if result.returncode != 0:
            raise RuntimeError(f"vexctl sync: {result.stdout} {result.stderr}")
        return json.loads(result.stdout)["cursor"]

    def lines(self, *arguments):
        """What `vexctl tail --json` prints, parsed: events and gaps."""
        result = run("vexctl", "--socket", self.socket, "tail", "--json", "--journal", self.journal,
                     *arguments)
        if result.returncode not in (0, 3):
            raise RuntimeError(f"vexctl tail: {result.returncode} {result.stderr}")
        return [json.loads(line) for line in result.stdout.splitlines()]

    def rows(self, *arguments):
        """What another command prints, a JSON object a line."""
        result = self.ctl("--json", *arguments)
        if result.returncode != 0:
            raise RuntimeError(f"vexctl {arguments}: {result.returncode} {result.stdout} "
                               f"{result.stderr}")
        return [json.loads(line) for line in result.stdout.splitlines()]

    def stop(self):
        """Asks it to end; returns whether it did."""
        os.kill(self.pid, 15)
        return wait_for(lambda: not self.alive())

    def kill(self):
        os.kill(self.pid, 9)
        return wait_for(lambda: not self.alive())

    def alive(self):
        """The first thread is a zombie while the others still hold all that the process had."""
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as stat:
                ended = stat.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
            return not ended or len(os.listdir(f"/proc/{self.pid}/task")) > 1
        except OSError:
            return False
