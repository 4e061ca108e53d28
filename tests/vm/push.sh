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
    pkill -TERM -x vexfsd
    pidwait -x vexfsd  # at once, where tail --pid looks once a second; false when it has ended
}

mount_it 0
kmod_push inject /tmp/mount || failed=1

# Operations of a program's own: for a version that is current, and for one that is not.
push() { vexctl --socket /run/push.sock push "$@"; }
seq_of() { # seq_of OP PATH: the number of the last such event
    vexctl --socket /run/push.sock tail --json --filter "op=$1 and path=$2" | tail -n 1 |
        sed -E 's/^\{"seq":([0-9]+).*/\1/'
}
check() { # check WHAT COMMAND...
    if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; failed=1; fi
}
echo text >/tmp/mount/pushed
vexctl --socket /run/push.sock sync >/dev/null
version=$(seq_of FileWrite /tmp/mount/pushed)
answers() { # answers DECISION PUSH-ARGUMENT...
    [[ $(push "$version" --ops GraphNodeUpdate --expect "$version" --json "${@:2}") == \
        *"\"decision\":\"$1\""* ]]
}
check "a push for the version that is there is current" answers current
echo more >>/tmp/mount/pushed
check "one for an older version is rejected" answers rejected
fails() { ! push "$version" --ops GraphNodeUpdate --expect "$version" >&2; }
check "with exit status 1" fails
check "or pushed, by strategy" answers last_writer --strategy last-writer-wins
check "the stream says so" [ "$(seq_of GraphNodeUpdate /tmp/mount/pushed)" -gt "$version" ]
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
