# SPDX-License-Identifier: Apache-2.0
"""Upheaval around a channel. See upheaval.sh."""

import errno
import fcntl
import os
import select
import threading

from channel import Channel, bits
from session import check, check_equal, finish, run, wait_for

FIFREEZE, FITHAW = 0xC0045877, 0xC0045878
NAMES = bits("FileCreate", "FileDelete", "DirCreate", "Mount", "Unmount")


def make_file_system(name):
    """An ext4 of its own, on a loop device."""
    run("modprobe", "loop")
    image, place = f"/run/{name}.image", f"/run/{name}"
    run("truncate", "-s", "32M", image, check=True)
    run("mkfs.ext4", "-q", image, check=True)
    os.makedirs(place)
    run("mount", "-o", "loop", image, place, check=True)
    return place


def told(channel, *ops):
    """What came, as "FileCreate name"."""
    return [f"{e.op} {e.name}" for e in channel.events() if not ops or e.op in ops]


def frozen():
    place = make_file_system("frozen")
    channel = Channel()
    watch = channel.watch(place, NAMES)
    fd = os.open(place, os.O_RDONLY)
    fcntl.ioctl(fd, FIFREEZE, 0)
    writer = threading.Thread(target=os.mkdir, args=(f"{place}/made",))
    writer.start()
    check("a program that changes a frozen file system waits",
          wait_for(lambda: "D" in map(state_of, os.listdir("/proc/self/task")), 30))
    check_equal("nothing is told meanwhile", told(channel), [])
    second = channel.watch(place, bits("FileRead"))
    channel.unwatch(second)
    channel.barrier()
    check("watches come and go, a barrier answers", True)
    fcntl.ioctl(fd, FITHAW, 0)
    writer.join()
    check_equal("told when it has happened", told(channel), ["DirCreate made"])
    channel.unwatch(watch)
    os.close(fd)
    channel.close()


def state_of(task):
    try:
        with open(f"/proc/self/task/{task}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0].decode()
    except OSError:
        return ""


def read_only():
    place = make_file_system("ro")
    channel = Channel()
    channel.watch(place, NAMES)
    run("mount", "-o", "remount,ro", place, check=True)
    try:
        os.mknod(f"{place}/refused")
        check("a read-only file system refuses", False)
    except OSError as error:
        check_equal("a read-only file system refuses", error.errno, errno.EROFS)
    run("mount", "-o", "remount,rw", place, check=True)
    os.mknod(f"{place}/made")
    seen = [(e.op, e.name, "remount" in e.flags) for e in channel.events()
            if e.op != "Mount" or "remount" in e.flags]
    check_equal("two remounts, and one file", [(op, remount) for op, _, remount in seen],
                [("Mount", True), ("Mount", True), ("FileCreate", False)])
    channel.close()


def gone_while_open():
    """Unmounted lazily: what is done through an open directory is still told; then it is gone."""
    place = make_file_system("lazy")
    channel = Channel()
    watch = channel.watch(place, NAMES)
    fd = os.open(place, os.O_RDONLY)
    run("umount", "-l", place, check=True)
    os.mkdir("after", dir_fd=fd)
    check_equal("told after the lazy unmount", told(channel, "DirCreate"), ["DirCreate after"])
    os.close(fd)
    with open("/sys/kernel/debug/vexfs/watches", encoding="ascii") as file:
        row = next(line.split() for line in file if line.split()[1] == str(watch.id))
    check("dead when the last file is closed",
          row[2] == "dead" or wait_for(lambda: " dead " in open(
              "/sys/kernel/debug/vexfs/watches", encoding="ascii").read(), 30))
    channel.unwatch(watch)
    channel.close()


def cpu(number, online):
    with open(f"/sys/devices/system/cpu/cpu{number}/online", "w", encoding="ascii") as file:
        file.write("1" if online else "0")


def on_cpu(number, count, place):
    """Makes files on one CPU; their names are numbers."""
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, {number})
        for name in range(count):
            os.mknod(f"{place}/{number}-{name}")
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def cpus_come_and_go():
    os.makedirs("/tmp/cpus")
    channel = Channel(size_m=16384, size_d=16384)
    channel.watch("/tmp/cpus", bits("FileCreate"))
    check_equal("files made on CPU 1", on_cpu(1, 20, "/tmp/cpus"), 0)
    cpu(1, False)
    check_equal("its events are read when it is offline", told(channel),
                [f"FileCreate 1-{name}" for name in range(20)])
    on_cpu(0, 20, "/tmp/cpus")
    check_equal("those of CPU 0 too", len(told(channel)), 20)
    cpu(1, True)
    for name in range(20):
        os.unlink(f"/tmp/cpus/1-{name}")
    check_equal("files made when it is back", on_cpu(1, 500, "/tmp/cpus"), 0)
    check("more than its sub-ring holds", channel.loss_pending() > 0)
    cpu(1, False)
    channel.events()
    channel.barrier()
    check_equal("what it had lost is written out for it", channel.loss_pending(), 0)
    stats = channel.stats()
    check_equal("everything is counted",
                stats["emitted"]["FileCreate"] + stats["lost"]["FileCreate"], 540)
    late = Channel()
    late.watch("/tmp/cpus", bits("FileDelete"))
    os.unlink("/tmp/cpus/1-0")
    cpu(1, True)
    check_equal("a channel that was made meanwhile", told(late), ["FileDelete 1-0"])
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, {1})
        os.unlink("/tmp/cpus/1-1")
        os._exit(0)
    os.waitpid(pid, 0)
    check_equal("has a sub-ring for who comes back", told(late), ["FileDelete 1-1"])
    channel.close()
    late.close()


def make_and_delete(name, stop):
    """A process that makes and deletes a file time and again until `stop` can be read; how often,
    stands in /run/NAME then."""
    pid = os.fork()
    if pid == 0:
        times = 0
        while times < 2000 and not select.select([stop], [], [], 0)[0]:
            os.mknod(f"/tmp/flapping/{name}")
            os.unlink(f"/tmp/flapping/{name}")
            times += 1
        with open(f"/run/{name}", "w", encoding="ascii") as file:
            file.write(str(times))
        select.select([stop], [], [])
        os._exit(0)
    return pid


def cpus_under_traffic():
    os.makedirs("/tmp/flapping")
    channel = Channel(size_m=1 << 21, size_d=1 << 16)
    channel.watch("/tmp/flapping", bits("FileCreate", "FileDelete"))
    stop, end = os.pipe()
    traffic = {name: make_and_delete(name, stop) for name in "ab"}
    for _ in range(8):
        cpu(1, False)
        cpu(1, True)
    os.write(end, b"x")
    for pid in traffic.values():
        os.waitpid(pid, 0)
    events = channel.events()
    stats = channel.stats()
    check_equal("nothing is lost while CPUs come and go", sum(stats["lost"].values()), 0)
    for name in traffic:
        with open(f"/run/{name}", encoding="ascii") as file:
            times = int(file.read())
        mine = [e.op for e in events if e.name == name]
        check(f"each file's events in their order ({name}, {times} times)",
              times > 0 and mine == ["FileCreate", "FileDelete"] * times,
              f"{len(mine)} events: {mine[:10]}")
    channel.close()


def charged():
    """A channel's memory is its owner's, and an owner that may have no more gets none."""
    os.makedirs("/run/cgroup")
    run("mount", "-t", "cgroup2", "none", "/run/cgroup", check=True)
    group = "/run/cgroup/owner"

    def put(path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def used():
        with open(f"{group}/memory.current", encoding="ascii") as file:
            return int(file.read()) >> 20

    put("/run/cgroup/cgroup.subtree_control", "+memory")
    os.mkdir(group)
    put(f"{group}/cgroup.procs", str(os.getpid()))
    before = used()
    channel = Channel(size_m=8 << 20, size_d=8 << 20)
    rings = 16 * channel.producers
    check(f"{rings} MiB of rings are charged to who made them", used() - before >= rings,
          f"{before}, then {used()} MiB")
    channel.close()
    check("and given back", wait_for(lambda: used() - before < rings / 2, 30),
          f"{before}, then {used()} MiB")
    put(f"{group}/memory.max", str((used() + rings // 2) << 20))
    try:
        Channel(size_m=8 << 20, size_d=8 << 20).close()
        check("what is more than the owner may have is refused", False)
    except OSError as error:
        check_equal("what is more than the owner may have is refused", error.errno, errno.ENOMEM)
    with open(f"{group}/memory.events", encoding="ascii") as file:
        check("nobody is killed for it", "oom_kill 0" in file.read())
    channel = Channel(size_m=16384, size_d=16384)
    channel.watch("/tmp", bits("DirCreate"))
    os.mkdir("/tmp/charged")
    check_equal("what it may have works", told(channel), ["DirCreate charged"])
    channel.close()
    put("/run/cgroup/cgroup.procs", str(os.getpid()))
    check("the group can go", wait_for(lambda: run("rmdir", group).returncode == 0, 30))


frozen()
read_only()
gone_while_open()
cpus_come_and_go()
cpus_under_traffic()
charged()
finish()
