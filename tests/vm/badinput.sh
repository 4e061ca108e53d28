#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bad input, in the kernel's calls and in the daemon's surroundings: a documented errno or message,
# nothing lost, no complaint of the kernel.
# kernels: all
set -uo pipefail

failed=0
vx_badinput || failed=1
python3 -B "$VEXFS_ROOT/tests/vm/badinput.py" || failed=1
exit "$failed"
