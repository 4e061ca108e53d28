# SPDX-License-Identifier: Apache-2.0
"""The log of `strace -f -T -yy -s 0`, as the events that VexFS must have: which bytes each call
moved, at the offset that follows from the calls before, and how each that failed did."""

import errno
import os
import re
from collections import namedtuple

Want = namedtuple("Want", "op path old_path offset length error seconds call")

_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<.*>)?(?: (E\w+) \(.*\))? <([\d.]+)>$")
_FD = re.compile(r"^(\d+|AT_FDCWD)<(.*)>$")
_OFFSET = re.compile(r"^\[(-?\d+)\](?: => \[-?\d+\])?$")
_NAMES = {"open": "FileOpen", "openat": "FileOpen", "creat": "FileOpen", "unlink": "FileDelete",
          "rmdir": "DirDelete", "mkdir": "DirCreate", "mkdirat": "DirCreate",
          "mknod": "FileCreate", "mknodat": "FileCreate", "symlink": "SymlinkCreate",
          "symlinkat": "SymlinkCreate", "link": "HardlinkCreate", "linkat": "HardlinkCreate",
          "rename": "FileRename", "renameat": "FileRename", "renameat2": "FileRename",
          "chmod": "FileChmod", "fchmodat": "FileChmod", "chown": "FileChown",
          "lchown": "FileChown", "fchownat": "FileChown", "truncate": "FileTruncate",
          "ftruncate": "FileTruncate", "getdents64": "DirRead"}
_READS = ("read", "readv", "pread64", "preadv", "preadv2")
_WRITES = ("write", "writev", "pwrite64", "pwritev", "pwritev2")


def _split(text):
    """The arguments of a call."""
    found, depth, quoted, start = [], 0, False, 0
    for at, char in enumerate(text):
        if char == '"' and text[at - 1] != "\\":
            quoted = not quoted
        elif not quoted and char in "[{(":
            depth += 1
        elif not quoted and char in "]})":
            depth -= 1
        elif not quoted and char == "," and depth == 0:
            found.append(text[start:at].strip())
            start = at + 1
    return found + [text[start:].strip()]


class Log:
    """Follows the offset of each descriptor and the size of each file."""

    def __init__(self, cwd):
        self.cwd = cwd
        self.offset = {}
        self.append = set()
        self.size = {}
        self.wants = []

    def read(self, path):
        with open(path, encoding="utf-8", errors="surrogateescape") as log:
            for line in log:
                found = _LINE.match(line.strip())
                if found:
                    name, arguments, result, error, seconds = found.groups()
                    self._call(name, _split(arguments), int(result), error, float(seconds))
        return self.wants

    def _want(self, op, path, call, offset=0, length=0, error=None, old_path=None):
        if path.startswith(self.cwd + "/") or path == self.cwd:
            self.wants.append(Want(op, path, old_path, offset, length,
                                   -getattr(errno, error) if error else 0, self.seconds, call))

    def _paths(self, arguments):
        """The paths that a call names, made absolute, and those of its descriptors."""
        base, found = self.cwd, []
        for argument in arguments:
            fd = _FD.match(argument)
            if fd:
                base = fd[2]
                if not found and fd[1] != "AT_FDCWD":
                    found.append(base)
            elif argument.startswith('"'):
                if found and found[-1] == base:
                    found.pop()
                found.append(os.path.join(base, argument.strip('"')))
        return found

    def _call(self, name, arguments, result, error, seconds):
        self.seconds = seconds
        if error:
            self._failed(name, arguments, error)
        elif name in ("open", "openat", "creat"):
            self.offset[result] = 0
            self.append.discard(result)
            if "O_APPEND" in arguments[-1] or "O_APPEND" in "".join(arguments):
                self.append.add(result)
            if "O_TRUNC" in "".join(arguments):
                self.size[self._paths(arguments)[-1]] = 0
        elif name == "lseek":
            self.offset[int(_FD.match(arguments[0])[1])] = result
        elif name in _READS or name in _WRITES:
            self._transfer(name, arguments, result)
        elif name == "fallocate":
            path = _FD.match(arguments[0])[2]
            offset, length = int(arguments[2]), int(arguments[3])
            self.size[path] = max(self.size.get(path, 0), offset + length)
            self._want("FileWrite", path, name, offset, length)
        elif name in ("sendfile", "splice", "copy_file_range"):
            self._between(name, arguments, result)

    def _failed(self, name, arguments, error):
        op = _NAMES.get(name)
        if name == "unlinkat":
            op = "DirDelete" if "AT_REMOVEDIR" in arguments[-1] else "FileDelete"
        elif name in _READS:
            op = "FileRead"
        elif name in _WRITES or name == "sendfile":
            op = "FileWrite"
        fd = _FD.match(arguments[0])
        paths = [fd[2]] if op in ("FileRead", "FileWrite") else self._paths(arguments)
        if op:
            self._want(op, paths[-1], name, error=error,
                       old_path=paths[0] if op == "FileRename" else None)

    def _moved(self, op, argument, at, length, call):
        """`length` bytes of the file `argument`: at its own offset, or at `at`."""
        number, path = _FD.match(argument).groups()
        number = int(number)
        offset = self.offset.get(number, 0) if at is None else at
        if op == "FileWrite" and number in self.append:
            offset = self.size.get(path, 0)
        if at is None:
            self.offset[number] = offset + length
        if op == "FileWrite":
            self.size[path] = max(self.size.get(path, 0), offset + length)
        if length:
            self._want(op, path, call, offset, length)

    def _transfer(self, name, arguments, result):
        at = None
        if name in ("pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2"):
            at = int(arguments[3])
        self._moved("FileRead" if name in _READS else "FileWrite", arguments[0], at, result, name)

    def _between(self, name, arguments, result):
        def at(argument):
            found = _OFFSET.match(argument)
            return int(found[1]) if found else None

        if name == "sendfile":
            self._moved("FileRead", arguments[1], at(arguments[2]), result, name)
            self._moved("FileWrite", arguments[0], None, result, name)
        else:
            self._moved("FileRead", arguments[0], at(arguments[1]), result, name)
            self._moved("FileWrite", arguments[2], at(arguments[3]), result, name)
