#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The push ring: each entry has its own result, other channels receive what they asked for in order,
# and inotify on a FUSE mount sees what is injected there.
set -uo pipefail

failed=0
kmod_push || failed=1

source=/tmp/push-source mount=/tmp/push-mount
mkdir -p "$source" "$mount" /run/vx-push
if vexfsd --source "$source" "$mount" --no-kmod --journal /run/vx-push/journal \
    --socket /run/vx-push/socket --log-file /run/vx-push/log; then
    kmod_push inject "$mount" || failed=1
    pkill -x vexfsd
else
    echo "not ok a mount to inject into"
    failed=1
fi
exit "$failed"
