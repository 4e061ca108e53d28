# SPDX-License-Identifier: Apache-2.0
"""Bad input to the daemon: names and paths that are hard, directories that vanish, a full disk."""

import base64
import errno
import json
import os
import shutil
import subprocess

from session import Vexfsd, check, check_equal, finish, run, wait_for

NAMES = [b"new\nline", b"\xff\xfe not utf-8", b'quote " and \\ back', b"\x01\x1b[31m control",
         "gr\u00fc\u00df \U0001f600".encode(), b"n" * 255, b"-rf", b" ", b"{}", b"\xc3("]


def path_of(event):
    """The bytes of an event's path."""
    if "path_b64" in event:
        return base64.b64decode(event["path_b64"])
    return None if event["path"] is None else event["path"].encode()


def hard_names():
    os.makedirs("/tmp/names")
    daemon = Vexfsd("--watch", "/tmp/names")
    for name in NAMES:
        os.mkdir(b"/tmp/names/" + name)
    daemon.sync()
    events = daemon.lines()
    check_equal("names of any bytes come back as they were", [path_of(e) for e in events],
                [b"/tmp/names/" + name for name in NAMES])
    lossy = [e for e in events if "path_b64" in e]
    check("a path that is not UTF-8 has a readable path beside it",
          len(lossy) == 2 and all("\ufffd" in e["path"] for e in lossy))
    shown = run("vexctl", "tail", "--journal", daemon.journal)
    check("for people one event is one line, whatever its name",
          shown.stdout.count("\n") == len(NAMES), f"{shown.returncode} {shown.stdout!r} "
          f"{shown.stderr!r}")
    check("for people no control character gets through", "\x1b" not in shown.stdout
          and "\x01" not in shown.stdout)
    daemon.stop()


def watched_by_bytes():
    """Paths that are not UTF-8, named to the daemon and by it."""
    home = b"/tmp/bytes\xff"
    for name in (b"/a\xfe", b"/a\xfd", b"/started\xff"):
        os.makedirs(home + name)
    open(home + b"/file", "wb").close()
    daemon = Vexfsd("--watch", home + b"/started\xff", name="bytes",
                    journal=os.fsdecode(home + b"/journal"))
    added = [daemon.json("watch", "add", home + name) for name in (b"/a\xfe", b"/a\xfd")]
    check_equal("a path that is not UTF-8 can be watched", [a.get("ok") for a in added],
                [True, True])
    listed = daemon.json("watch", "list")["watches"]
    check_equal("the list has the bytes of each", [path_of(w) for w in listed],
                [home + b"/started\xff", home + b"/a\xfe", home + b"/a\xfd"])
    os.mkdir(home + b"/a\xfe/x")
    removed = daemon.ctl("watch", "remove", home + b"/a\xfe").returncode
    daemon.sync()
    os.mkdir(home + b"/a\xfe/unseen")
    os.mkdir(home + b"/a\xfd/y")
    daemon.sync()
    seen = daemon.ctl("tail", "--json", "--filter", "op=DirCreate")
    check_equal("and it can be removed by its path; the store is found where it is",
                (removed, [path_of(json.loads(line)) for line in seen.stdout.splitlines()]),
                (0, [home + b"/a\xfe/x", home + b"/a\xfd/y"]))
    refused = daemon.ctl("watch", "add", home + b"/file")
    check("a file is not watched, and it is said why", refused.returncode == 1
          and "not a directory; watch the one that it is in" in refused.stderr, refused.stderr)
    check_equal("with --fs it names its file system",
                daemon.ctl("watch", "add", "--fs", home + b"/file").returncode, 0)
    daemon.stop()


def long_paths():
    """A path of 25 x 250 bytes: longer than any that can be given to the kernel at once."""
    part = "d" * 250
    os.makedirs("/tmp/long")
    daemon = Vexfsd("--watch", "/tmp/long", name="long")
    here = os.open("/tmp/long", os.O_RDONLY)
    for _ in range(25):
        os.mkdir(part, dir_fd=here)
        below = os.open(part, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.mknod("file", 0o600, dir_fd=here)
    os.close(here)
    daemon.sync()
    events = daemon.lines()
    whole = "/tmp/long/" + "/".join([part] * 25) + "/file"
    created = [e for e in events if e["op"] == "FileCreate"]
    check("a path longer than PATH_MAX comes whole",
          len(created) == 1 and created[0]["path"] == whole and len(whole) > 4096,
          str([len(e["path"] or "") for e in events]))
    refused = daemon.ctl("watch", "add", whole)
    check("to watch it by its name is refused with a reason", refused.returncode == 1
          and os.strerror(errno.ENAMETOOLONG) in refused.stdout + refused.stderr,
          refused.stdout[-200:] + refused.stderr[-200:])
    check("and the daemon goes on", daemon.status()["state"] == "ok")
    daemon.stop()
    refused = run("vexfsd", "--watch", whole, "--foreground", "--journal", "/run/none")
    check("vexfsd refuses it with a reason", refused.returncode in (1, 2)
          and os.strerror(errno.ENAMETOOLONG) in refused.stderr, refused.stderr[-200:])


def in_deleted_directory(*command):
    os.makedirs("/tmp/gone", exist_ok=True)

    def vanish():
        os.chdir("/tmp/gone")
        os.rmdir("/tmp/gone")

    return run(*command, preexec_fn=vanish)


def deleted_working_directory():
    os.makedirs("/tmp/cwd")
    result = in_deleted_directory("vexfsd", "--watch", "relative", "--foreground",
                                  "--journal", "/run/none")
    check("vexfsd in a deleted working directory: a reason", result.returncode in (1, 2)
          and result.stderr.startswith("vexfsd:"), f"{result.returncode} {result.stderr}")
    daemon = Vexfsd("--watch", "/tmp/cwd", name="cwd")
    result = in_deleted_directory("vexctl", "--socket", daemon.socket, "watch", "add", "relative")
    check("vexctl watch add in a deleted working directory: a reason",
          result.returncode == 1 and result.stderr != "", f"{result.returncode} {result.stderr}")
    result = in_deleted_directory("vexctl", "--socket", daemon.socket, "status")
    check_equal("vexctl status does not need one", result.returncode, 0)
    result = in_deleted_directory("vexctl", "--socket", daemon.socket, "sync")
    check_equal("nor does vexctl sync", result.returncode, 0)
    daemon.stop()


def gone_watch(daemon, path):
    """The one watch of `daemon`, on `path`, is dead; says so everywhere, until it is removed."""
    status = daemon.ctl("status")
    check_equal("a watch that is gone is a degraded status", status.returncode, 3)
    check("which says which and what to do", path in status.stdout
          and "vexctl watch remove" in status.stdout, status.stdout)
    watch = daemon.json("watch", "list")["watches"][0]
    check_equal("the list says it too", watch["state"], "gone")
    check("and the doctor", path in daemon.ctl("doctor").stdout)
    check_equal("it can be removed", daemon.ctl("watch", "remove", str(watch["id"])).returncode, 0)
    check_equal("and all is well again", daemon.status()["state"], "ok")


def vanished_watch():
    os.makedirs("/tmp/vanish/below")
    daemon = Vexfsd("--watch", "/tmp/vanish", name="vanish")
    check_equal("a watch lives", daemon.status()["watches"][0]["state"], "live")
    shutil.rmtree("/tmp/vanish")
    daemon.sync()
    ops = [(e["op"], e["path"]) for e in daemon.lines() if e["op"].endswith("Delete")]
    check_equal("the end of a watched directory is seen", ops,
                [("DirDelete", "/tmp/vanish/below"), ("DirDelete", "/tmp/vanish")])
    gone_watch(daemon, "/tmp/vanish")
    refused = daemon.ctl("watch", "add", "/tmp/vanish")
    check("what is not there is not watched", refused.returncode == 1
          and os.strerror(errno.ENOENT) in refused.stdout + refused.stderr, refused.stderr)
    daemon.stop()


def vanished_file_system():
    os.makedirs("/run/fs", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run/fs"], check=True)
    daemon = Vexfsd("--watch", "/run/fs", name="fs")
    os.mkdir("/run/fs/directory")
    result = run("umount", "/run/fs")
    check("a watched file system can be unmounted", result.returncode == 0, result.stderr)
    daemon.sync()
    events = daemon.lines()
    check("what happened before is there", any(e["path"] == "/run/fs/directory" for e in events))
    gone_watch(daemon, "/run/fs")
    daemon.stop()


def mounted_again():
    """The same device at the same place: another life, which the watch does not see."""
    device = run("findmnt", "-no", "SOURCE", "/scratch").stdout.strip()
    daemon = Vexfsd("--watch", "/scratch", name="again")
    subprocess.run(["umount", "/scratch"], check=True)
    subprocess.run(["mount", device, "/scratch"], check=True)
    gone_watch(daemon, "/scratch")
    check_equal("it can be watched anew", daemon.ctl("watch", "add", "/scratch").returncode, 0)
    check_equal("and that watch lives", daemon.json("watch", "list")["watches"][0]["state"], "live")
    daemon.stop()


def moved_watch():
    os.makedirs("/tmp/before")
    daemon = Vexfsd("--watch", "/tmp/before", name="moved")
    looked = daemon.ctl("sync", "--healed", "--timeout", "120")
    check("the first look at it ends", looked.returncode == 0, looked.stderr)
    os.rename("/tmp/before", "/tmp/after")
    check_equal("a watched directory that was moved lives on", (
        daemon.status()["state"], daemon.json("watch", "list")["watches"][0]["state"]),
                ("ok", "live"))
    os.mkdir("/tmp/after/below")
    daemon.sync()
    check("and is watched where it is", any(e["op"] == "DirCreate" for e in daemon.lines()))
    daemon.stop()


def vanished_source():
    refused = run("vexfsd", "--source", "/tmp/no-source", "/tmp", "--foreground")
    check("a source that is not there: a reason", refused.returncode in (1, 2)
          and "/tmp/no-source" in refused.stderr, refused.stderr)
    os.makedirs("/tmp/source/directory")
    os.makedirs("/tmp/mount")
    daemon = Vexfsd("--source", "/tmp/source", "/tmp/mount", name="source")
    check("the mount shows the source", os.listdir("/tmp/mount") == ["directory"])
    shutil.rmtree("/tmp/source")
    daemon.sync()  # the mount's caches know of it
    errors = []
    for act in (lambda: os.mkdir("/tmp/mount/new"), lambda: os.listdir("/tmp/mount/directory"),
                lambda: open("/tmp/mount/file", "w").close()):
        try:
            act()
            errors.append(0)
        except OSError as error:
            errors.append(error.errno)
    check("a source that vanished: ENOENT or ESTALE", all(
        e in (errno.ENOENT, errno.ESTALE) for e in errors),
          str([errno.errorcode.get(e, e) for e in errors]))
    check("and the daemon goes on", daemon.status()["daemon"]["pid"] == daemon.pid)
    check("and ends", daemon.stop())
    check("and has unmounted", not os.path.ismount("/tmp/mount"))


def make_names(directory, first, count):
    for number in range(first, first + count):
        os.mkdir(f"{directory}/{number}")
    return first + count


def fill_disk(daemon, directory):
    """Makes directories, no more at once than the smallest ring holds, until there is no room for
    their events. How many."""
    count = 0
    while daemon.status()["state"] != "degraded" and count < 20000:
        count = make_names(directory, count, 50)
        daemon.ctl("sync", "--timeout", "5")
    return count


def full_disk(ring_bytes, more, lossless):
    """The store has no room; then it has."""
    name = "full" if lossless else "full-small"
    watched = f"/tmp/{name}"
    os.makedirs(watched)
    os.makedirs("/run/small", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", "/run/small"], check=True)
    daemon = Vexfsd("--watch", watched, "--ring-bytes", ring_bytes, "--catalogue=false", name=name,
                    journal="/run/small/journal")
    count = fill_disk(daemon, watched)
    check_equal(f"a full disk is noticed ({ring_bytes} rings)",
                daemon.status()["state"], "degraded")
    count = make_names(watched, count, more)
    check_equal("status ends with 3", daemon.ctl("status").returncode, 3)
    reasons = " ".join(daemon.status()["degraded"])
    check("the reason is said", os.strerror(errno.ENOSPC) in reasons, reasons)
    refused = daemon.ctl("sync", "--timeout", "2")
    check("sync does not say that all is well", refused.returncode != 0, refused.stdout)
    doctor = daemon.ctl("doctor")
    check("doctor sees it", os.strerror(errno.ENOSPC) in doctor.stdout, doctor.stdout)
    subprocess.run(["mount", "-o", "remount,size=64m", "/run/small"], check=True)
    check("with room it recovers by itself", wait_for(
        lambda: daemon.ctl("sync", "--timeout", "30").returncode == 0))
    lines = daemon.lines()
    events = [line for line in lines if "gap" not in line]
    lost = sum(line["gap"]["count"] for line in lines if "gap" in line)
    created = [e["path"] for e in events]
    check_equal("nothing twice, nothing out of order", created,
                sorted(set(created), key=lambda p: int(p.rpartition("/")[2])))
    if lossless:
        check_equal("nothing is lost while the ring has room", (len(events), lost), (count, 0))
    else:
        check("what the ring could not hold is lost", lost > 0)
        check_equal("and counted, exactly", len(events) + lost, count)
        row = next(r for r in daemon.json("stats")["ops"] if r["op"] == "DirCreate")
        check_equal("the kernel counts the same", (row["seen"], row["emitted"], row["lost"]),
                    (count, len(events), lost))
    check_equal("the daemon is well again", daemon.status()["state"], "ok")
    verified = run("vexctl", "journal", "verify", daemon.journal)
    check("the journal is whole", verified.returncode == 0, verified.stdout + verified.stderr)
    daemon.stop()
    subprocess.run(["umount", "/run/small"], check=True)


def full_disk_with_catalogue():
    """Journal and catalogue have no room; then they have, and what was lost is found."""
    watched = "/tmp/full-catalogue"
    os.makedirs(watched)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", "/run/small"], check=True)
    daemon = Vexfsd("--watch", watched, "--ring-bytes", "16K", name="full-catalogue",
                    journal="/run/small/journal")
    make_names(watched, fill_disk(daemon, watched), 1000)
    subprocess.run(["mount", "-o", "remount,size=64m", "/run/small"], check=True)
    check("with room the catalogue recovers by itself", wait_for(
        lambda: daemon.ctl("sync", "--healed", "--timeout", "60").returncode == 0))
    names = {os.path.basename(row["path"]) for row in daemon.rows("ls", watched)}
    check_equal("and has every name", names, set(os.listdir(watched)))
    check_equal("the daemon is well again", daemon.status()["state"], "ok")
    daemon.stop()
    subprocess.run(["umount", "/run/small"], check=True)


def steady_load():
    """Names come and go without a pause: neither a barrier nor the end waits for one."""
    os.makedirs("/tmp/steady")
    daemon = Vexfsd("--watch", "/tmp/steady", name="steady")
    load = [subprocess.Popen(["sh", "-c", f"while :; do mkdir /tmp/steady/{n}; "
                              f"rmdir /tmp/steady/{n}; done"]) for n in range(4)]
    try:
        for _ in range(5):
            check_equal("sync is answered under load",
                        daemon.ctl("sync", "--timeout", "60").returncode, 0)
        check("the daemon ends under load", daemon.stop())
    finally:
        for program in load:
            program.kill()
            program.wait()


hard_names()
watched_by_bytes()
long_paths()
deleted_working_directory()
vanished_watch()
vanished_file_system()
mounted_again()
moved_watch()
vanished_source()
steady_load()
full_disk("2M", 2000, True)
full_disk("16K", 2000, False)
full_disk_with_catalogue()
finish()
