# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A Debian system of another release, unpacked into the cache: the modules of its kernels are built
# in it, because their headers carry programs that need its C library, and want its compiler.

declare -A ROOT_PACKAGES=([trixie]=gcc-14,make,dwarves,libelf1t64,libssl3t64)

# prepare_root SUITE: makes it unless it is there; sets ROOT to its folder.
prepare_root() {
    local suite=$1 why
    ROOT=$VEXFS_CACHE/roots/$suite
    why=$(why_no_root)
    [[ -z $why ]] || die "kernel $KERNEL_VERSION: $why"
    [[ ! -e $ROOT/done ]] || return 0
    install_packages root
    with_lock "root-$suite" make_root "$suite" "$ROOT"
}

# why_no_root: what this machine lacks for it; nothing if nothing.
why_no_root() {
    if [[ $(id -u) != 0 ]]; then
        echo "needs root: its module is built in a Debian system of a later release"
    elif ! in_namespace mount --bind / / 2>/dev/null; then
        echo "its module is built in a Debian system of a later release, and nothing can be" \
            "mounted for that here (a container without the right to?)"
    fi
}

# in_root FOLDER COMMAND...: runs COMMAND in the system in FOLDER. The cache is at its own path.
in_root() {
    local root=$1
    shift
    in_namespace "$VEXFS_ROOT/scripts/lib/enter_root" "$root" "$VEXFS_CACHE" "$@"
}

# What COMMAND mounts is gone with it, however it ends.
in_namespace() { unshare --mount "$@"; }

# make_root SUITE FOLDER: FOLDER/done is there when it is complete; FOLDER.part is one that is not.
make_root() {
    local suite=$1 folder=$2 log=$2.log
    [[ ! -e $folder/done ]] || return 0
    say "making a Debian $suite system to build modules in (350 MB; one minute): $folder"
    rm -rf "$folder" "$folder.part"
    mkdir -p "$folder.part"
    in_namespace debootstrap --variant=minbase --keyring="$KEYRING" \
        --include="${ROOT_PACKAGES[$suite]}" "$suite" "$folder.part" "$(debian_mirror)" \
        >"$log" 2>&1 </dev/null || {
        tail -n 8 "$log" "$folder.part/debootstrap/debootstrap.log" >&2 2>/dev/null || true
        rm -rf "$folder.part"
        die "no Debian $suite system can be made here (messages above); is the network up?"
    }
    rm -rf "$folder.part"/var/{cache/apt,lib/apt/lists}
    touch "$folder.part/done"
    mv "$folder.part" "$folder"
}
