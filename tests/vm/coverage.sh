#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each operation by every way a program can do it: exactly one right event each, and nothing
# besides, on tmpfs and ext4: as the kernel says it, with all operations watched and with each of
# them alone, and once more as `vexctl tail` shows it. On overlayfs what is made durable.
# kernels: all
set -uo pipefail

failed=0
for file_system in /tmp /scratch; do
    vx_coverage "$file_system" || failed=1
done
vx_coverage --alone /tmp || failed=1
# Overlayfs does each sync once more on the layer below.
if modprobe overlay 2>/dev/null || grep -qw overlay /proc/filesystems; then
    below=/scratch/below over=/run/over
    mkdir -p "$below"/{lower,upper,work} "$over"
    mount -t overlay -o "lowerdir=$below/lower,upperdir=$below/upper,workdir=$below/work" overlay \
        "$over" || failed=1
    vx_coverage "$over" sync/fdatasync sync/O_ sync/RWF_SYNC sync/msync io_uring/fsync \
        io_uring/fdatasync || failed=1
else
    echo "skipped: overlayfs: this kernel does not have it"
fi
python3 -B "$VEXFS_ROOT/tests/vm/coverage.py" || failed=1
exit "$failed"
