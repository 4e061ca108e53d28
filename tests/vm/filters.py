# SPDX-License-Identifier: Apache-2.0
"""A table of cases: watches, what is done, and the events that must come, exactly these. The stage
of each: directories `in` (with the file `f` and the directory `sub`), `in2` (its name begins the
same) and `out` (with the file `f` and the directory `d`)."""

import os
import shutil
import threading

from channel import NOT_ME, PID, SUBTREE, UID, Channel, bits
from session import check_equal, finish

USER = 1234
OPS = bits("FileCreate", "FileDelete", "FileRename", "FileChmod", "DirCreate", "DirDelete",
           "HardlinkCreate", "SymlinkCreate", "FileWrite", "DirRead")


def stage(root):
    for name in ("in", "in/sub", "in2", "out", "out/d"):
        os.mkdir(f"{root}/{name}")
        os.chmod(f"{root}/{name}", 0o777)
    for name in ("in/f", "in2/f", "out/f"):
        with open(f"{root}/{name}", "wb"):
            pass
        os.chmod(f"{root}/{name}", 0o666)


def process(act, *arguments, uid=None, euid=None):
    """Does it in a process of its own, as somebody else if wanted. Returns the process's id."""
    child = os.fork()
    if child == 0:
        if uid is not None:
            os.setresuid(uid, uid, uid)
        if euid is not None:
            os.seteuid(euid)
        act(*arguments)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"{act.__name__} in a process of its own: {status}")
    return child


def thread(act, *arguments):
    it = threading.Thread(target=act, args=arguments)
    it.start()
    it.join()


def append(path):
    with open(path, "ab", buffering=0) as file:
        file.write(b"x")


def swap(first, second, between):
    os.rename(first, between)
    os.rename(second, first)
    os.rename(between, second)


# Of the subtree `in`.
def edges():
    yield ("a file renamed into it", lambda: os.rename("out/f", "in/new"), ["FileRename new < f"])
    yield ("a file renamed out of it", lambda: os.rename("in/f", "out/new"), ["FileRename new < f"])
    yield ("a file renamed inside it", lambda: os.rename("in/f", "in/sub/g"), ["FileRename g < f"])
    yield ("a file renamed elsewhere", lambda: os.rename("out/f", "in2/g"), [])
    yield ("a file renamed over one of its own", lambda: os.rename("out/f", "in/f"),
           ["FileRename f < f"])
    yield ("a directory renamed into it, then what is below",
           lambda: (os.rename("out/d", "in/d"), os.mkdir("in/d/x")),
           ["FileRename d < d", "DirCreate x"])
    yield ("a directory renamed out of it, then what is below",
           lambda: (os.rename("in/sub", "out/sub"), os.mkdir("out/sub/x")),
           ["FileRename sub < sub"])
    yield ("a sibling whose name begins the same",
           lambda: (os.mkdir("in2/x"), append("in2/f"), os.rmdir("in2/x"), os.listdir("in2")), [])
    yield ("the directory above it", lambda: (os.mkdir("x"), os.chmod(".", 0o755)), [])
    yield ("itself", lambda: (os.chmod("in", 0o755), os.listdir("in")),
           ["FileChmod in", "DirRead in", "DirRead in"])
    yield ("deep below", lambda: (os.makedirs("in/a/b/c/d/e"), os.rmdir("in/a/b/c/d/e")),
           [f"DirCreate {n}" for n in "abcde"] + ["DirDelete e"])
    yield ("itself renamed: it is still the subtree, the old name is not",
           lambda: (os.rename("in", "moved"), os.mkdir("moved/x"), os.mkdir("in"),
                    os.mkdir("in/y")), ["FileRename moved < in", "DirCreate x"])
    yield ("itself moved down and below another name",
           lambda: (os.rename("in", "out/d/deep"), append("out/d/deep/f")),
           ["FileRename deep < in", "FileWrite f"])
    yield ("another directory in its place", lambda: (swap("in", "in2", "tmp"), os.mkdir("in/x"),
                                                      os.mkdir("in2/y")),
           ["FileRename tmp < in", "FileRename in2 < tmp", "DirCreate y"])
    yield ("itself deleted, and made anew",
           lambda: (shutil.rmtree("in/sub"), os.unlink("in/f"), os.rmdir("in"), os.mkdir("in"),
                    os.mkdir("in/x")),
           ["DirRead sub", "DirRead sub", "DirDelete sub", "FileDelete f", "DirDelete in"])
    yield ("a link from inside to outside, and the other way",
           lambda: (os.link("in/f", "out/g"), os.link("out/f", "in/g")), ["HardlinkCreate g"])
    yield ("a symbolic link to the outside, written through",
           lambda: (os.symlink("../out/f", "in/l"), append("in/l")), ["SymlinkCreate l"])
    yield ("a working directory inside it, a relative name to the outside",
           lambda: in_directory("in", lambda: (os.mkdir("../out/x"), os.mkdir("x"))),
           ["DirCreate x"])
    yield ("an open file whose name has left",
           lambda: leaving("in/f", "out/left"), ["FileWrite f", "FileRename left < f"])


def in_directory(path, act):
    before = os.getcwd()
    os.chdir(path)
    act()
    os.chdir(before)


def leaving(path, to):
    with open(path, "ab", buffering=0) as file:
        file.write(b"x")
        os.rename(path, to)
        file.write(b"x")


def mkdir_as_both():
    """Root in truth, the user in effect: the effective one counts."""
    process(os.mkdir, "in/real", uid=USER)
    process(os.mkdir, "in/effective", euid=USER)


def both_ways(watch):
    """One process that works before it is watched and after."""
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.mkdir("in/before")
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        os.mkdir("in/x")
        thread(os.mkdir, "in/thread")
        process(os.mkdir, "in/child")
        os._exit(0)
    os.read(ready[0], 1)
    watch(child)
    os.mkdir("in/mine")
    os.write(go[1], b"x")
    os.waitpid(child, 0)
    for end in ready + go:
        os.close(end)


# Watches, each (where, flags, uid, pid); what is done; what must come. A pid is that of a child.
def tasks():
    here = [(".", 0, 0, 0)]
    yield ("nothing filtered", here, lambda: (os.mkdir("in/x"), process(os.mkdir, "out/x")),
           ["DirCreate x", "DirCreate x"])
    yield ("a user: root's work is not told", [(".", UID, USER, 0)],
           lambda: (os.mkdir("in/x"), process(os.mkdir, "in/y", uid=USER)), ["DirCreate y"])
    yield ("a user: the effective one counts", [(".", UID, USER, 0)], mkdir_as_both,
           ["DirCreate real", "DirCreate effective"])
    yield ("root: uid 0 is a user like others", [(".", UID, 0, 0)],
           lambda: (os.mkdir("in/x"), process(os.mkdir, "in/y", uid=USER)), ["DirCreate x"])
    yield ("not me: neither its threads; its children are others", [(".", NOT_ME, 0, 0)],
           lambda: (os.mkdir("in/x"), thread(os.mkdir, "in/t"), process(os.mkdir, "in/child")),
           ["DirCreate child"])
    yield ("not me, and a subtree", [("in", NOT_ME | SUBTREE, 0, 0)],
           lambda: (os.mkdir("in/x"), process(os.mkdir, "in/y"), process(os.mkdir, "out/z")),
           ["DirCreate y"])
    yield ("a user, and a subtree", [("in", UID | SUBTREE, USER, 0)],
           lambda: (os.mkdir("in/x"), process(os.mkdir, "in/y", uid=USER),
                    process(os.mkdir, "out/z", uid=USER)), ["DirCreate y"])
    yield ("a user in one subtree, anybody in another",
           [("in", UID | SUBTREE, USER, 0), ("out", SUBTREE, 0, 0)],
           lambda: (os.mkdir("in/a"), os.mkdir("out/b"), process(os.mkdir, "in/c", uid=USER),
                    process(os.mkdir, "out/d2", uid=USER)),
           ["DirCreate b", "DirCreate c", "DirCreate d2"])
    yield ("two subtrees, a rename from one to the other: one event",
           [("in", SUBTREE, 0, 0), ("out", SUBTREE, 0, 0)],
           lambda: os.rename("in/f", "out/g"), ["FileRename g < f"])
    yield ("a subtree inside another: one event",
           [("in", SUBTREE, 0, 0), ("in/sub", SUBTREE, 0, 0)], lambda: os.mkdir("in/sub/x"),
           ["DirCreate x"])
    yield ("me and not me: everybody", [(".", NOT_ME, 0, 0), (".", PID, 0, os.getpid())],
           lambda: (os.mkdir("in/x"), process(os.mkdir, "in/y")), ["DirCreate x", "DirCreate y"])
    yield ("me, but not me: nobody", [(".", NOT_ME | PID, 0, os.getpid())],
           lambda: (os.mkdir("in/x"), process(os.mkdir, "in/y")), [])


def text(event):
    return f"{event.op} {event.name}" + (f" < {event.name2}" if event.op == "FileRename" else "")


def play(name, root, watches, act, wanted):
    shutil.rmtree(root, ignore_errors=True)
    os.mkdir(root)
    os.chdir(root)
    stage(".")
    os.chmod(".", 0o777)
    channel = Channel(1 << 16, 1 << 16)
    for where, flags, uid, pid in watches:
        channel.watch(where, OPS, flags, uid, pid)
    act(channel)
    events = channel.events()
    stats = channel.stats()
    check_equal(name, [text(e) for e in events], wanted)
    total = {key: sum(stats[key].values()) for key in ("seen", "filtered", "emitted", "lost")}
    if total["emitted"] != len(wanted) or total["seen"] != total["filtered"] + total["emitted"]:
        check_equal(f"{name}: the counters", total, f"{len(wanted)} emitted")
    channel.close()


for file_system, top in (("tmpfs", "/tmp/filters"), ("ext4", "/scratch/filters")):
    for title, doing, expected in edges():
        play(f"subtree on {file_system}: {title}", top, [("in", SUBTREE, 0, 0)],
             lambda _, doing=doing: doing(), expected)
    os.chdir("/")
    shutil.rmtree(top)
for title, where_watched, doing, expected in tasks():
    play(f"filters: {title}", "/tmp/filters", where_watched, lambda _, doing=doing: doing(),
         expected)
play("filters: a process: its threads too, its children not", "/tmp/filters", [],
     lambda channel: both_ways(lambda pid: channel.watch(".", OPS, PID, pid=pid)),
     ["DirCreate x", "DirCreate thread"])
play("filters: a process, in a subtree, as a user it is not", "/tmp/filters", [],
     lambda channel: both_ways(lambda pid: channel.watch("in", OPS, PID | SUBTREE | UID, uid=USER,
                                                         pid=pid)), [])
finish()
