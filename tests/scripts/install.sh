#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What README.md says about building and installing works: the module with the kernel's own make,
# the programs and the library with CMake, and a program that uses the library.
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"

build_module() {
    local folder=$WORK/source headers
    mkdir "$folder" && cp -r "$ROOT/Kbuild" "$ROOT/kmod" "$ROOT/shared" "$folder" || return 1
    "$ROOT/scripts/kmod" >/dev/null || return 1 # for the headers of a kernel
    # shellcheck disable=SC1091
    headers=$(source "${VEXFS_CACHE:-$HOME/.cache/vexfs}/kernels/6.1/env" && echo "$KERNEL_BUILD")
    make -C "$headers" M="$folder" && [[ -s $folder/vexfs.ko ]]
}

is_installed() {
    local file
    for file in sbin/vexfsd bin/vexctl include/vexfs/reader.hpp include/vexfs/vexfs.h \
        include/vexfs/abi/event.h; do
        [[ -s $WORK/root/usr/local/$file ]] || { echo "$file is missing" && return 1; }
    done
}

use_library() {
    local prefix=$WORK/root/usr/local flags
    cat >"$WORK/user.cpp" <<'USER'
#include <vexfs/client.hpp>
#include <vexfs/reader.hpp>
int main() { return vexfs::Reader::open("/nowhere/at/all").status().code() == ENOENT ? 0 : 1; }
USER
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name vexfs.pc)")
    export PKG_CONFIG_PATH
    flags=$(pkg-config --define-variable=prefix="$prefix" --cflags --libs vexfs) || return 1
    # shellcheck disable=SC2086  # a list of flags
    g++ -std=c++20 -o "$WORK/user" "$WORK/user.cpp" $flags && "$WORK/user"
}

use_library_from_c() {
    local prefix=$WORK/root/usr/local flags
    cat >"$WORK/user.c" <<'USER'
#include <errno.h>
#include <vexfs/vexfs.h>
int main(void)
{
	vexfs_reader *reader;
	return vexfs_reader_open("/nowhere/at/all", &reader) == -ENOENT ? 0 : 1;
}
USER
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name vexfs.pc)")
    export PKG_CONFIG_PATH
    flags=$(pkg-config --define-variable=prefix="$prefix" --cflags --libs vexfs) || return 1
    # shellcheck disable=SC2086  # a list of flags
    gcc -std=c11 -Wall -Wextra -Werror -o "$WORK/user_c" "$WORK/user.c" $flags && "$WORK/user_c"
}

version_of() { modinfo -F version "$WORK/source/vexfs.ko"; }
same_version() { [[ $(version_of) == "$("$BUILD/vexctl" --version | cut -d ' ' -f 2)" ]]; }

is_found_by_modprobe() (
    # shellcheck source=../../scripts/lib/common.sh
    source "$ROOT/scripts/lib/common.sh"
    # shellcheck source=../../scripts/lib/kmod.sh
    source "$ROOT/scripts/lib/kmod.sh"
    # shellcheck disable=SC2034  # for install_module
    MODULE=$WORK/source/vexfs.ko KERNEL_VERSION=$(uname -r)
    install_module "$WORK/modules" &&
        modprobe -d "$WORK/modules" --show-depends vexfs | grep "^insmod $WORK/modules/"
)

check "the module builds with the kernel's own make in the source folder" build_module
check "module and programs have one version" same_version
check "scripts/kmod --install puts the module where modprobe finds it" is_found_by_modprobe
check "cmake --install" env DESTDIR="$WORK/root" cmake --install "$BUILD" --prefix /usr/local
check "it installs programs, library and headers" is_installed
check "a program can use the installed library" use_library
check "a program in C can use the installed library" use_library_from_c
exit "$FAILED"
