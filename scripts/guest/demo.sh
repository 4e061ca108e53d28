#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The part of scripts/demo that runs where the module is loaded: in the guest, or with --native on
# the machine itself. Directories $VEXFS_DEMO_DATA (watched, on a real file system) and
# $VEXFS_DEMO_STATE (the daemon's own, elsewhere or beside it); $VEXFS_DEMO_INPUT is the tar file.
set -euo pipefail
HERE=$(dirname "${BASH_SOURCE[0]}")
DATA=$VEXFS_DEMO_DATA STATE=$VEXFS_DEMO_STATE INPUT=$VEXFS_DEMO_INPUT
TREE=$DATA/tree BACKING=$DATA/backing MOUNT=$DATA/mount
SOCKET=$STATE/vexfsd.sock
COLUMNS_MAX=100
daemon=''

heading() { printf '\n=== %s\n\n' "$*"; }

ctl() { vexctl --socket "$SOCKET" "$@"; }

fit() { cut -c "1-$COLUMNS_MAX"; }

# A table with its columns as narrow as they can be.
align() {
    awk '{ for (i = 1; i <= NF; i++) {
               cell[NR, i] = $i
               if (length($i) > width[i]) width[i] = length($i)
           } }
         { cells[NR] = NF }
         END { for (row = 1; row <= NR; row++) {
                   line = ""
                   for (i = 1; i <= cells[row]; i++)
                       line = line sprintf("%-" width[i] + 2 "s", cell[row, i])
                   sub(/ +$/, "", line)
                   print line } }' | fit
}

# shellcheck disable=SC2317  # called by the trap
clean_up() { [[ -z $daemon ]] || kill "$daemon" 2>/dev/null || true; }

# A real workload in DIR: what people and programs do to a source tree.
workload() (
    cd "$1"
    tar -xf "$INPUT"
    cd project
    # Edit: sed writes a new file and renames it over the old one.
    grep -rlI vexfs . | sort | sed -n 1,8p >"$STATE/edited"
    xargs sed -i 's/vexfs/VEXFS/g' <"$STATE/edited"
    mv LICENSE COPYING
    mv docs manual
    mkdir -p notes/today
    echo "- a line" >notes/today/list
    echo "- another line" >>notes/today/list
    chmod 0600 notes/today/list
    chown 1000:1000 notes/today/list
    ln notes/today/list notes/same-list
    ln -s today/list notes/newest
    truncate -s 6 notes/today/list
    mkdir mnt
    mount -t tmpfs demo mnt
    echo "not on this file system" >mnt/file
    umount mnt
    rmdir mnt
    sync notes/today/list
    sync --data notes/today/list
    sync --file-system .
    grep -rc 'SPDX-License-Identifier' . >"$STATE/counts"
    # What is there now, by content, name and mode, to compare the two trees.
    find . -type f -exec sha256sum {} + | sort >"$STATE/content"
    find . -printf '%P %y %m %U:%G %l\n' | sort >>"$STATE/content"
    cd ..
    rm -r project
)

# The end of the stream as it is now, everything that has happened being in the journal.
cursor() { ctl --json sync | sed 's/.*"cursor":"\([^"]*\)".*/\1/'; }

# show_some LINES EACH LAST: of the events on standard input the first EACH of each operation, as
# they come, at most LINES. Ends with the deletion of the directory LAST.
show_some() {
    local line operation last="DirDelete .* $3 " shown=0 more=0
    local -A seen=()
    while IFS= read -r line; do
        read -r _ operation _ <<<"$line"
        if ((shown < $1 && (seen[$operation] += 1) <= $2)); then
            shown=$((shown + 1))
            ((${#line} <= COLUMNS_MAX)) || line=${line:0:COLUMNS_MAX-38}...${line: -35}
            printf '%s\n' "$line"
        else
            more=$((more + 1))
        fi
        [[ ! "$line " =~ $last ]] || break
    done
    echo "... and $more more events"
}

# run_and_show DIR LINES EACH: the workload in DIR, and beside it the events as they come.
run_and_show() {
    local dir=$1 lines=$2 each=$3 cursor show
    cursor=$(cursor)
    show_some "$lines" "$each" "$dir/project" \
        < <(ctl tail --since "$cursor" --follow 2>"$STATE/tail-errors") &
    show=$!
    workload "$dir"
    ctl sync >/dev/null
    wait "$show"
}

show_kernel_side() {
    heading "debugfs: vexfs/stats (end), vexfs/channels, vexfs/watches"
    sed -n '/tickets/,$p' /sys/kernel/debug/vexfs/stats | fold -s -w "$COLUMNS_MAX"
    echo
    align </sys/kernel/debug/vexfs/channels
    echo
    align </sys/kernel/debug/vexfs/watches
}

stop_daemon() {
    heading "the end: SIGTERM, unload, kernel log"
    kill -TERM "$daemon"
    tail --pid="$daemon" -f /dev/null
    daemon=''
    ! mountpoint -q "$MOUNT" || { echo "still mounted: $MOUNT" && return 1; }
    rmmod vexfs
    dmesg | grep 'vexfs:' | fit
}

trap clean_up EXIT
mkdir -p "$TREE" "$BACKING" "$MOUNT" "$STATE"
heading "VexFS on $(uname -sr): the module is loaded"
dmesg | grep 'vexfs: loaded' | fit

heading "vexfsd watches $TREE, and shows $BACKING at $MOUNT"
echo "vexfsd --watch $TREE --source $BACKING $MOUNT --ops all"
vexfsd --watch "$TREE" --source "$BACKING" "$MOUNT" --ops all --journal "$STATE/journal" \
    --socket "$SOCKET"
daemon=$(ctl --json status | sed 's/.*"pid":\([0-9]*\).*/\1/')
ctl watch list | fit
start=$(cursor)

heading "a real workload in the watched directory; events as they come, the first of each kind"
run_and_show "$TREE" 27 2
mv "$STATE/content" "$STATE/content-tree"
heading "the same workload through the FUSE mount"
run_and_show "$MOUNT" 18 1

heading "what crossed the boundary"
ctl sync >/dev/null
ctl --json stats >"$STATE/stats.json"
ctl --json status >"$STATE/status.json"
ctl --json ops >"$STATE/ops.json"
ctl --json tail --since "$start" >"$STATE/journal.json"
status=0
"$HERE/demo_summary" "$STATE" || status=1
if diff "$STATE/content-tree" "$STATE/content" >"$STATE/differences"; then
    echo "both trees were the same before they were deleted ($(wc -l <"$STATE/content") lines)"
else
    echo "FAILED: the trees differ:"
    head -n 20 "$STATE/differences"
    status=1
fi
show_kernel_side
stop_daemon || status=1
heading "$([[ $status == 0 ]] && echo "demo: all as it must be" || echo "demo: FAILED, see above")"
exit "$status"
