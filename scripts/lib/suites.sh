# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The suites that scripts/test knows, how one is run, and how its output is counted.
#
# A suite's program says what it did in lines of its output, each of which is counted:
#   ok WHAT / not ok WHAT      a test that passed or failed
#   skipped: WHAT: WHY         a test that could not be run here
# or as Catch2 does, by its closing summary. If it says nothing it is one test, judged by its exit
# status; status 77 then means skipped, with the last line as the reason. A status that is wrong
# although no test is reported as failed is a failure too.

# Kernels whose module could not be built, and the suite that tried.
declare -A UNBUILT=()

# list_suites: "NAME KIND FILE KERNEL PIECE", one a line. The host's suites need not be built yet.
# KIND "later" is a suite of the VM that runs on this kernel only with --long, or when it is named.
# PIECE is there where the long form takes several guests: vm/NAME.1, vm/NAME.2, ...
list_suites() {
    local file name
    echo "check script $VEXFS_ROOT/scripts/check"
    for file in "$VEXFS_ROOT"/tests/scripts/*.sh; do
        [[ -x $file ]] || continue
        name=${file##*/}
        echo "scripts/${name%.sh} script $file"
    done
    for name in $(host_folders); do
        echo "host/$name host $VEXFS_BUILD/tests/test_$name"
    done
    for name in "${KERNELS[@]}"; do
        echo "kmod/${name##*/} kmod $VEXFS_ROOT/scripts/kmod $name"
    done
    for name in "${KERNELS[@]}"; do
        list_vm_suites "$name"
    done
}

list_vm_suites() {
    local kernel=$1 file name kind pieces piece on=
    [[ $kernel == "$DEFAULT_KERNEL" ]] || on=@${kernel##*/}
    for file in "$VEXFS_ROOT"/tests/vm/*.sh; do
        [[ -x $file ]] || continue
        name=${file##*/}
        kind=vm
        [[ $kernel == "${KERNELS[0]}" || $LONG == 1 || $(header "$file" kernels) == all ]] ||
            kind=later
        name=vm/${name%.sh} pieces=''
        [[ $LONG == 0 ]] || read -r pieces _ <<<"$(header "$file" pieces)"
        [[ -n $pieces ]] || echo "$name$on $kind $file $kernel"
        for ((piece = 1; piece <= ${pieces:-0}; piece++)); do
            echo "$name.$piece$on $kind $file $kernel $piece"
        done
    done
}

# Those of the folders that tests/CMakeLists.txt makes a Catch2 program of which have sources.
host_folders() {
    local name
    for name in $(sed -n 's/^foreach(folder \(.*\))$/\1/p' "$VEXFS_ROOT/tests/CMakeLists.txt" |
        head -n 1); do
        [[ -z $(find "$VEXFS_ROOT/tests/$name" -name '*.c' -o -name '*.cpp' 2>/dev/null) ]] ||
            echo "$name"
    done
}

# need_matches PATTERN...: a pattern that no suite has is wrong usage, not a test less.
need_matches() {
    local pattern name found
    for pattern in "$@"; do
        found=0
        while read -r name _; do
            ! is_wanted "$name" "$pattern" || found=1
        done < <(list_suites)
        [[ $found == 1 ]] || usage_error "no suite '$pattern': --list has their names"
    done
}

# is_wanted NAME PATTERN...: NAME is one of the patterns, a piece of it, or in the folder that one
# names. After --kernel a name need not say the kernel.
is_wanted() {
    local name=$1 whole pattern
    shift
    [[ $# -gt 0 ]] || return 0
    [[ $ONE_KERNEL == 0 || " $* " == *@* ]] || name=${name%@*}
    whole=$(whole_of "$name")
    for pattern in "$@"; do
        # shellcheck disable=SC2053  # a pattern
        [[ $name != $pattern && ${name#*/} != $pattern && $name != "$pattern"/* &&
            $whole != $pattern && ${whole#*/} != $pattern ]] || return 0
    done
    return 1
}

# is_named NAME WORD...: one of the words is NAME, in full or its last part, and no pattern.
is_named() {
    local name=$1
    shift
    [[ " $* " == *" $name "* || " $* " == *" ${name#*/} "* ]]
}

# whole_of NAME: without the number of its piece.
whole_of() { sed -E 's/\.[0-9]+(@|$)/\1/' <<<"$1"; }

# header FILE KEY: what follows "# KEY:" in the head of a VM suite.
#   # vm: FLAGS         flags for scripts/vm
#   # long: FLAGS       more of them for the long form
#   # kernels: all      what it shows depends on the kernel: it runs on each in every run
#   # elsewhere: NAME=V  variables for the short form on the kernels after the first
#   # pieces: N NAME=V   the long form takes N guests, each with these variables and its number as
#                        VEXFS_PIECE; what the emulator makes of one is not the end of them all
#   # expect: STATUS    the exit status that scripts/vm must end with (default 0)
header() { sed -n "1,20s/^# $2: *//p" "$1" | head -n 1; }

# What scripts/vm ends with when the emulator failed.
EMULATOR_FAILED=98

# run_suite KIND FILE KERNEL [PIECE]: runs it; its status is 0 as expected, 77 skipped,
# EMULATOR_FAILED when nothing is known of it, else failed.
run_suite() {
    local kind=$1 file=$2 kernel=$3 piece=${4:-} status=0 expected flags variables
    case $kind in
    script) "$file" || status=$? ;;
    host) timeout --foreground --kill-after=10 "$HOST_TIMEOUT_S" "$file" || status=$? ;;
    kmod) build_for "$kernel" || status=$? ;;
    vm)
        [[ ! -v UNBUILT[$kernel] ]] || {
            echo "there is no module for this kernel, see ${UNBUILT[$kernel]}"
            return 77
        }
        read -ra flags <<<"$(header "$file" vm) $([[ $LONG == 0 ]] || header "$file" long)"
        read -ra variables <<<"$(variables_for "$file" "$kernel" "$piece")"
        expected=$(header "$file" expect)
        env "${variables[@]}" "$VEXFS_ROOT/scripts/vm" --no-build --kernel "$kernel" "${flags[@]}" \
            -- "$file" || status=$?
        [[ $status != "$EMULATOR_FAILED" ]] || return "$status"
        [[ ${expected:-0} != 0 ]] || return "$status"
        [[ $status != "$expected" ]] || return 0
        echo "not ok scripts/vm ended with $status, must end with $expected"
        return 1
        ;;
    esac
    # Catch2 exits with the number of failures, so 77 does not mean "skipped" there.
    [[ $kind != host || $status != 77 ]] || status=1
    return "$status"
}

# variables_for FILE KERNEL PIECE: NAME=V of the form in which it runs, but what the caller has set.
variables_for() {
    local file=$1 kernel=$2 piece=$3 words='' word
    if [[ -n $piece ]]; then
        read -r _ words <<<"$(header "$file" pieces)"
        words+=" VEXFS_PIECE=$piece"
    elif [[ $LONG == 0 && $kernel != "${KERNELS[0]}" ]]; then
        words=$(header "$file" elsewhere)
    fi
    for word in $words; do
        [[ -v ${word%%=*} ]] || printf '%s ' "$word"
    done
}

# build_for KERNEL: fetches it if need be, and builds the module.
build_for() {
    local kernel=$1 why=''
    [[ ! -v KERNEL_ROOTS[$kernel] ]] || why=$(why_no_root)
    [[ -z $why ]] || { echo "$why" && return 77; }
    "$VEXFS_ROOT/scripts/kmod" --kernel "$kernel"
}

# skip_later NAME: counts a suite of that kind as skipped.
skip_later() {
    SKIPS+=("$1: on this kernel only with --long, or when it is named")
    SKIPPED=$((SKIPPED + 1))
}

# count_results STATUS LOG NAME: adds to PASSED, FAILED, SKIPPED and SKIPS.
count_results() {
    local status=$1 log=$2 name=$3 passed failed skipped
    passed=$(count_lines '^ok ' "$log")
    failed=$(count_lines '^not ok ' "$log")
    skipped=$(count_lines '^skipped: ' "$log")
    passed=$((passed + $(catch_count '([0-9]+) passed|in ([0-9]+) test case' "$log")))
    failed=$((failed + $(catch_count '([0-9]+) failed' "$log")))
    while read -r line; do
        SKIPS+=("$name: ${line#skipped: }")
    done < <(grep -a '^skipped: ' "$log")
    if [[ $status == 77 ]]; then
        [[ $skipped -gt 0 ]] || SKIPS+=("$name: $(tail -n 1 "$log")")
        [[ $skipped -gt 0 ]] || skipped=1
    elif [[ $status != 0 && $failed == 0 ]]; then
        failed=1
    elif [[ $status == 0 && $((passed + failed + skipped)) == 0 ]]; then
        passed=1
    fi
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
    [[ $failed == 0 ]]
}

count_lines() { grep -cae "$1" "$2" || true; }

# catch_count PATTERN LOG: the number in the test case summary that Catch2 ends with, or 0.
catch_count() {
    local line
    line=$(grep -aE '^(test cases:|All tests passed)' "$2" | tail -n 1 | sed 's/assertions:.*//')
    [[ $line =~ $1 ]] && echo "${BASH_REMATCH[1]:-${BASH_REMATCH[2]:-0}}" || echo 0
}
