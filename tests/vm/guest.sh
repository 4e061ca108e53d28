#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What scripts/vm promises about the guest holds.
# vm: --no-module
set -uo pipefail

failed=0

# expect WHAT COMMAND...
expect() {
    local what=$1
    shift
    if "$@" >/dev/null; then
        echo "ok $what"
    else
        echo "not ok $what"
        failed=1
    fi
}

type_of() { findmnt -n -o FSTYPE "$1"; }
is_type() { [[ $(type_of "$1") == "$2" ]]; }

# The host's files, asked for directly with a mount of their own, refuse to change.
host_is_read_only() {
    local view
    view=$(mktemp -d)
    mount -t virtiofs host "$view" || return 1
    ! touch "$view$VEXFS_ROOT/written-by-guest" 2>/dev/null &&
        ! touch "$view/etc/hostname" 2>/dev/null
}

expect "the source tree is at its own path" test -e "$VEXFS_ROOT/scripts/vm"
expect "host files are read-only below the guest's root" host_is_read_only
expect "the guest's own root can be written" touch "$VEXFS_ROOT/written-by-guest"
expect "/scratch is ext4" is_type /scratch ext4
expect "/scratch can be written" touch /scratch/file
expect "/tmp is tmpfs" is_type /tmp tmpfs
expect "debugfs" is_type /sys/kernel/debug debugfs
expect "tracefs" is_type /sys/kernel/tracing tracefs
expect "devpts" is_type /dev/pts devpts
expect "/dev/fuse" test -c /dev/fuse
expect "/dev/stderr can be opened" bash -c 'echo >/dev/stderr'
expect "loop, xfs and btrfs can be loaded" modprobe -a loop xfs btrfs
expect "lo is up" bash -c '[[ $(cat /sys/class/net/lo/flags) == 0x9 ]]'
expect "standard input is empty" bash -c '[[ -z $(cat) ]]'
expect "the time comes from the TSC" \
    grep -qx tsc /sys/devices/system/clocksource/clocksource0/current_clocksource
exit "$failed"
