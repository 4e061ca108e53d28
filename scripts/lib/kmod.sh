# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used by those who source it
# SPDX-License-Identifier: Apache-2.0
# Building vexfs.ko in a copy of the sources, because a kernel's build puts its objects beside them.

# shellcheck source=root.sh
source "$VEXFS_ROOT/scripts/lib/root.sh"

# build_module [MAKE-ARGUMENT...]: for the loaded kernel; sets MODULE to the path of vexfs.ko.
# What make says goes to standard error.
build_module() {
    local copy ROOT=''
    # shellcheck disable=SC2086  # a list of groups
    install_packages kmod ${KERNEL_NEEDS[$KERNEL_NAME]:-}
    [[ -e $VEXFS_ROOT/kmod/main.c ]] || die "there is no kmod/main.c to build the module from"
    [[ -d $KERNEL_BUILD ]] || die "no headers for kernel $KERNEL_VERSION: $KERNEL_BUILD is missing"
    [[ ! -v KERNEL_ROOTS[$KERNEL_NAME] ]] || prepare_root "${KERNEL_ROOTS[$KERNEL_NAME]}"
    copy=$VEXFS_CACHE/kmod/$KERNEL_NAME-$KERNEL_VERSION-$(hash_of "$VEXFS_ROOT")
    with_lock "kmod-${copy##*/}" make_module "$copy" "$@"
    MODULE=$copy/vexfs.ko
}

# Runs make in the folder ROOT, if there is one.
make_module() {
    local copy=$1
    shift
    mkdir -p "$copy"
    # What is excluded stays in the copy in spite of --delete: objects and the like, so that only
    # what changed is built again, and folders named "generated", where trial compiles may write.
    rsync -a --delete --exclude='*.[oad]' --exclude='*.ko' --exclude='*.mod' --exclude='*.mod.c' \
        --exclude='.*' --exclude=generated/ --include=/Kbuild --include='/kmod/***' \
        --include='/shared/***' --exclude='*' "$VEXFS_ROOT/" "$copy/"
    local ccache=() where=(in_root "$ROOT")
    [[ -n $ROOT ]] || where=()
    [[ -n $ROOT ]] || ! command -v ccache >/dev/null || ccache=(DEBIAN_KERNEL_USE_CCACHE=1)
    "${where[@]}" make -C "$KERNEL_BUILD" M="$copy" -j"$(nproc)" --no-print-directory \
        "${ccache[@]}" "$@" modules >&2 ||
        die "the module does not build for kernel $KERNEL_VERSION (messages above)"
}

# The kernel that runs here, with its headers, in place of load_kernel.
load_native_kernel() {
    KERNEL_NAME=native KERNEL_VERSION=$(uname -r) KERNEL_BUILD=/lib/modules/$(uname -r)/build
    declare -gA KERNEL_NEEDS=() KERNEL_ROOTS=()
    [[ ! -d $KERNEL_BUILD ]] || return 0
    say "installing: linux-headers-$KERNEL_VERSION"
    apt_quiet install "linux-headers-$KERNEL_VERSION" ||
        die "there are no headers for this kernel ($KERNEL_VERSION)"
}

# install_module FOLDER: $MODULE goes where modprobe looks; FOLDER is in front of /lib/modules.
install_module() {
    install -D -m 0644 "$MODULE" "$1/lib/modules/$KERNEL_VERSION/extra/vexfs.ko"
    depmod -b "${1:-/}" "$KERNEL_VERSION"
}
