#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Many real file operations by several processes, with the default ring and the daemon at work:
# nothing lost, numbers dense, every object's order right. All 18 operations are watched, on tmpfs
# and on ext4.
# vm: --mem 3072 --timeout 1200
# long: --timeout 12000
# pieces: 2 VEXFS_OPERATIONS=1000000
#
# 40,000 operations on each unless $VEXFS_OPERATIONS says otherwise; the long form has 1,000,000, a
# piece for each file system.
set -uo pipefail

operations=${VEXFS_OPERATIONS:-40000}
processes=${VEXFS_PROCESSES:-4}
places=(/tmp/million /scratch/million)
[[ -z ${VEXFS_PIECE:-} ]] || places=("${places[VEXFS_PIECE - 1]}")
failed=0

# round DIRECTORY SEED
round() {
    local run=/run/vx-million started daemon
    echo "    $operations operations by $processes processes below $1"
    mkdir -p "$1"
    vexfsd --watch "$1" --ops all --journal "$run/journal" --socket "$run/socket" \
        --log-file "$run.log" || return 1
    started=$SECONDS
    vx_load work "$1" "$run/truth" "$processes" "$operations" "$2" || failed=1
    echo "    done after $((SECONDS - started)) s"
    vexctl --socket "$run/socket" sync --timeout 600 || failed=1
    echo "    in the journal after $((SECONDS - started)) s"
    vexctl --socket "$run/socket" stats
    vx_load check "$1" "$run/truth" "$run/journal" || failed=1
    daemon=$(pgrep -x vexfsd)
    kill -TERM "$daemon"
    tail --pid="$daemon" -f /dev/null
    rm -rf "$run"
}

for place in "${places[@]}"; do
    round "$place" "${VEXFS_SEED:-1}" || failed=1
done
exit "$failed"
