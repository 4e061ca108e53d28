# SPDX-License-Identifier: Apache-2.0
"""Channels that watch one file system with different masks, opened before and after one that
watches everything: what a hook or a probe remembers of an operation must serve all of them."""

import ctypes
import os

from channel import ALL_OPS, OPS, Channel, bits
from session import check, check_equal, finish, run

MASKS = [bits(op) for op in OPS] + [
    bits("FileRename", "FileDelete"),
    bits("FileRename", "DirDelete", "FileDelete", "HardlinkCreate"),
    bits("FileChmod", "FileWrite"),
    bits("FileOpen", "FileClose", "FileRead"),
    bits("DirCreate", "SymlinkCreate", "Sync"),
    ALL_OPS & ~bits("FileRename"),
]
RENAME_EXCHANGE = 2
LIBC = ctypes.CDLL(None, use_errno=True)


def write(path, text):
    with open(path, "wb", buffering=0) as file:
        file.write(text)


def replacements(place):
    """Renames that replace, in every kind: what is replaced is known from a probe only."""
    for name in ("a", "b", "c", "d"):
        write(f"{place}/{name}", b"x")
    os.link(f"{place}/b", f"{place}/b2")
    os.rename(f"{place}/a", f"{place}/b")      # b has another name
    os.rename(f"{place}/b", f"{place}/c")      # c had only this one
    os.mkdir(f"{place}/empty")
    os.mkdir(f"{place}/full")
    os.mkdir(f"{place}/full/below")
    os.rename(f"{place}/full", f"{place}/empty")
    old, new = (f"{place}/{name}".encode() for name in ("c", "empty"))
    if LIBC.renameat2(-100, old, -100, new, RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


def names(place):
    os.symlink("target of a link", f"{place}/l")
    os.symlink("x" * 300, f"{place}/long")
    os.rename(f"{place}/l", f"{place}/long")
    os.link(f"{place}/d", f"{place}/e")
    os.unlink(f"{place}/d")
    os.unlink(f"{place}/e")
    os.unlink(f"{place}/long")
    os.rmdir(f"{place}/c/below")
    os.rmdir(f"{place}/c")


def attributes_and_data(place):
    path = f"{place}/f"
    write(path, b"text" * 100)
    os.chmod(path, 0o4755)
    os.chown(path, 1, 2)                        # drops the set-id bit
    os.truncate(path, 10)
    file = os.open(path, os.O_RDWR)
    os.read(file, 5)
    os.sendfile(file, file, 0, 5)               # the kernel tells of it more than once
    os.fsync(file)
    os.close(file)
    os.listdir(place)
    os.mkdir(f"{place}/m")
    run("mount", "-t", "tmpfs", "source", f"{place}/m", check=True)
    run("umount", f"{place}/m", check=True)


def told(event):
    """All that must be the same: not the ticket, which each channel counts for itself, nor the
    moment at which each was told, and the CPU, which can be another by then."""
    return event._replace(ticket=0, mono_ns=0, producer=0)


def compare(where, place):
    os.makedirs(place)
    early = [(mask, Channel(1 << 18, 1 << 18)) for mask in MASKS]
    everything = Channel()
    late = [(mask, Channel(1 << 18, 1 << 18)) for mask in MASKS]
    everything.watch(place)
    for mask, channel in early + late:
        channel.watch(place, mask)
    for work in (replacements, names, attributes_and_data):
        work(place)
        run("sync")
        reference = [told(e) for e in everything.events()]
        missing = {op for op in OPS} - {e.op for e in reference}
        wrong = []
        for number, (mask, channel) in enumerate(early + late):
            wanted = [e for e in reference if mask >> OPS.index(e.op) & 1]
            found = [told(e) for e in channel.events()]
            if found != wanted:
                which = f"{'late' if number >= len(MASKS) else 'early'} {mask:#x}"
                pairs = [(f, w) for f, w in zip(found, wanted) if f != w] or [(found, wanted)]
                wrong.append(f"{which}: {len(found)} events, wanted {len(wanted)}; {pairs[0]}")
        check(f"{work.__name__} on {where}: {2 * len(MASKS)} channels agree with one that watches "
              "everything", not wrong, "; ".join(wrong[:2]))
        check(f"{work.__name__} on {where}: something happened", len(reference) >= 5,
              f"without {missing}")
        if work is replacements:
            renames = [e for e in reference if e.op == "FileRename"]
            check_equal(f"what is replaced on {where}: names left, and that it was the last",
                        [(e.target_ino != 0, e.target_nlink, [f for f in e.flags if f in
                         ("replaced", "last_link", "exchange")]) for e in renames],
                        [(True, 1, ["replaced"]), (True, 0, ["replaced", "last_link"]),
                         (True, 0, ["replaced", "last_link"])]
                        + [(False, 0, ["exchange"])] * 2)
    for _, channel in early + late:
        channel.close()
    everything.close()


compare("tmpfs", "/tmp/channels")
compare("ext4", "/scratch/channels")
finish()
