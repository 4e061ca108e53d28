# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Building the programs with CMake in $VEXFS_BUILD.

# build_programs TARGET...: configures and builds (no TARGET: everything). What CMake and the
# compiler say is shown only when they fail. A folder that was configured otherwise stays so, but
# for the tests, which are needed.
build_programs() {
    local flags=(-DVEXFS_TESTS=ON)
    ! command -v ccache >/dev/null ||
        flags+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    [[ -e $VEXFS_BUILD/CMakeCache.txt ]] || flags+=(-G Ninja)
    say "building ${*:-everything} in $VEXFS_BUILD"
    with_lock "build-$(hash_of "$VEXFS_BUILD")" run_build configure "${flags[@]}" -- "$@"
}

# update_programs TARGET...: the same in a folder that is configured, without a word when nothing
# has to be done, and in a fraction of a second.
update_programs() {
    if [[ ! -e $VEXFS_BUILD/CMakeCache.txt ]]; then
        build_programs "$@"
    else
        with_lock "build-$(hash_of "$VEXFS_BUILD")" run_build -- "$@"
    fi
}

# run_build [configure FLAG...] -- [TARGET...]
run_build() {
    local flags=() log=$VEXFS_BUILD/build-${PROGRAM}.log
    while [[ $1 != -- ]]; do
        flags+=("$1")
        shift
    done
    shift
    mkdir -p "$VEXFS_BUILD"
    {
        [[ ${#flags[@]} == 0 ]] || cmake -S "$VEXFS_ROOT" -B "$VEXFS_BUILD" "${flags[@]:1}"
    } >"$log" 2>&1 &&
        cmake --build "$VEXFS_BUILD" ${1:+--target "$@"} >>"$log" 2>&1 || {
        tail -n 60 "$log" >&2
        die "the build failed (messages above)"
    }
}
