#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The machine loses its power while vexfsd writes, again and again: the virtual machine is killed at
# any moment, and the next one has its disk. Each looks at what the one before has left
# (tests/vm/powercut.py), and works on until it is killed too.
#
# 2 power cuts, unless $VEXFS_CUTS says otherwise (a number, or "full" for 20).
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"

CUTS=${VEXFS_CUTS:-2}
[[ $CUTS != full ]] || CUTS=20
IMAGE=$WORK/disk
SAID=$WORK/said  # by the machine
KNOWN=$BUILD/powercut  # what each life has promised; the guest reads it

# machine ARGUMENT...: in the background; its process is $!. What the last one has said is gone, and
# there is a file to read, before it starts.
machine() {
    : >"$SAID"
    "$ROOT/scripts/vm" --no-build --disk 1024 --image "$IMAGE" --timeout 300 -- \
        python3 -B "$ROOT/tests/vm/powercut.py" "$@" >>"$SAID" 2>&1 &
}

# Ends when the machine has said it, or has ended.
wait_until_said() {
    local vm=$1 what=$2
    tail -n +1 -s 0.1 --pid="$vm" -f "$SAID" 2>/dev/null | grep -q -m 1 "^$what"
}

# One life: looks, works, and dies between two moments.
live_and_die() {
    local vm
    machine "$KNOWN" work
    vm=$!
    if wait_until_said "$vm" 'durable'; then
        sleep "$((RANDOM % 3)).$((RANDOM % 10))$((RANDOM % 10))"
    fi
    kill -TERM "$vm" 2>/dev/null
    wait "$vm" 2>/dev/null
    show
    grep '^durable' "$SAID" | tail -n 1 >>"$KNOWN"
}

show() { grep -E '^(not )?ok |^    |Traceback|Error' "$SAID"; }

# shellcheck source=/dev/null
VEXFS_ROOT=$ROOT source "$ROOT/scripts/lib/common.sh"
mkdir -p "$BUILD"
: >"$KNOWN"
for ((cut = 1; cut <= CUTS; cut++)); do
    live_and_die
    [[ $(wc -l <"$KNOWN") == "$cut" ]] || {
        echo "not ok life $cut worked"
        cat "$SAID"
        exit 1
    }
done
machine "$KNOWN" look
wait $!
status=$?
show
[[ $status == 0 ]] || {
    echo "not ok the last machine ends well"
    cat "$SAID"
    exit 1
}
rm -f "$KNOWN"
! grep -q '^not ok' "$SAID"
