# SPDX-License-Identifier: Apache-2.0
"""Mounts elsewhere: /scratch is watched, /run is not. Each case says which events must come to a
channel that watches /scratch."""

import ctypes
import os

from channel import SUBTREE, Channel, bits
from session import check_equal, finish

LIBC = ctypes.CDLL(None, use_errno=True)
RDONLY, REMOUNT, BIND, MOVE, REC, PRIVATE = 1, 32, 4096, 8192, 16384, 1 << 18
LAZY = 2
OPS = bits("Mount", "Unmount")


def mount(source, target, kind=None, flags=0):
    if LIBC.mount(*(t.encode() if t else None for t in (source, target, kind)),
                  ctypes.c_ulong(flags), None):
        raise OSError(ctypes.get_errno(), f"mount {source} {target}")


def umount(target, flags=0):
    if LIBC.umount2(target.encode(), flags):
        raise OSError(ctypes.get_errno(), f"umount {target}")


def refused(act, *arguments):
    try:
        act(*arguments)
    except OSError:
        return
    raise RuntimeError("it worked, and must not")


def device():
    with open("/proc/self/mounts", encoding="ascii") as mounts:
        return next(line.split()[0] for line in mounts if line.split()[1] == "/scratch")


def nested():
    mount("tmpfs", "/scratch/d/below", "tmpfs")
    mount("/scratch/d", "/run/m", flags=BIND | REC)
    umount("/run/m", LAZY)
    umount("/scratch/d/below")


def on_top():
    """What hides a bind mount covers the data's own directory."""
    mount("/scratch/d", "/run/m", flags=BIND)
    mount("tmpfs", "/run/m", "tmpfs")
    umount("/run/m")
    umount("/run/m")


def moved():
    mount("tmpfs", "/run/top", "tmpfs")
    mount(None, "/run/top", flags=PRIVATE)
    for name in ("m", "n"):
        os.mkdir(f"/run/top/{name}")
    mount("/scratch/d", "/run/top/m", flags=BIND)
    mount("/run/top/m", "/run/top/n", flags=MOVE)
    umount("/run/top/n")
    umount("/run/top")


# What is done, and what must come: to the channel that watches /scratch.
CASES = [
    ("a bind mount", lambda: (mount("/scratch/d", "/run/m", flags=BIND), umount("/run/m")),
     ["Mount m bind", "Unmount m"]),
    ("the same, of a file", lambda: (mount("/scratch/f", "/run/file", flags=BIND),
                                     umount("/run/file")), ["Mount file bind", "Unmount file"]),
    ("its options changed", lambda: (mount("/scratch/d", "/run/m", flags=BIND),
                                     mount(None, "/run/m", flags=BIND | REMOUNT | RDONLY),
                                     umount("/run/m")),
     ["Mount m bind", "Mount m bind,remount", "Unmount m"]),
    ("the device mounted a second time",
     lambda: (mount(device(), "/run/m", "ext4"), umount("/run/m")), ["Mount m", "Unmount m"]),
    ("a bind mount with what is mounted below, ended at once", nested,
     ["Mount below", "Mount m bind", "Unmount m lazy", "Unmount below"]),
    ("a bind mount that another file system hides", on_top,
     ["Mount m bind", "Mount d", "Unmount d", "Unmount m"]),
    ("a bind mount that is moved", moved, ["Mount m bind", "Mount n move", "Unmount n"]),
    ("a bind mount inside the watched file system",
     lambda: (mount("/scratch/d", "/scratch/at", flags=BIND), umount("/scratch/at")),
     ["Mount at bind", "Unmount at"]),
    ("other data", lambda: (mount("/tmp/d", "/run/m", flags=BIND), umount("/run/m")), []),
    ("another file system", lambda: (mount("tmpfs", "/run/m", "tmpfs"), umount("/run/m")), []),
    ("other data in the watched file system",
     lambda: (mount("/tmp/d", "/scratch/at", flags=BIND), umount("/scratch/at")),
     ["Mount at bind", "Unmount at"]),
    ("mounts that fail", lambda: (refused(mount, "/scratch/none", "/run/m", None, BIND),
                                  refused(mount, "/scratch/f", "/run/m", None, BIND),
                                  refused(mount, device(), "/run/m", "xfs"),
                                  refused(umount, "/run/m")), []),
]


def text(event):
    flags = ",".join(f for f in event.flags if f != "directory")
    return f"{event.op} {event.name} {flags}".rstrip()


def play(title, act, wanted):
    channel = Channel(1 << 16, 1 << 16)
    channel.watch("/scratch", OPS)
    act()
    check_equal(title, [text(e) for e in channel.events()], wanted)
    channel.close()


def both():
    """Who watches the place and who watches the data are told the same; who watches both, once."""
    _, act, wanted = CASES[0]
    data, place, all_of_it = (Channel(1 << 16, 1 << 16) for _ in range(3))
    data.watch("/scratch", OPS)
    act()
    check_equal("a place that nobody watches has its device number for a fsid",
                [e.fsid for e in data.events()], [os.stat("/run").st_dev] * len(wanted))
    run = place.watch("/run", OPS)
    all_of_it.watch("/scratch", OPS)
    all_of_it.watch("/run", OPS)
    act()
    for who, channel in (("data", data), ("place", place), ("data and place", all_of_it)):
        events = channel.events()
        check_equal(f"a bind mount, {who} watched: each event once", [text(e) for e in events],
                    wanted)
        check_equal(f"a bind mount, {who} watched: the place's fsid", {e.fsid for e in events},
                    {run.fsid})
        channel.close()


def subtree():
    """Data is watched where it is: a subtree of another place does not matter to it."""
    channel = Channel(1 << 16, 1 << 16)
    channel.watch("/scratch/at", OPS, SUBTREE)
    CASES[0][1]()
    mount("tmpfs", "/scratch/at/in", "tmpfs")
    umount("/scratch/at/in")
    mount("tmpfs", "/scratch/d/below", "tmpfs")
    umount("/scratch/d/below")
    check_equal("a subtree: what is mounted in it", [text(e) for e in channel.events()
                if e.name != "m"], ["Mount in", "Unmount in"])
    channel.close()


def whole():
    """The watched file system itself goes."""
    mount("tmpfs", "/run/m", "tmpfs")
    channel = Channel(1 << 16, 1 << 16)
    channel.watch("/run/m", OPS)
    mount(None, "/run/m", flags=REMOUNT | RDONLY)
    umount("/run/m")
    check_equal("the watched file system itself: its options, its end",
                [text(e) for e in channel.events()], ["Mount m remount", "Unmount m"])
    channel.close()


for path in ("/scratch/d/below", "/scratch/at/in", "/run/m", "/run/top", "/tmp/d"):
    os.makedirs(path)
for path in ("/scratch/f", "/run/file"):
    with open(path, "wb"):
        pass
# Shared mounts would carry a case's mounts to other places.
mount(None, "/", flags=PRIVATE | REC)
for case in CASES:
    play(*case)
both()
subtree()
whole()
finish()
