# SPDX-License-Identifier: Apache-2.0
"""snapshot.py [SECONDS]: snapshots of a tree that several processes change all the time.

A reader keeps names (parent object, name) -> object and what is known of objects. It takes the
records, then the events; in the end its tree must be the one that is there. Changes go through the
mount of a vexfsd without the module; every snapshot is judged."""
import base64
import ctypes
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time

from vexfsd import BUILD, Vexfsd, check, skip_without_fuse

RENAME_EXCHANGE = 2
LIBC = ctypes.CDLL(None, use_errno=True)


class Reader:
    """What a program makes of the lines, without a look at the file system."""

    def __init__(self):
        self.names = {}    # (parent object, name) -> object
        self.objects = {}  # object -> {"mode", "size", "nlink", "target"}
        self.root = None
        self.cursor = None
        self.complete = False

    @staticmethod
    def text(line, key):
        if key + "_b64" in line:
            return base64.b64decode(line[key + "_b64"])
        return line[key].encode() if line.get(key) is not None else b""

    def know(self, line):
        key = (line["ino"], line["gen"])
        known = self.objects.setdefault(key, {})
        known.update({name: line[name] for name in ("mode", "size", "nlink")})
        if "target" in line:
            known["target"] = self.text(line, "target")
        return key

    def take(self, line):
        if "snapshot_begin" in line or "snapshot_end" in line:
            mark = line.get("snapshot_begin") or line["snapshot_end"]
            self.cursor = mark["cursor"]
            self.complete = "snapshot_end" in line
        elif "r" in line:
            record = line["r"]
            key = self.know(record)
            if record["name"] is None:
                self.root = key
            else:
                self.names[(record["parent_ino"], record["parent_gen"]),
                           self.text(record, "name")] = key
        elif "gap" in line:
            raise RuntimeError(f"a loss: {line}")
        elif "ok" in line:
            raise RuntimeError(line)
        else:
            self.cursor = line["cursor"]
            if line["error"] == 0:
                self.happens(line)

    def happens(self, line):
        key = self.know(line)
        at = ((line["parent_ino"], line["parent_gen"]), self.text(line, "name"))
        op = line["op"]
        if op in ("FileCreate", "DirCreate", "SymlinkCreate", "HardlinkCreate"):
            self.names[at] = key
        elif op in ("FileDelete", "DirDelete"):
            self.names.pop(at, None)
        elif op == "FileRename":
            old = ((line["old_parent_ino"], line["old_parent_gen"]), self.text(line, "old_name"))
            if self.names.get(old) == key:  # an exchange's other half may have put another there
                del self.names[old]
            self.names[at] = key

    def tree(self):
        """Path -> what is there, from the root."""
        below = {}
        for (parent, name), key in self.names.items():
            below.setdefault(parent, []).append((name, key))
        found, waiting = {}, [(b"", self.root)]
        while waiting:
            path, key = waiting.pop()
            for name, child in below.get(key, []):
                found[path + b"/" + name] = describe(child[0], self.objects[child])
                waiting.append((path + b"/" + name, child))
        return found


def describe(ino, known):
    mode = known["mode"]
    kind = stat.S_IFMT(mode)
    return (ino, mode, known["size"] if kind == stat.S_IFREG else None,
            known.get("target") if kind == stat.S_IFLNK else None)


def true_tree(top):
    found, waiting = {}, [(b"", os.fsencode(top))]
    while waiting:
        path, real = waiting.pop()
        for entry in os.scandir(real):
            info = entry.stat(follow_symlinks=False)
            target = os.readlink(entry.path) if stat.S_ISLNK(info.st_mode) else None
            found[path + b"/" + entry.name] = describe(
                info.st_ino, {"mode": info.st_mode, "size": info.st_size, "target": target})
            if stat.S_ISDIR(info.st_mode):
                waiting.append((path + b"/" + entry.name, entry.path))
    return found


def build(top, rng):
    """Directories with content, some of them deep; about 1,500 names."""
    for i in range(12):
        at = f"{top}/d{i:02}"
        os.mkdir(at)
        for j in range(6):
            os.makedirs(f"{at}/e{j}/f/g")
            for k in range(12):
                with open(f"{at}/e{j}/{'f/' if k % 2 else ''}n{k}", "w", encoding="ascii") as file:
                    file.write("x" * rng.randrange(50))
            os.symlink(f"n{j}", f"{at}/e{j}/f/g/link")


def directories(top, rng):
    """A random walk from the top; the directories on it."""
    at = top
    while True:
        yield at
        try:
            below = [entry.path for entry in os.scandir(at) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return
        if not below or rng.random() < 0.25:
            return
        at = rng.choice(below)


def one_change(top, rng, number):
    here = list(directories(top, rng))[-1]
    names = os.listdir(here)
    there = list(directories(top, rng))[-1]
    name = f"{here}/{rng.choice(names)}" if names else here
    new = f"{there}/{'cafe' if rng.random() < 0.7 else chr(0xdce9)}{number}-{rng.randrange(1000)}"
    what = rng.randrange(100)
    if what < 35:
        if rng.random() < 0.2 and os.path.isdir(name):
            twin = list(directories(top, rng))[-1]
            LIBC.renameat2(-100, os.fsencode(name), -100, os.fsencode(twin), RENAME_EXCHANGE)
        else:
            os.rename(name, new)
    elif what < 50:
        with open(new, "w", encoding="ascii") as file:
            file.write("y" * rng.randrange(99))
    elif what < 60:
        os.mkdir(new)
    elif what < 70:
        os.unlink(name)
    elif what < 74:
        os.rmdir(name)
    elif what < 80:
        os.link(name, new)
    elif what < 85:
        os.symlink("somewhere", new)
    elif what < 92:
        os.truncate(name, rng.randrange(500))
    elif not os.path.islink(name):
        os.chmod(name, rng.choice((0o700, 0o755, 0o640)) | (0o100 if os.path.isdir(name) else 0))


def change_for_ever(top, seed, number):
    rng = random.Random(seed)
    while True:
        try:
            one_change(top, rng, number)
        except OSError:
            pass  # somebody else was faster


class Storm:
    """Processes that change the tree, until they are stopped."""

    def __init__(self, top, seed, count):
        self.pids = []
        for number in range(count):
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                change_for_ever(top, seed + number, number)
            self.pids.append(pid)

    def stop(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)


def differences(mine, true):
    return [(path, mine.get(path), true.get(path)) for path in sorted(set(mine) | set(true))
            if mine.get(path) != true.get(path)]


def one_snapshot(daemon, seed):
    """What the reader has wrong, how many records there were, and how many events."""
    storm = Storm(daemon.mount, seed, 3)
    reader = Reader()
    try:
        first = daemon.lines("tail", "--json", "--snapshot", daemon.mount)
    finally:
        storm.stop()
    for line in first:
        reader.take(line)
    daemon.ctl("sync")
    rest = daemon.lines("tail", "--json", "--since", reader.cursor)
    for line in rest:
        reader.take(line)
    if not reader.complete:
        return ["the snapshot has no end"], 0, 0
    records = sum("r" in line for line in first)
    return (differences(reader.tree(), true_tree(daemon.source)), records,
            len(first) + len(rest) - records)


def usage_errors(daemon):
    def fails(*args):
        done = subprocess.run([f"{BUILD}/vexctl", "--socket", daemon.socket, "tail", *args],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    for args in (["--since", "now"], ["--filter", "op=Mount"], ["--format", "text"],
                 ["--format", "cloudevents"], ["--journal", daemon.journal]):
        json_flag = [] if args[0] == "--format" else ["--json"]
        status, said = fails("--snapshot", daemon.mount, *args, *json_flag)
        check(f"not together: --snapshot {' '.join(args[:1])}",
              status == 2 and "--snapshot is for --json" in said, (status, said))
    status, said = fails("--json", "--snapshot", "/proc")
    check("what is not watched has no snapshot", status == 1 and "watch add" in said, said)
    status, said = fails("--json", "--snapshot", daemon.mount + "/nothing")
    check("nor what is not there", status == 1 and "No such file" in said, said)


def parts(daemon):
    """A part of the tree, and what is no directory."""
    lines = daemon.lines("tail", "--json", "--snapshot", daemon.mount + "/part")
    paths = [line["r"]["path"] for line in lines if "r" in line]
    check("a snapshot of a part has that part",
          sorted(paths) == sorted([f"{daemon.mount}/part", f"{daemon.mount}/part/in"]), paths)
    check("it says how many records it has",
          [line["snapshot_end"]["records"] for line in lines if "snapshot_end" in line] == [2])
    lines = daemon.lines("tail", "--json", "--snapshot", daemon.mount + "/part/in")
    check("one of a file is that file", sum("r" in line for line in lines) == 1, lines)
    deep = daemon.source + "/part/deep"
    os.mkdir(deep)
    fd = os.open(deep, os.O_RDONLY)
    for _ in range(1001):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    done = subprocess.run([f"{BUILD}/vexctl", "--socket", daemon.socket, "tail", "--json",
                           "--snapshot", daemon.mount + "/part"], capture_output=True, text=True,
                          check=False)
    last = json.loads(done.stdout.splitlines()[-1])
    check("a tree that is too deep is refused, without an end of the snapshot",
          done.returncode == 1 and "deeper than 1000" in last.get("error", ""), last)


def main():
    skip_without_fuse("snapshots")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    seed = int(os.environ.get("VEXFS_SEED", time.time_ns() % 10**9))
    with Vexfsd() as daemon:
        build(daemon.mount, random.Random(seed))
        end, rounds, records, events, wrong = time.monotonic() + seconds, 0, 0, 0, []
        while (time.monotonic() < end or rounds < 5) and not wrong:
            wrong, some, more = one_snapshot(daemon, seed + 10 * rounds)
            rounds, records, events = rounds + 1, records + some, events + more
        check(f"{rounds} snapshots of a changing tree, {records} records, {events} events: "
              f"all trees are true (VEXFS_SEED={seed})", not wrong, wrong[:5])
        os.mkdir(daemon.mount + "/part")
        with open(daemon.mount + "/part/in", "wb"):
            pass
        usage_errors(daemon)
        parts(daemon)
        subprocess.run(["find", daemon.source, "-delete"], check=False)


if __name__ == "__main__":
    main()
