#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the guest (scripts/bench): what file operations on a tmpfs cost while nobody watches,
# while peers do, and while VexFS does, all in one boot. Prints the lines of bench_fs_ops with a
# label in front: LABEL PEER OPERATION MEDIAN MIN MAX RECORDS LOST.
set -euo pipefail

for name in tree elsewhere; do
    mkdir -p "/run/bench/$name"
    mount -t tmpfs bench "/run/bench/$name"
done

# measure LABEL PEER: a peer that this kernel does not have is reported and left out.
measure() {
    local label=$1 lines
    if lines=$(bench_fs_ops "$2" /run/bench/tree /run/bench/elsewhere 2>/run/bench/errors); then
        sed "s/^/$label /" <<<"$lines"
    else
        printf '%s %s failed: %s\n' "$label" "$2" "$(tail -n 1 /run/bench/errors)"
    fi
}

echo "kernel $(uname -r)"
# The first one after the boot pays for caches that the kernel fills once.
measure warm-up none >/dev/null
measure base none
measure inotify inotify
measure fanotify fanotify
insmod "$VEXFS_KO"
measure loaded none
measure elsewhere elsewhere
measure vexfs vexfs
measure vexfs-subtree subtree
rmmod vexfs
measure base-again none
