# SPDX-License-Identifier: Apache-2.0
"""A FUSE file system in a process of its own that decides when a call ends and how: it keeps the
requests of one kind until a number of them is there, and then answers them all. So a known number
of calls is under way in the kernel at once, and none is held for ever.

The root has directories d0, d1, ..., each with the files a and b. Nothing is stored: what is made
and removed always is the same file, with the same number and generation.
"""

import ctypes
import errno
import os
import signal
import stat
import struct

LOOKUP, FORGET, GETATTR, MKNOD, UNLINK, RENAME, OPEN, STATFS, RELEASE, FSYNC, FLUSH, INIT = (
    1, 2, 3, 8, 10, 12, 14, 17, 18, 20, 25, 26)
OPENDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 27, 29, 36, 42
NO_ANSWER = (FORGET, INTERRUPT, BATCH_FORGET)
EMPTY = (UNLINK, RELEASE, FLUSH, RELEASEDIR)

ROOT = 1
MADE = 2
GENERATION = 7
FOR_EVER = 1 << 30  # seconds
IN_HEADER = struct.Struct("<IIQQIIII")
REQUEST_MAX = 1 << 17


def _node(parent, name):
    """Of a name in a directory, or None: d5 is 19, its files are 20 and 21."""
    if parent == ROOT and name[:1] == b"d" and name[1:].isdigit():
        return 1 + (int(name[1:]) + 1) * 3
    if parent != ROOT and name in (b"a", b"b"):
        return parent + 1 + (name == b"b")
    return None


def _attributes(node):
    folder = node % 3 == 1
    mode = stat.S_IFDIR | 0o755 if folder else stat.S_IFREG | 0o644
    return struct.pack("<QQQQQQIIIIIIIIII", node, 0, 0, 0, 0, 0, 0, 0, 0, mode,
                       2 if folder else 1, 0, 0, 0, 4096, 0)


def _entry(node):
    return struct.pack("<QQQQII", node, GENERATION, FOR_EVER, FOR_EVER, 0, 0) + _attributes(node)


class FuseServer:
    """Mounted at `where` until end(). `held`: the kind of request that is kept until `count` of
    them are there, and is then answered with `error` (0 or a positive errno)."""

    def __init__(self, where, held=None, count=0, error=0):
        self.where, self.held, self.count, self.error = where, held, count, error
        self.kept = []
        os.makedirs(where, exist_ok=True)
        self.fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={self.fuse},rootmode=40000,user_id=0,group_id=0,allow_other"
        if libc.mount(b"held", where.encode(), b"fuse", 0, options.encode()):
            raise OSError(ctypes.get_errno(), "mount", where)
        self.libc = libc
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                self._serve()
            finally:
                os._exit(0)
        os.close(self.fuse)

    def end(self):
        self.libc.umount2(self.where.encode(), 0)
        os.waitpid(self.pid, 0)

    def _serve(self):
        while True:
            try:
                request = os.read(self.fuse, REQUEST_MAX)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue
                return  # ENODEV: unmounted
            _, kind, unique, node, _, _, _, _ = IN_HEADER.unpack_from(request)
            if kind in NO_ANSWER:
                continue
            if kind == self.held:
                self._keep(unique)
                continue
            self._answer(unique, *self._reply(kind, node, request[IN_HEADER.size:]))

    def _keep(self, unique):
        self.kept.append(unique)
        if len(self.kept) >= self.count:
            for one in self.kept:
                self._answer(one, self.error)
            self.kept.clear()

    def _answer(self, unique, error=0, data=b""):
        os.write(self.fuse, struct.pack("<IiQ", 16 + len(data), -error, unique) + data)

    @staticmethod
    def _reply(kind, node, body):
        if kind == INIT:
            return 0, struct.pack("<IIIIHHIIHHIIIIIIII", 7, 31, 0, 0, 64, 48, 1 << 16, 1, 0, 0,
                                  *[0] * 8)
        if kind == LOOKUP:
            found = _node(node, body.rstrip(b"\0"))
            return (errno.ENOENT,) if found is None else (0, _entry(found))
        if kind == MKNOD:
            return 0, _entry(MADE)
        if kind == GETATTR:
            return 0, struct.pack("<QII", FOR_EVER, 0, 0) + _attributes(node)
        if kind in (OPEN, OPENDIR):
            return 0, struct.pack("<QII", 0, 0, 0)
        if kind == STATFS:
            return 0, struct.pack("<QQQQQIIII", 0, 0, 0, 0, 0, 4096, 255, 4096, 0) + bytes(24)
        if kind in EMPTY:
            return (0,)
        return (errno.ENOSYS,)
