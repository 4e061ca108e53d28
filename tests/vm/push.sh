#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The push ring: results, re-emission, a ring that lies; injection into a FUSE mount, also while
# that is unmounted.
# kernels: all
set -uo pipefail

failed=0
kmod_push || failed=1

mkdir -p /tmp/source /tmp/mount
mount_it() {
    vexfsd --source /tmp/source --journal "/run/push$1" --socket /run/push.sock /tmp/mount ||
        exit 1
}
unmount_it() {
    local daemon
    daemon=$(pgrep -x vexfsd)
    kill -TERM "$daemon"
    tail --pid="$daemon" -f /dev/null
}

mount_it 0
kmod_push inject /tmp/mount || failed=1
unmount_it

# A file system that goes while events are injected: the kernel's log tells whether that went well.
mount_it 1
kmod_push inject-always /tmp/mount &
injecting=$!
for ((i = 2; i < 22; i++)); do
    unmount_it
    mount_it "$i"
done
kill "$injecting"
wait "$injecting"
unmount_it
echo "ok a mount can go while events are injected into it"
exit "$failed"
