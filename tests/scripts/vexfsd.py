# SPDX-License-Identifier: Apache-2.0
"""A vexfsd without the kernel module, for a test: a mount, a journal and a socket of its own."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ["VEXFS_BUILD"]


def skip_without_fuse(what):
    """Ends the program as skipped where nothing can be mounted."""
    why = "not root" if os.geteuid() != 0 else None
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        why = why or f"/dev/fuse: {error.strerror}"
    if why:
        print(f"skipped: {what}: {why}")
        sys.exit(0)


def check(what, good, detail=""):
    """Prints the line that scripts/test counts."""
    print(f"{'ok' if good else 'not ok'} {what}{'' if good else ': ' + str(detail)}", flush=True)
    return good


class Vexfsd:
    def __init__(self, *options):
        self.options = options
        self.root = tempfile.mkdtemp(prefix="vexfs-stream-")
        for name in ("source", "mount"):
            os.mkdir(f"{self.root}/{name}")
        self.source, self.mount = f"{self.root}/source", f"{self.root}/mount"
        self.journal, self.socket = f"{self.root}/journal", f"{self.root}/socket"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [f"{BUILD}/vexfsd", "--no-kmod", "--foreground", "--source", self.source, self.mount,
             "--journal", self.journal, "--socket", self.socket, "--ops", "all",
             *self.options],
            stderr=subprocess.PIPE, text=True)
        said = ""
        for line in self.process.stderr:
            said += line
            if "ready: " in line:
                return
        raise RuntimeError(f"vexfsd did not start: {said}")

    def stop(self):
        self.process.terminate()
        self.process.stderr.read()
        return self.process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def ctl(self, *args, status=0):
        """Standard output of a vexctl; how it must end (0 also stands for degraded)."""
        done = subprocess.run([f"{BUILD}/vexctl", "--socket", self.socket, *args],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode not in ((0, 3) if status == 0 else (status,)):
            raise RuntimeError(f"vexctl {args}: {done.returncode}: {done.stdout[-500:]} "
                               f"{done.stderr.decode()}")
        return done.stdout.decode()

    def lines(self, *args, status=0):
        return [json.loads(line) for line in self.ctl(*args, status=status).splitlines()]
