#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Losses are counted exactly: attempted = delivered + lost, for each CPU, class and operation, all
# 18; and a flood of reads loses nothing of class M while somebody reads.
# kernels: all
set -uo pipefail

failed=0
mkdir /tmp/tiny
vx_tinyring /tmp/tiny || failed=1
python3 -B "$VEXFS_ROOT/tests/vm/tinyring.py" || failed=1
exit "$failed"
