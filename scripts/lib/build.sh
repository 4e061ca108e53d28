# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Building the programs with CMake in $VEXFS_BUILD.

# build_programs TARGET...: configures and builds (no TARGET: everything). What CMake and the
# compiler say is shown only when they fail.
build_programs() {
    local flags=() targets=() log
    ! command -v ccache >/dev/null ||
        flags=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    [[ $# == 0 ]] || targets=(--target "$@")
    mkdir -p "$VEXFS_BUILD"
    log=$VEXFS_BUILD/build-${PROGRAM}.log
    say "building ${*:-everything} in $VEXFS_BUILD"
    cmake -S "$VEXFS_ROOT" -B "$VEXFS_BUILD" -G Ninja "${flags[@]}" >"$log" 2>&1 &&
        cmake --build "$VEXFS_BUILD" "${targets[@]}" >>"$log" 2>&1 || {
        tail -n 60 "$log" >&2
        die "the build failed (messages above)"
    }
}
