#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What VexFS says, against two listeners that nobody here wrote: the kernel's own fanotify and
# inotify, in the same boot, over a random workload of several processes. Compared event by event;
# and the tree of the events is what find prints. On each file system that this kernel has.
# vm: --mem 4096 --timeout 1200
# long: --mem 6144 --timeout 12000
# pieces: 6 VEXFS_OPERATIONS=1000000
# kernels: all
# elsewhere: VEXFS_OPERATIONS=3000
#
# 10,000 operations on each unless $VEXFS_OPERATIONS says otherwise; the long form has 1,000,000, a
# piece for each file system. The seed is random and printed; VEXFS_SEED=N repeats it.
# VEXFS_FILE_SYSTEMS: only these.
set -uo pipefail

operations=${VEXFS_OPERATIONS:-10000}
processes=${VEXFS_PROCESSES:-4}
seed=${VEXFS_SEED:-$((SRANDOM % 1000000))}
read -ra file_systems <<<"${VEXFS_FILE_SYSTEMS:-tmpfs ext4 overlay btrfs xfs fuse}"
[[ -z ${VEXFS_PIECE:-} ]] || file_systems=("${file_systems[VEXFS_PIECE - 1]}")
failed=0
at=/run/oracle

# Each call is a thread; each directory has its watch.
echo 4194304 >/proc/sys/kernel/pid_max
echo 16777216 >/proc/sys/fs/inotify/max_queued_events
echo 4194304 >/proc/sys/fs/inotify/max_user_watches

# mount_file FILE-SYSTEM MKFS...: on a file of its own.
mount_file() {
    local image=/scratch/$1.image
    truncate -s 2G "$image"
    "${@:2}" "$image" >/dev/null || return 1
    mount -t "$1" -o loop "$image" "$at/$1"
}

mount_tmpfs() { mount -t tmpfs oracle "$at/tmpfs"; }
mount_ext4() { mount --bind /scratch "$at/ext4"; }
# With file handles, which fanotify reports; without lower files.
mount_overlay() {
    mkdir -p /scratch/overlay/{lower,upper,work}
    mount -t overlay -o lowerdir=/scratch/overlay/lower,upperdir=/scratch/overlay/upper \
        -o workdir=/scratch/overlay/work,index=on,nfs_export=on,redirect_dir=on \
        overlay "$at/overlay"
}
mount_btrfs() { mount_file btrfs mkfs.btrfs -q; }
mount_xfs() { mount_file xfs mkfs.xfs -q; }
mount_fuse() {
    mkdir -p /scratch/behind
    vexfsd --source /scratch/behind "$at/fuse" --journal "$at/journal" --socket "$at/socket" \
        --log-file "$at/log"
}

# missing FILE-SYSTEM: why it cannot be had here; nothing when it can.
missing() {
    local program=mkfs.$1
    case $1 in
    btrfs | xfs)
        command -v "$program" >/dev/null || echo "no $program"
        modprobe loop 2>/dev/null || [[ -e /sys/module/loop ]] || echo "no loop devices"
        ;;&
    btrfs | xfs | overlay | fuse)
        modprobe "$1" 2>/dev/null || grep -qw "$1" /proc/filesystems ||
            echo "this kernel does not have it"
        ;;
    esac
}

# round FILE-SYSTEM
round() {
    local started why
    why=$(missing "$1")
    if [[ -n $why ]]; then
        echo "skipped: $1: ${why//$'\n'/; }"
        return 0
    fi
    mkdir -p "$at/$1"
    "mount_$1" || {
        echo "not ok mount $1"
        return 1
    }
    echo "    $1: $operations operations by $processes processes, VEXFS_SEED=$seed"
    started=$SECONDS
    judge "$1" "$at/$1" "$at/$1/oracle" "$processes" "$operations" "$seed"
    [[ $1 == fuse ]] || programs "$1"
    echo "    $1: $((SECONDS - started)) s"
    umount "$at/$1"
}

# judge FILE-SYSTEM ARGUMENT...: vx_oracle, with the file system's name in its results.
judge() {
    vx_oracle "${@:2}" | sed "s/^ok/ok $1:/; s/^not ok/not ok $1:/; s/^skipped:/skipped: $1:/"
    [[ ${PIPESTATUS[0]} == 0 ]] || failed=1
}

# programs FILE-SYSTEM: programs that know nothing of this. Without aio (which the kernel does not
# tell of) and without times (which are no operation of VexFS, but told as reads and writes).
programs() {
    local stressor stress=() directory=$at/$1/programs
    for stressor in chmod chown dentry dir link open rename symlink; do
        stress+=(--"$stressor" 1)
    done
    if [[ $1 == overlay ]]; then
        echo "skipped: overlay: stress-ng: it uses names again, and fanotify does not say whose" \
            "was deleted"
    else
        echo "    $1: stress-ng, seed $seed"
        judge "$1" --run "$at/$1" "$directory-stress" stress-ng --quiet --seed "$seed" \
            --timeout 3 --temp-path "$directory-stress" --dentries 50 "${stress[@]}"
    fi
    echo "    $1: fio"
    judge "$1" --run "$at/$1" "$directory-fio" fio --output=/dev/null --name=oracle \
        --directory="$directory-fio" --ioengine=psync --rw=randrw --bs=4k --size=4m --nrfiles=16 \
        --numjobs=2 --fsync=8 --randseed="$seed"
}

for file_system in "${file_systems[@]}"; do
    round "$file_system" || failed=1
done
exit "$failed"
