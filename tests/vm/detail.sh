#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The details that a watch may ask for (which bytes, how long, what failed), against strace of the
# same program; their probes are there only while one does, and what these miss is counted.
# vm: --no-load
# kernels: all
set -uo pipefail

failed=0
insmod "$VEXFS_KO" || exit 1
python3 -B "$VEXFS_ROOT/tests/vm/detail.py" all || failed=1
rmmod vexfs || failed=1
insmod "$VEXFS_KO" probe_maxactive=4 || exit 1
python3 -B "$VEXFS_ROOT/tests/vm/detail.py" few || failed=1
rmmod vexfs || failed=1
exit "$failed"
