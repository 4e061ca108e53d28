# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used by those who source it
# SPDX-License-Identifier: Apache-2.0
# Which QEMU to run. Emulation with a thread for each CPU needs 8.1 or later: earlier ones translate
# a page of code without holding it, so that a CPU can go on running the old instructions after
# another one has patched the kernel (a kprobe being set): the guest then jumps to 0 or spins on a
# breakpoint that is no more. They also leave wrong flags behind cmpxchg16b. Where the host has no
# such QEMU, Debian's backports' is unpacked into the cache.

QEMU_VERSION_NEEDED=8.1
QEMU_SUITE=bookworm-backports
QEMU_PACKAGES=(qemu-system-x86 qemu-system-data seabios)

# load_qemu: sets QEMU_PROGRAM (a command) and QEMU_EMULATION (arguments for an emulated CPU).
load_qemu() {
    local unpacked=$VEXFS_CACHE/qemu/root/usr
    QEMU_EMULATION=(-accel "tcg,thread=multi" -cpu max)
    QEMU_PROGRAM=(qemu-system-x86_64)
    ! qemu_is_new || return 0
    with_lock qemu unpack_qemu "$VEXFS_CACHE/qemu"
    QEMU_PROGRAM=("$unpacked/bin/qemu-system-x86_64" -L "$unpacked/share/qemu"
        -L "$unpacked/share/seabios")
    ! qemu_is_new || return 0
    QEMU_PROGRAM=(qemu-system-x86_64)
    QEMU_EMULATION=(-accel "tcg,thread=single" -cpu "max,cx16=off")
    say "no QEMU $QEMU_VERSION_NEEDED or later can be had (messages above): the guest's CPUs take" \
        "turns in one thread, many times slower"
}

qemu_is_new() {
    local version
    version=$("${QEMU_PROGRAM[@]}" --version 2>/dev/null | sed -n '1s/.*version //p') || return 1
    [[ -n $version ]] && dpkg --compare-versions "${version%% *}" ge "$QEMU_VERSION_NEEDED"
}

# What it needs to run is what the host's own QEMU needs. Leaves no folder when it fails, so that
# the next run tries again.
unpack_qemu() {
    local folder=$1 part=$1.part
    [[ ! -e $folder ]] || return 0
    say "fetching a later QEMU from Debian's $QEMU_SUITE into $folder"
    rm -rf "$part"
    if open_suite "$QEMU_SUITE" "$part" && unpack_packages "$part" "${QEMU_PACKAGES[@]}"; then
        close_suite "$part"
        mv "$part" "$folder"
    else
        rm -rf "$part"
    fi
}
