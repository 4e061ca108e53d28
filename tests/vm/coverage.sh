#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each operation by every way a program can do it: exactly one right event each, and nothing
# besides, on tmpfs and ext4: as the kernel says it, with all operations watched and with each of
# them alone, and once more as `vexctl tail` shows it.
# kernels: all
set -uo pipefail

failed=0
for file_system in /tmp /scratch; do
    vx_coverage "$file_system" || failed=1
done
vx_coverage --alone /tmp || failed=1
python3 -B "$VEXFS_ROOT/tests/vm/coverage.py" || failed=1
exit "$failed"
