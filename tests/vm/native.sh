#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# scripts/demo --native leaves nothing behind when it is interrupted in the middle.
# vm: --no-load --timeout 900
set -uo pipefail
export VEXFS_DEMO_INPUT=/run/input.tar
tar -C "$VEXFS_ROOT" --transform='s|^|project/|' -cf "$VEXFS_DEMO_INPUT" docs LICENSE scripts
failed=0

expect() {
    local what=$1
    shift
    if "$@"; then echo "ok $what"; else echo "not ok $what" && failed=1; fi
}

# With a process group of its own, as a terminal gives it, so that Ctrl-C reaches all of it.
start_demo() {
    set -m
    bash -euo pipefail -c 'source "$VEXFS_ROOT/scripts/lib/common.sh"
        source "$VEXFS_ROOT/scripts/lib/native.sh"
        MODULE=$VEXFS_KO run_native' >/run/demo.log 2>&1 &
    demo=$!
    set +m
}

# interrupt_at TEXT: Ctrl-C as soon as the demo has said it.
interrupt_at() {
    local status=0
    start_demo
    grep -qm 1 "$1" < <(tail -c +1 -f --pid="$demo" /run/demo.log)
    expect "the demo runs: $1" test -d /sys/module/vexfs
    kill -INT -- "-$demo"
    wait "$demo" || status=$?
    expect "it ends with 130" test "$status" == 130
    expect "the module is unloaded" test ! -e /sys/module/vexfs
    expect "no daemon is left" bash -c '! pgrep -x vexfsd'
    expect "nothing is mounted" bash -c '! findmnt -rn | grep vexfs-demo'
    expect "its folder is gone" bash -c '! compgen -G "/var/tmp/vexfs-demo.*"'
    [[ $failed == 0 ]] || tail -n 20 /run/demo.log
}

interrupt_at 'DirCreate .*/tree/project'
interrupt_at 'the same workload through the FUSE mount'
exit "$failed"
