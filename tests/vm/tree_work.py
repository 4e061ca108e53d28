# SPDX-License-Identifier: Apache-2.0
"""Random changes to a tree, and two accounts of what is there: what the kernel says, and what one
knows who follows the stream of events by object numbers, as docs/events.md has them."""

import ctypes
import os
import random
import stat

_libc = ctypes.CDLL(None, use_errno=True)
_AT_FDCWD = -100
_EXCHANGE = 2


class Work:
    """Changes below `root`, in `width` names a directory and `depth` levels. What cannot be done is
    left out."""

    def __init__(self, root, seed, width=6, depth=3, outside=None):
        self.root, self.width, self.depth, self.outside = root, width, depth, outside
        self.random = random.Random(seed)
        self.made = 0

    def path(self):
        parts = [chr(ord("a") + self.random.randrange(self.width))
                 for _ in range(self.random.randint(1, self.depth))]
        return os.path.join(self.root, *parts)

    def step(self):
        one, other = self.path(), self.path()
        try:
            self.random.choice(self.STEPS)(self, one, other)
        except OSError:
            pass

    def steps(self, number):
        for _ in range(number):
            self.step()

    def write(self, one, _):
        with open(one, "ab") as file:
            file.write(b"x")

    def exchange(self, one, other):
        _libc.renameat2(_AT_FDCWD, one.encode(), _AT_FDCWD, other.encode(), _EXCHANGE)

    def remove(self, one, _):
        os.rmdir(one) if os.path.isdir(one) and not os.path.islink(one) else os.unlink(one)

    def come(self, one, _):
        """A directory with something in it moves in from outside."""
        if self.outside is None:
            return
        self.made += 1
        new = os.path.join(self.outside, str(self.made))
        os.makedirs(os.path.join(new, "deep"))
        for name in ("one", "deep/two"):
            with open(os.path.join(new, name), "wb") as file:
                file.write(b"inside")
        os.rename(new, one)

    def leave(self, one, _):
        if self.outside is not None:
            self.made += 1
            os.rename(one, os.path.join(self.outside, str(self.made)))

    STEPS = (write, write, write, remove, remove, exchange, come, leave,
             lambda self, one, _: os.mkdir(one), lambda self, one, _: os.mkdir(one),
             lambda self, one, other: os.link(one, other),
             lambda self, one, _: os.symlink("somewhere", one),
             lambda self, one, _: os.chmod(one, self.random.choice((0o700, 0o750))),
             lambda self, one, other: os.rename(one, other),
             lambda self, one, other: os.rename(one, other))


def seen(root):
    """{path: (inode, type)} of all that is below."""
    out = {}
    for directory, dirs, files in os.walk(root):
        for name in dirs + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            out[path] = (status.st_ino, stat.S_IFMT(status.st_mode))
    return out


class Account:
    """What one knows who began with an empty directory, `top` (inode, generation), and has read all
    events since."""

    NEW = {"FileCreate", "DirCreate", "SymlinkCreate", "HardlinkCreate"}
    GONE = {"FileDelete", "DirDelete"}

    def __init__(self, root, top):
        self.root, self.top = root, top
        self.names = {}  # directory: {name: object}

    def read(self, event):
        op, this = event["op"], (event["ino"], event["gen"])
        if event.get("error"):
            return
        here = ((event["parent_ino"], event["parent_gen"]), event.get("name"))
        if op in self.NEW:
            self.put(*here, this)
        elif op in self.GONE:
            self.names.get(here[0], {}).pop(here[1], None)
        elif op == "FileRename":
            there = ((event["old_parent_ino"], event["old_parent_gen"]), event["old_name"])
            if self.leaves(here[0], event["path"]):
                self.forget_below(this)
            else:
                self.put(*here, this)
            # One half of an exchange leaves its old name to the other; else it is free.
            holder = self.names.get(there[0], {}).get(there[1])
            if there != here and ("exchange" not in event["flags"] or holder == this):
                self.names.get(there[0], {}).pop(there[1], None)

    def put(self, parent, name, this):
        self.names.setdefault(parent, {})[name] = this

    def leaves(self, parent, path):
        """Whether `parent` is no directory of the tree: none that is known, nor by its path."""
        below = path is None or path.startswith(self.root + "/")
        return not below and parent != self.top and all(
            parent not in names.values() for names in self.names.values())

    def forget_below(self, directory):
        for this in self.names.pop(directory, {}).values():
            self.forget_below(this)

    def paths(self):
        """{path: (inode, generation)} of all that is below the root."""
        out, left = {}, [(self.top, self.root)]
        while left:
            directory, path = left.pop()
            for name, this in self.names.get(directory, {}).items():
                below = os.path.join(path, name)
                out[below] = this
                if this in self.names:
                    left.append((this, below))
        return out
