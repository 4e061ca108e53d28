# SPDX-License-Identifier: Apache-2.0
"""inotify on the mount, and changes behind it and through it. The barrier is `vexctl sync`: what
happened before it is known to the mount's caches and watchers when it returns."""

import ctypes
import os
import select
import struct
import subprocess
import threading

from session import Vexfsd, check, check_equal, finish

SOURCE = "/scratch/source"
MOUNT = "/tmp/mount"

LIBC = ctypes.CDLL(None, use_errno=True)
NAMES = {0x2: "MODIFY", 0x4: "ATTRIB", 0x40: "MOVED_FROM", 0x80: "MOVED_TO", 0x100: "CREATE",
         0x200: "DELETE", 0x400: "DELETE_SELF", 0x800: "MOVE_SELF", 0x4000: "OVERFLOW"}
ALL = sum(NAMES) & ~0x4000
ISDIR = 0x40000000
IGNORED = 0x8000


class Inotify:
    """Watches directories and files; its events in the words of NAMES."""

    def __init__(self, *paths):
        self.fd = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.watched = {}
        self.cookies = []
        for path in paths:
            self.add(path)

    def add(self, path):
        wd = LIBC.inotify_add_watch(self.fd, os.fsencode(path), ALL)
        if wd < 0:
            raise OSError(ctypes.get_errno(), path)
        self.watched[wd] = os.path.relpath(path, MOUNT)

    def read(self):
        """What is there: "CREATE d/a", "CREATE/ d/b" of a directory, "MODIFY d/a." of a watched
        object itself."""
        events = []
        try:
            data = os.read(self.fd, 1 << 20)
        except BlockingIOError:
            return events
        while data:
            wd, mask, cookie, length = struct.unpack_from("iIII", data)
            name = data[16:16 + length].rstrip(b"\0").decode()
            data = data[16 + length:]
            if mask & IGNORED:
                continue
            where = os.path.join(self.watched[wd], name) if name else self.watched[wd] + "."
            what = NAMES[mask & ~ISDIR] + ("/" if mask & ISDIR else "")
            events.append(f"{what} {os.path.normpath(where)}")
            self.cookies.append(cookie)
        return events

    def wait(self, seconds=60):
        """Until there is something; then as read()."""
        ready = select.poll()
        ready.register(self.fd, select.POLLIN)
        return self.read() if ready.poll(seconds * 1000) else []


def write(path, text, mode="w"):
    with open(path, mode, encoding="ascii") as file:
        file.write(text)


def make(path):
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))


def steps(top):
    """What is done, and what a watcher of d and e must see of it."""
    return [
        ("create", lambda: make(f"{top}/d/a"), ["CREATE d/a"]),
        ("modify", lambda: write(f"{top}/d/a", "text", "a"), ["MODIFY d/a"]),
        ("truncate", lambda: os.truncate(f"{top}/d/a", 1), ["MODIFY d/a"]),
        ("attrib: mode", lambda: os.chmod(f"{top}/d/a", 0o600), ["ATTRIB d/a"]),
        ("attrib: owner", lambda: os.chown(f"{top}/d/a", 1, 1), ["ATTRIB d/a"]),
        ("rename", lambda: os.rename(f"{top}/d/a", f"{top}/d/b"),
         ["MOVED_FROM d/a", "MOVED_TO d/b"]),
        ("modify under the new name", lambda: write(f"{top}/d/b", "x", "a"), ["MODIFY d/b"]),
        ("rename to another directory", lambda: os.rename(f"{top}/d/b", f"{top}/e/b"),
         ["MOVED_FROM d/b", "MOVED_TO e/b"]),
        ("rename onto a file", lambda: (make(f"{top}/e/c"), os.rename(f"{top}/e/c", f"{top}/e/b")),
         ["CREATE e/c", "MOVED_FROM e/c", "MOVED_TO e/b"]),
        ("rename out of what is watched", lambda: os.rename(f"{top}/e/b", f"{top}/b"),
         ["MOVED_FROM e/b"]),
        ("rename into it", lambda: os.rename(f"{top}/b", f"{top}/e/b"), ["MOVED_TO e/b"]),
        ("delete", lambda: os.unlink(f"{top}/e/b"), ["DELETE e/b"]),
        ("mkdir", lambda: os.mkdir(f"{top}/d/dir"), ["CREATE/ d/dir"]),
        ("attrib of a directory", lambda: os.chmod(f"{top}/d/dir", 0o700), ["ATTRIB/ d/dir"]),
        ("rename of a directory", lambda: os.rename(f"{top}/d/dir", f"{top}/e/dir2"),
         ["MOVED_FROM/ d/dir", "MOVED_TO/ e/dir2"]),
        ("rmdir", lambda: os.rmdir(f"{top}/e/dir2"), ["DELETE/ e/dir2"]),
        ("symlink", lambda: os.symlink("target", f"{top}/d/link"), ["CREATE d/link"]),
        ("unlink of a symlink", lambda: os.unlink(f"{top}/d/link"), ["DELETE d/link"]),
        ("a new file, at once", lambda: write(f"{top}/d/file", "text"),
         ["CREATE d/file", "MODIFY d/file"]),
        ("link", lambda: os.link(f"{top}/d/file", f"{top}/d/hard"), ["CREATE d/hard"]),
        ("modify by the other name", lambda: write(f"{top}/d/hard", "x", "a"), ["MODIFY d/hard"]),
        ("unlink both", lambda: (os.unlink(f"{top}/d/hard"), os.unlink(f"{top}/d/file")),
         ["DELETE d/hard", "DELETE d/file"]),
    ]


def each_once(daemon, where, top):
    watch = Inotify(f"{MOUNT}/d", f"{MOUNT}/e")
    for what, do, wanted in steps(top):
        watch.cookies.clear()
        do()
        daemon.sync()
        seen = watch.read()
        right = check_equal(f"{where}: {what}", seen, wanted)
        if right and what.startswith("rename") and len(wanted) > 1:
            first, second = watch.cookies[-2:]
            check(f"{where}: {what}: both halves have one cookie", first == second != 0,
                  str(watch.cookies))
    # What a look-up through the mount makes the kernel remember changes nothing.
    watch.read()
    make(f"{top}/d/seen")
    daemon.sync()
    os.stat(f"{MOUNT}/d/seen")
    write(f"{top}/d/seen", "x")
    os.unlink(f"{top}/d/seen")
    daemon.sync()
    check_equal(f"{where}: also of a file that was looked at", watch.read(),
                ["CREATE d/seen", "MODIFY d/seen", "DELETE d/seen"])


def objects(daemon):
    """Who watches an object itself."""
    for name in ("one", "two", "three"):
        make(f"{SOURCE}/d/{name}")
    os.link(f"{SOURCE}/d/one", f"{SOURCE}/d/other")
    daemon.sync()
    watch = Inotify(f"{MOUNT}/d/one")
    write(f"{SOURCE}/d/one", "x", "a")
    daemon.sync()
    check_equal("a watched file: modify", watch.read(), ["MODIFY d/one."])
    write(f"{SOURCE}/d/other", "x", "a")
    daemon.sync()
    check_equal("a watched file: modify by its other name", watch.read(), ["MODIFY d/one."])
    os.unlink(f"{SOURCE}/d/other")
    daemon.sync()
    check("a watched file: losing one of two names is not its end",
          "DELETE_SELF d/one." not in watch.read())
    os.rename(f"{SOURCE}/d/one", f"{SOURCE}/e/one")
    daemon.sync()
    check_equal("a watched file: rename", watch.read(), ["MOVE_SELF d/one."])
    os.chmod(f"{SOURCE}/e/one", 0o600)
    daemon.sync()
    check_equal("a watched file: attrib at its new place", watch.read(), ["ATTRIB d/one."])
    os.stat(f"{MOUNT}/e/one")  # a deletion is told under a name that the mount knows
    os.unlink(f"{SOURCE}/e/one")
    daemon.sync()
    check_equal("a watched file: delete", watch.read()[-1:], ["DELETE_SELF d/one."])
    watch = Inotify(f"{MOUNT}/d/two")
    os.rename(f"{SOURCE}/d/three", f"{SOURCE}/d/two")
    daemon.sync()
    check_equal("a watched file: replaced", watch.read()[-1:], ["DELETE_SELF d/two."])
    os.unlink(f"{SOURCE}/d/two")
    daemon.sync()  # its event belongs to this test, not to the next


def visible(daemon):
    """An event does not come before what it says can be seen."""
    watch = Inotify(f"{MOUNT}/d")
    early = []
    for number in range(100):
        name = f"d/visible{number}"
        if os.path.exists(f"{MOUNT}/{name}"):  # the kernel remembers that it is not there
            early.append(f"{name} was there before")
        write(f"{SOURCE}/{name}", str(number))
        events = watch.wait()
        if f"CREATE {name}" not in events or not os.path.exists(f"{MOUNT}/{name}"):
            early.append(f"{name}: {events}")
        os.unlink(f"{SOURCE}/{name}")
        while f"DELETE {name}" not in events:
            more = watch.wait()
            if not more:
                early.append(f"{name}: no DELETE after {events}")
                break
            events += more
        if os.path.exists(f"{MOUNT}/{name}"):
            early.append(f"{name} is still there")
    check("100 events of files made and deleted: the mount shows it by then", not early,
          "; ".join(early[:3]))
    daemon.sync()


def crowd(daemon):
    """Behind and through the mount at the same time, thousands: each once."""
    watch = Inotify(f"{MOUNT}/d")
    count = 2000

    def work(top, kind):
        for number in range(count):
            make(f"{top}/d/{kind}{number}")

    threads = [threading.Thread(target=work, args=(SOURCE, "behind")),
               threading.Thread(target=work, args=(MOUNT, "through"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    daemon.sync()
    events = []
    while more := watch.read():
        events += more
    wanted = [f"CREATE d/{kind}{n}" for kind in ("behind", "through") for n in range(count)]
    check("files made behind and through the mount at once: each is told once",
          sorted(events) == sorted(wanted), f"{len(events)} events, {len(set(events))} different")
    for kind in ("behind", "through"):
        order = [e for e in events if e.startswith(f"CREATE d/{kind}")]
        check(f"in their order, those {kind} it", order == [w for w in wanted if kind in w])
    check("the mount lists them all", len(os.listdir(f"{MOUNT}/d")) == 2 * count)


def program(daemon):
    """inotifywait, as a user has it: recursive, into a directory that appears behind the mount."""
    with subprocess.Popen(["inotifywait", "-m", "-r", "-q", "--format", "%e %w%f", "-e",
                           "create,move,delete,modify,attrib", MOUNT + "/e"],
                          stdout=subprocess.PIPE, text=True) as wait:
        # It has its watches when it tells of a change; which of these is the first is not known.
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(wait.stdout.readline, "")))
        reader.start()
        number = 0
        while not lines and number < 6000:
            number += 1
            os.chmod(SOURCE + "/e", 0o755 if number % 2 else 0o700)
            daemon.sync()
        os.mkdir(SOURCE + "/e/new")
        daemon.sync()
        make(SOURCE + "/e/last")
        daemon.sync()
        wait.terminate()
        reader.join()
    text = [line.strip() for line in lines if "ATTRIB" not in line]
    check_equal("inotifywait shows it", text,
                [f"CREATE,ISDIR {MOUNT}/e/new", f"CREATE {MOUNT}/e/last"])


def main():
    for path in (SOURCE, MOUNT):
        os.makedirs(path)
    for name in ("d", "e"):
        os.mkdir(f"{SOURCE}/{name}")
    daemon = Vexfsd("--source", SOURCE, MOUNT, name="inject")
    each_once(daemon, "behind the mount", SOURCE)
    each_once(daemon, "through the mount", MOUNT)
    objects(daemon)
    visible(daemon)
    crowd(daemon)
    program(daemon)
    status = daemon.status()
    check("no push was refused", status["pushback"]["failed"] == 0, str(status["pushback"]))
    check("no event was dropped", status["fuse"]["injections_dropped"] == 0, str(status["fuse"]))
    check("events were injected", status["fuse"]["injected"] > 2000, str(status["fuse"]))
    check_equal("the context of all of them was kept", status["stream"]["context_score_min"], 1)
    stats = daemon.json("stats")["ops"]
    check("injections are no operations that were pushed back",
          all(row["pushed"] == row["kernel_pushed"] == row["received"] for row in stats))
    check("the daemon ends", daemon.stop())
    finish()


main()
