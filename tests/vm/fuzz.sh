#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A hostile user of the device: the kernel neither believes what it is told nor leaves anything
# behind. VEXFS_CALLS sets the number of calls (default 100,000); the long form has 10,000,000.
# vm: --no-load --timeout 1200
# long: --timeout 3600
# pieces: 10 VEXFS_CALLS=1000000
# elsewhere: VEXFS_CALLS=10000
set -uo pipefail

calls=${VEXFS_CALLS:-100000}
failed=0
check() {
    local what=$1
    shift
    if "$@"; then echo "ok $what"; else echo "not ok $what" && failed=1; fi
}
channels() { tail -n +2 /sys/kernel/debug/vexfs/channels | wc -l; }

insmod "$VEXFS_KO"
mkdir -p /tmp/fuzz
vx_fuzz "$calls" 4 /tmp/fuzz || failed=1
check "no channel is left" [ "$(channels)" = 0 ]
check "the module can be unloaded" rmmod vexfs
check "and loaded again" insmod "$VEXFS_KO"
exit "$failed"
