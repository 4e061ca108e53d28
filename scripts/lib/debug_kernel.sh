# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used by those who source it
# SPDX-License-Identifier: Apache-2.0
# Kernels with the checkers that a release kernel has no time for (KASAN, lockdep, kmemleak, UBSAN,
# sleeping where one may not), built from Debian's own sources with scripts/kernel/debug.config. One
# build is kept for each state of that file. A build that was interrupted goes on where it was.

# The Debian suite and the package that has the source.
declare -A DEBUG_SOURCES=([6.1-debug]="bookworm linux-source-6.1")
DEBUG_CONFIG=$VEXFS_ROOT/scripts/kernel/debug.config

debug_kernel_folder() { echo "$VEXFS_CACHE/kernels/$1-$(hash_of "$(<"$DEBUG_CONFIG")")"; }

# load_debug_kernel NAME: a row of DEBUG_SOURCES; sets the variables that load_kernel sets.
load_debug_kernel() {
    local name=$1 folder
    folder=$(debug_kernel_folder "$name")
    if [[ ! -e $folder/done ]]; then
        install_packages kmod debug build
        with_lock "kernel-$name" make_debug_kernel "$name" "$folder"
    fi
    load_kernel_folder "$folder/source"
    KERNEL_NAME=$name
}

# debug_kernel_source NAME: the folder with its source; nothing when it was never built.
debug_kernel_source() {
    local folder
    folder=$(debug_kernel_folder "$1")
    [[ ! -e $folder/done ]] || echo "$folder/source"
}

make_debug_kernel() {
    local name=$1 folder=$2 suite package log=$2/build.log
    [[ ! -e $folder/done ]] || return 0
    read -r suite package <<<"${DEBUG_SOURCES[$name]}"
    [[ -e $folder/source/Makefile ]] || fetch_source "$suite" "$package" "$folder"
    configure_debug_kernel "$folder/source"
    say "building kernel $name, once; 10 to 20 minutes on two cores, see $log"
    make -C "$folder/source" -j"$(nproc)" CC="ccache gcc" bzImage modules >"$log" 2>&1 </dev/null ||
        { tail -n 40 "$log" >&2 && die "kernel $name does not build (messages above)"; }
    touch "$folder/done"
    say "kernel $name is ready"
}

fetch_source() {
    local suite=$1 package=$2 folder=$3 part=$3.part
    say "fetching $package from Debian's $suite into $folder"
    rm -rf "$part" "$folder"
    open_suite "$suite" "$part" || die "no package lists for $suite; is the network up?"
    unpack_packages "$part" "$package" || die "could not download $package"
    close_suite "$part"
    mkdir "$part/source"
    tar -x -C "$part/source" --strip-components=1 -f "$part/root/usr/src/$package.tar.xz"
    rm -rf "$part/root"
    mv "$part" "$folder"
}

# Kconfig drops in silence what it cannot have: every line is looked for afterwards.
configure_debug_kernel() {
    local source=$1 missing
    (cd "$source" && make -s tinyconfig &&
        scripts/kconfig/merge_config.sh -m .config "$DEBUG_CONFIG" &&
        make -s olddefconfig) >"$source/../configure.log" 2>&1 </dev/null ||
        { tail -n 20 "$source/../configure.log" >&2 && die "cannot configure the kernel"; }
    missing=$(grep '^CONFIG_' "$DEBUG_CONFIG" | grep -vxFf "$source/.config" || true)
    [[ -z $missing ]] || die "the kernel cannot have what $DEBUG_CONFIG wants:"$'\n'"$missing"
}
