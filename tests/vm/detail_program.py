# SPDX-License-Identifier: Apache-2.0
"""What suite vm/detail runs under strace, in the stage that it has made: reads and writes in every
way that Python has, and operations that fail, as root and as somebody else."""

import os
import resource
import sys

USER = 1234


def fails(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except OSError:
        return
    raise RuntimeError(f"{call.__name__}{arguments} succeeded")


def write_ways():
    file = os.open("data", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.write(file, b"a" * 1000)
    os.write(file, b"b" * 24)
    os.lseek(file, 5000, os.SEEK_SET)
    os.writev(file, [b"c" * 10, b"d" * 90])
    os.pwrite(file, b"e" * 333, 70000)
    os.pwritev(file, [b"f" * 7, b"g" * 8], 123)
    os.pwritev(file, [b"h" * 5], 9, os.RWF_DSYNC)
    os.write(file, b"i")
    os.posix_fallocate(file, 200000, 4096)
    os.close(file)
    file = os.open("data", os.O_WRONLY | os.O_APPEND)
    os.write(file, b"j" * 11)
    os.pwrite(file, b"k" * 13, 5)
    os.close(file)


def read_ways():
    file = os.open("data", os.O_RDONLY)
    os.read(file, 512)
    os.read(file, 100)
    os.lseek(file, 40000, os.SEEK_SET)
    os.readv(file, [bytearray(100), bytearray(200)])
    os.pread(file, 4096, 65536)
    os.preadv(file, [bytearray(50)], 17)
    os.preadv(file, [bytearray(60)], 18, os.RWF_HIPRI)
    os.lseek(file, -7, os.SEEK_END)
    os.read(file, 100)
    os.read(file, 100)  # the end: nothing is read
    os.close(file)


def between_files():
    source = os.open("data", os.O_RDONLY)
    sink = os.open("sink", os.O_RDWR | os.O_CREAT)
    os.sendfile(sink, source, 100, 3000)
    os.lseek(source, 50, os.SEEK_SET)
    os.sendfile(sink, source, None, 200)
    os.copy_file_range(source, sink, 2000, 10, 5000)
    os.copy_file_range(source, sink, 300)
    reader, writer = os.pipe()
    os.splice(source, writer, 700, 600)
    os.splice(reader, sink, 700, None, 9000)
    os.splice(source, writer, 90)
    os.splice(reader, sink, 90)
    os.sendfile(writer, source, 60, 40)
    for file in (source, sink, reader, writer):
        os.close(file)


def fail_as_root():
    directory = os.open("full", os.O_RDONLY)
    fails(os.open, "none", os.O_RDONLY)
    fails(os.open, "none/x", os.O_RDONLY)
    fails(os.open, "data/x", os.O_RDONLY)
    fails(os.open, "full", os.O_WRONLY)
    fails(os.open, "data", os.O_CREAT | os.O_EXCL)
    fails(os.open, "link", os.O_RDONLY | os.O_NOFOLLOW)
    fails(os.open, "dangling", os.O_RDONLY)
    fails(os.open, "linked/none", os.O_RDONLY)
    fails(os.open, "immutable", os.O_WRONLY)
    fails(os.open, "readonly/data", os.O_WRONLY)
    fails(os.unlink, "none")
    fails(os.unlink, "full")
    fails(os.unlink, "immutable")
    fails(os.unlink, "readonly/data")
    fails(os.rmdir, "full")
    fails(os.rmdir, "data")
    fails(os.rmdir, "readonly")
    fails(os.rmdir, "none", dir_fd=directory)
    fails(os.mkdir, "full")
    fails(os.mkdir, "none/x")
    fails(os.mknod, "data")
    fails(os.symlink, "data", "link")
    fails(os.link, "data", "sink")
    fails(os.link, "none", "new")
    fails(os.rename, "open", "full")
    fails(os.rename, "none", "new")
    fails(os.rename, "data", "none/new")
    fails(os.rename, "open", "open/x")
    fails(os.rename, "data", "small/new")
    fails(os.rename, "none/x", "new")
    fails(os.chmod, "immutable", 0o600)
    fails(os.chmod, "readonly/data", 0o600)
    fails(os.truncate, "full", 1)
    fails(os.read, directory, 10)
    os.close(directory)


def fail_at_limits():
    file = os.open("small/data", os.O_RDWR | os.O_CREAT)
    os.write(file, b"a" * 65536)
    fails(os.write, file, b"a")
    os.close(file)
    file = os.open("data", os.O_RDWR)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300000, before[1]))
    fails(os.pwrite, file, b"a", 300000)
    fails(os.ftruncate, file, 300001)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    os.close(file)
    file = os.open("data", os.O_WRONLY)
    fails(os.read, file, 1)
    os.close(file)
    file = os.open("data", os.O_RDONLY)
    fails(os.write, file, b"a")
    os.close(file)


def fail_as_user():
    os.seteuid(USER)
    fails(os.open, "secret", os.O_RDONLY)
    fails(os.open, "tosecret", os.O_RDONLY)
    fails(os.open, "private/x", os.O_RDONLY)
    fails(os.open, "new", os.O_WRONLY | os.O_CREAT)
    fails(os.unlink, "data")
    fails(os.unlink, "sticky/data")
    fails(os.rmdir, "open")
    fails(os.mkdir, "new")
    fails(os.mkdir, "private/new")
    fails(os.mknod, "new")
    fails(os.symlink, "data", "new")
    fails(os.rename, "data", "open/new")
    fails(os.rename, "sticky/data", "open/new")
    fails(os.chmod, "data", 0o777)
    fails(os.chown, "data", USER, USER)
    fails(os.truncate, "secret", 3)
    fails(os.listdir, "private")
    os.seteuid(0)


os.chdir(sys.argv[1])
write_ways()
read_ways()
between_files()
os.listdir(".")
fail_as_root()
fail_at_limits()
fail_as_user()
