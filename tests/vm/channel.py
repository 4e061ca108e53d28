# SPDX-License-Identifier: Apache-2.0
"""A channel of /dev/vexfs for the suites of this folder that are written in Python: its calls, its
counters and its records, read as docs/abi.md has them."""

import fcntl
import mmap
import os
import struct
from collections import namedtuple

OPS = ["FileOpen", "FileClose", "FileRead", "FileWrite", "FileCreate", "FileDelete", "FileRename",
       "FileChmod", "FileChown", "FileTruncate", "DirCreate", "DirDelete", "DirRead",
       "SymlinkCreate", "HardlinkCreate", "Mount", "Unmount", "Sync"]
SLOTS = OPS + ["User"]  # what is counted: the operations, and what other channels pushed
CLASS_D = {"FileOpen", "FileClose", "FileRead", "FileWrite", "DirRead"}
ALL_OPS = (1 << len(OPS)) - 1
SUBTREE, UID, PID, NOT_ME = 1, 2, 4, 8
FLAGS = ["directory", "exec", "wrote", "replaced", "exchange", "tmpfile", "unlinked", "last_link",
         "forced", "mode", "owner", "group", "datasync", "sync_fs", "sync_all", "lazy", "bind",
         "remount", "move", "special", "resync", "no_name", "open_trunc"]

_PAGE = 4096
_PRODUCER = 2048  # bytes of struct vx_producer
_RECORD = struct.Struct("<IHHQQQ")
_EVENT = struct.Struct("<QQQIIQQQQIiIIIIIIIIIHH16s")
_RENAME = struct.Struct("<QQIIII")
_PUSH = struct.Struct("<IHHIIQQQQQQQ")
_PUSH_SIZE = 16384
_PUSH_ENTRIES = _PAGE + 4096 * 16
_STATS_HEAD = 7
_REC_EVENT = 1

Event = namedtuple("Event", "op ticket mono_ns fsid ino parent_ino size offset length flags mode "
                            "nlink uid gid pid tid cookie name name2 target_ino target_nlink "
                            "producer raw_flags error")
Watch = namedtuple("Watch", "id fsid ino root_ino dev")


def bits(*names):
    """The mask of these operations."""
    return sum(1 << OPS.index(name) for name in names)


def _call(number, size, direction=3):
    return direction << 30 | size << 16 | ord("V") << 8 | number


class Channel:
    """One open of the device, with small rings. With a name it outlives its owner by `linger_s`
    seconds; `lingered_ns` is not 0 when it was taken over."""

    def __init__(self, size_m=1 << 20, size_d=1 << 20, user_ops=0, name="", linger_s=0):
        self.fd = os.open("/dev/vexfs", os.O_RDWR | os.O_CLOEXEC)
        try:
            self._create(size_m, size_d, user_ops, name, linger_s)
        except (OSError, MemoryError):
            os.close(self.fd)
            raise

    def _create(self, size_m, size_d, user_ops, name, linger_s):
        answer = self._ioctl(0xf1, "<IIQQQII40sQQQQQQQ", 136, 0, size_m, size_d, _PUSH_SIZE,
                             user_ops, linger_s, name.encode(), 0, 0, 0, 0, 0, 0, 0)
        self._size = answer[2:4]
        self.id, ring_bytes, consumer_bytes, push_bytes, self.lingered_ns, self.last_watch = \
            answer[8:14]
        self._ring = mmap.mmap(self.fd, ring_bytes, mmap.MAP_SHARED, mmap.PROT_READ, offset=0)
        self._consumer = mmap.mmap(self.fd, consumer_bytes, mmap.MAP_SHARED,
                                   mmap.PROT_READ | mmap.PROT_WRITE, offset=0x100000000000)
        self._push = mmap.mmap(self.fd, push_bytes, mmap.MAP_SHARED,
                               mmap.PROT_READ | mmap.PROT_WRITE, offset=0x200000000000)
        self.producers = struct.unpack_from("<I", self._ring, 12)[0]
        self._data_off = struct.unpack_from("<Q", self._ring, 56)[0]

    def _ioctl(self, number, layout, *fields, direction=3):
        argument = bytearray(struct.pack(layout, *fields))
        fcntl.ioctl(self.fd, _call(number, len(argument), direction), argument)
        return struct.unpack(layout, argument)

    def watch(self, path, ops=ALL_OPS, flags=0, uid=0, pid=0, detail=0):
        path_fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            answer = self._ioctl(0xf2, "<IIiIQIIQQQQQII", 80, flags, path_fd, detail, ops, uid,
                                 pid, 0, 0, 0, 0, 0, 0, 0)
        finally:
            os.close(path_fd)
        return Watch(*answer[7:12])

    def unwatch(self, watch):
        self._ioctl(0xf3, "<IIQ", 16, 0, watch.id, direction=1)

    def unwatch_up_to(self, number):
        """All watches whose ids are at most that."""
        self._ioctl(0xf3, "<IIQ", 16, 1, number, direction=1)

    def unwatch_all(self):
        self.unwatch_up_to((1 << 64) - 1)

    def unwatch_inherited(self):
        self.unwatch_up_to(self.last_watch)

    def sleep(self):
        """Says that the reader sleeps and wants to be woken by whatever comes."""
        for number in range(self.producers):
            struct.pack_into("<QQ", self._consumer, 64 + number * 64 + 16, 0, 0)
        struct.pack_into("<I", self._consumer, 0, 1)

    def push(self, name):
        """Pushes GraphNodeCreate with a FileCreate of `name`. Its result."""
        event_len = _RECORD.size + _EVENT.size + (len(name) + 7 & ~7)
        entry = _PUSH.pack(_PUSH.size + event_len, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)
        entry += _RECORD.pack(event_len, _REC_EVENT, OPS.index("FileCreate"), 0, 0, 0)
        entry += _EVENT.pack(*[0] * 20, len(name), 0, b"") + name
        tail = struct.unpack_from("<Q", self._push, 0)[0]
        at = _PUSH_ENTRIES + tail % _PUSH_SIZE
        self._push[at:at + len(entry)] = entry
        struct.pack_into("<Q", self._push, 0, tail + len(entry) + -len(entry) % 8)
        self._ioctl(0xf4, "<IIIIII", 24, 0, 1, 0, 0, 0)
        number = struct.unpack_from("<Q", self._push, 24)[0] - 1
        return struct.unpack_from("<Qi", self._push, _PAGE + number % 4096 * 16)[1]

    def barrier(self):
        return self._ioctl(0xf5, "<IIQ", 16, 0, 0)[2]

    def stats(self):
        """VX_IOC_STATS: totals, and for each operation seen, filtered, emitted, lost, pushed."""
        count = 5 * len(SLOTS) + 27
        size = 8 * (_STATS_HEAD + count)
        answer = self._ioctl(0xf6, f"<II{_STATS_HEAD - 1 + count}Q", size, 0,
                             *[0] * (_STATS_HEAD - 1 + count))[2:]
        stats = dict(zip(("tickets", "wakeups", "dirs", "pushed", "push_failed", "probe_missed"),
                         answer))
        for number, name in enumerate(("seen", "filtered", "emitted", "lost", "pushed_op")):
            first = 6 + number * len(SLOTS)
            stats[name] = dict(zip(SLOTS, answer[first:first + len(SLOTS)]))
        return stats

    def subrings(self):
        """producer, class, published, released, where its data begins."""
        for number in range(self.producers):
            for cls in range(2):
                head = struct.unpack_from("<Q", self._ring,
                                          _PAGE + (number * 2 + cls) * _PRODUCER)[0]
                tail = struct.unpack_from("<Q", self._consumer, 64 + number * 64 + cls * 8)[0]
                base = self._data_off + 2 * (number * sum(self._size) + (self._size[0] * cls))
                yield number, cls, head, tail, base

    def loss_pending(self):
        """Lost attempts that no record in the ring reports yet."""
        return sum(struct.unpack_from("<Q", self._ring, _PAGE + number * _PRODUCER + 32)[0]
                   for number in range(2 * self.producers))

    def events(self):
        """All events until now; those on names in the order of their tickets, others between the
        right ones. What was read is released."""
        self.barrier()
        found = []
        for producer, cls, head, tail, base in self.subrings():
            while tail < head:
                at = base + tail % self._size[cls]
                length, kind, op, ticket, _, mono_ns = _RECORD.unpack_from(self._ring, at)
                if kind == _REC_EVENT:
                    event = self._event(at, op, ticket, mono_ns, producer)
                    found.append(((ticket, 1 - cls, mono_ns), event))
                tail += length
            struct.pack_into("<Q", self._consumer, 64 + producer * 64 + cls * 8, tail)
        found.sort(key=lambda pair: pair[0])
        return [event for _, event in found]

    def _event(self, at, op, ticket, mono_ns, producer):
        (fsid, ino, parent_ino, _, _, size, offset, length, _, flags, error, mode, nlink, uid, gid,
         _, _, pid, tid, cookie, name_len, name2_len, _) = _EVENT.unpack_from(self._ring,
                                                                           at + _RECORD.size)
        text = at + _RECORD.size + _EVENT.size
        target_ino = target_nlink = 0
        if OPS[op] == "FileRename":
            _, target_ino, _, _, target_nlink, _ = _RENAME.unpack_from(self._ring, text)
            text += _RENAME.size
        names = self._ring[text:text + name_len + name2_len].decode()
        named = [flag for bit, flag in enumerate(FLAGS) if flags >> bit & 1]
        return Event(OPS[op], ticket, mono_ns, fsid, ino, parent_ino, size, offset, length, named,
                     mode, nlink, uid, gid, pid, tid, cookie, names[:name_len], names[name_len:],
                     target_ino, target_nlink, producer, flags, error)

    def close(self):
        self._ring.close()
        self._consumer.close()
        self._push.close()
        os.close(self.fd)
