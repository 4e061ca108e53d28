# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The demo on the machine itself. Nothing of it stays, however it ends: Ctrl-C too ends the daemon,
# unmounts, unloads the module and removes the folder.

NATIVE_FOLDER=''

# run_native: loads $MODULE, runs the demo, and cleans up. Its status is the demo's.
run_native() {
    local status=0
    [[ ! -d /sys/module/vexfs ]] || die "the module is loaded already; unload it: rmmod vexfs"
    trap clean_native EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    NATIVE_FOLDER=$(mktemp -d /var/tmp/vexfs-demo.XXXXXX)
    insmod "$MODULE" ||
        die "this machine cannot load modules: run without --native, in a virtual machine"
    mkdir "$NATIVE_FOLDER/data" "$NATIVE_FOLDER/state"
    VEXFS_DEMO_DATA=$NATIVE_FOLDER/data VEXFS_DEMO_STATE=$NATIVE_FOLDER/state \
        PATH=$VEXFS_BUILD:$PATH "$VEXFS_ROOT/scripts/guest/demo.sh" || status=$?
    clean_native || status=1
    trap - EXIT INT TERM HUP
    return "$status"
}

# False when something could not be undone; that is said.
clean_native() {
    local target status=0
    trap '' INT TERM HUP
    end_native_daemon
    while read -r target; do
        umount -l "$target" || status=1
    done < <(findmnt -rn -o TARGET | grep -F "$NATIVE_FOLDER/" | sort -r)
    [[ ! -d /sys/module/vexfs ]] || rmmod vexfs || status=1
    rm -rf --one-file-system "$NATIVE_FOLDER" || status=1
    return "$status"
}

# The daemon's lock file has its process; that of one that has ended may be another's by now.
end_native_daemon() {
    local pid lock=$NATIVE_FOLDER/state/vexfsd.sock.lock
    [[ -s $lock ]] && pid=$(head -n 1 "$lock") || return 0
    grep -qsF "$NATIVE_FOLDER/" "/proc/$pid/cmdline" || return 0
    kill "$pid" && tail --pid="$pid" -f /dev/null
}
