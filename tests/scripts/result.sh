# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used by those who source it
# SPDX-License-Identifier: Apache-2.0
# What the suites of this folder share: results in the form that scripts/test counts.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=${VEXFS_BUILD:-$ROOT/build}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/vexfs-scripts.XXXXXX")
FAILED=0
trap 'rm -rf "$WORK"' EXIT

# check WHAT COMMAND...: "ok WHAT" when the command succeeds, else its output is shown too.
check() {
    local what=$1
    shift
    if "$@" >"$WORK/output" 2>&1; then
        echo "ok $what"
    else
        echo "not ok $what"
        cat "$WORK/output"
        FAILED=1
    fi
}

# ends_with STATUS PATTERN COMMAND...: the command's exit status, and what its output has.
ends_with() {
    local wanted=$1 pattern=$2 status=0
    shift 2
    "$@" >"$WORK/said" 2>&1 </dev/null || status=$?
    cat "$WORK/said"
    [[ $status == "$wanted" ]] || { echo "status $status, not $wanted" && return 1; }
    grep -qe "$pattern" "$WORK/said" || { echo "nothing like '$pattern'" && return 1; }
}

# lacks PATTERN COMMAND...: the command succeeds, and nothing in its output is like that.
lacks() {
    local pattern=$1
    shift
    "$@" >"$WORK/said" 2>&1 </dev/null || return 1
    ! grep -e "$pattern" "$WORK/said"
}
