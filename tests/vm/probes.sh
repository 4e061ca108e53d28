#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# vm: --no-load
# More calls at once than the module's probes can follow: counted, and a gap in the stream. The
# module is loaded with few places first, then as it comes.
set -uo pipefail

failed=0
insmod "$VEXFS_KO" probe_maxactive=4 || exit 1
python3 -B "$VEXFS_ROOT/tests/vm/probes.py" few || failed=1
rmmod vexfs || failed=1
insmod "$VEXFS_KO" || exit 1
python3 -B "$VEXFS_ROOT/tests/vm/probes.py" default || failed=1
rmmod vexfs || failed=1
exit "$failed"
