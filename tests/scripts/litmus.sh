#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The memory order that docs/ring.md states: each pattern of docs/litmus holds in every interleaving
# of its model, each of its twins without a barrier does not, and neither does the ring's protocol
# when it is broken. Where herd7 and the kernel's memory model are, it judges the litmus tests too:
# $VEXFS_LKMM, or tools/memory-model of a kernel source in the cache or in /usr/src.
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"
# shellcheck source=../../scripts/lib/common.sh
source "$ROOT/scripts/lib/common.sh"
# shellcheck source=../../scripts/lib/packages.sh
source "$ROOT/scripts/lib/packages.sh"

MODELS=$ROOT/docs/litmus
MEMORY_MB=1000

# search MODEL FLAG...: all states of a model, and what the verifier says about them.
search() {
    local model=$1 folder
    shift
    folder=$(mktemp -d "$WORK/spin.XXXXXX")
    cd "$folder" && spin -a "$@" "$MODELS/$model" &&
        gcc "-O${OPTIMISE:-0}" -DSAFETY -DCOLLAPSE -DMEMLIM="$MEMORY_MB" -o pan pan.c &&
        ./pan -m"${DEPTH:-100000}"
    cd "$ROOT" && rm -rf "$folder"
}

# found_nothing, found_error FILE: what a search has said. One that was cut short says nothing.
found_nothing() {
    cat "$1"
    grep -q 'errors: 0$' "$1" && ! grep -qE 'too small|not completed|out of memory' "$1"
}
found_error() {
    cat "$1"
    grep -qE '^pan:[0-9]+: (assertion violated|invalid end state)' "$1"
}

holds() { search "$@" >"$WORK/said" 2>&1 && found_nothing "$WORK/said"; }
fails() { search "$@" >"$WORK/said" 2>&1 && found_error "$WORK/said"; }

cut_short() { ! DEPTH=5 holds "$1"; }

# twins MODEL: "NAME KIND" a line. KIND: broken; hidden: broken, but not on x86.
twins() {
    sed -nE 's,^#define ([A-Z_]+) [0-9]+ +/\* broken: .*,\1 broken,p
        s|^#define ([A-Z_]+) [0-9]+ +/\* broken, not on x86: .*|\1 hidden|p' "$MODELS/$1"
}

check_pattern() {
    local model=$1 name=${1%.pml} twin kind
    check "$name: holds" holds "$model"
    check "$name: holds on x86" holds "$model" -DTSO
    while read -r twin kind; do
        check "$name: $twin is found" fails "$model" "-DBROKEN=$twin"
        case $kind in
        broken) check "$name: $twin is found on x86" fails "$model" -DTSO "-DBROKEN=$twin" ;;
        hidden) check "$name: x86 hides $twin" holds "$model" -DTSO "-DBROKEN=$twin" ;;
        esac
    done < <(twins "$model")
}

# One of these is enough for each way to break the ring.
breaks_the_ring() {
    fails ring.pml "-DBROKEN=$1" -DFIRST=1 -DFULL=0 ||
        fails ring.pml "-DBROKEN=$1" -DFIRST=1 -DFULL=1 ||
        fails ring.pml "-DBROKEN=$1" -DSECOND=0
}

# What a model says that it stands for is there: "stands for: PATH: FUNCTION(), ...".
stands_for_code() {
    local path names name bad=0
    while IFS=: read -r path names; do
        for name in ${names//[(),]/ }; do
            grep -qE "\b$name\(" "$ROOT/$path" || { echo "$1: no $name() in $path" && bad=1; }
        done
    done < <(sed -n 's/^ \* stands for: //p' "$MODELS/$1")
    return "$bad"
}

find_kernel_model() {
    local folder
    for folder in ${VEXFS_LKMM:-} "$VEXFS_CACHE"/kernels/*/source/tools/memory-model \
        /usr/src/linux*/tools/memory-model; do
        [[ ! -e $folder/linux-kernel.cfg ]] || { echo "$folder" && return; }
    done
}

# herd FILE RESULT: the kernel's memory model says Never or Sometimes about it.
herd() {
    (cd "$LKMM" && herd7 -conf linux-kernel.cfg "$1") 2>&1 | tee "$WORK/said"
    grep -q "^Observation [a-z]* $2 " "$WORK/said"
}

# twin_of FILE NAME: the test with the edits "broken NAME: FROM => TO" of its head.
twin_of() {
    local text from to
    text=$(sed '/^(\*/,/^ \*)/d' "$1")
    while IFS= read -r from; do
        to=${from#* =>} from=${from%% =>*}
        [[ $text == *"$from"* ]] || return 1
        text=${text/"$from"/${to# }}
    done < <(sed -n "s/^ \* broken $2: //p" "$1")
    printf '%s\n' "$text"
}

check_litmus() {
    local file=$1 name=${1##*/} twin
    check "$name: never" herd "$file" Never
    while read -r twin; do
        twin_of "$file" "$twin" >"$WORK/twin.litmus"
        check "$name: $twin: sometimes" herd "$WORK/twin.litmus" Sometimes
    done < <(sed -nE 's/^ \* broken ([A-Z_]+): .*/\1/p' "$file" | sort -u)
}

install_packages litmus
{
    export OPTIMISE=2
    search ring.pml -DFULL=0 >"$WORK/ring.0" 2>&1
    search ring.pml -DFULL=1 >"$WORK/ring.1" 2>&1
} &
ring=$!
check "a search that is cut short is noticed" cut_short record.pml
for file in "$MODELS"/*.pml; do
    model=${file##*/}
    check "$model stands for code that is there" stands_for_code "$model"
    case $model in
    memory*.pml | ring*.pml) ;;
    *) check_pattern "$model" ;;
    esac
done
export OPTIMISE=1
while read -r twin _; do
    check "ring: $twin is found" breaks_the_ring "$twin"
done < <(twins ring.pml)
wait "$ring"
check "ring: holds, class M being full" found_nothing "$WORK/ring.0"
check "ring: holds, class D being full" found_nothing "$WORK/ring.1"
grep -hE 'states, stored|elapsed time|total actual memory' "$WORK/ring.0" "$WORK/ring.1"

LKMM=$(find_kernel_model)
if ! command -v herd7 >/dev/null; then
    echo "skipped: the litmus tests in the kernel's memory model: no herd7 (no package of Debian's)"
elif [[ -z $LKMM ]]; then
    echo "skipped: the litmus tests in the kernel's memory model: no source of a kernel; VEXFS_LKMM"
else
    for file in "$MODELS"/*.litmus; do
        check_litmus "$file"
    done
fi
exit "$FAILED"
