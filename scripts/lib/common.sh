# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by every script: where things are, how to say something, how to take a lock.

VEXFS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
VEXFS_CACHE=${VEXFS_CACHE:-${HOME:-/root}/.cache/vexfs}
VEXFS_BUILD=${VEXFS_BUILD:-$VEXFS_ROOT/build}
PROGRAM=${0##*/}

say() { printf '%s: %s\n' "$PROGRAM" "$*" >&2; }

# die WHAT...: exit status 1, or what the script set DIE_STATUS to.
die() {
    say "$*"
    exit "${DIE_STATUS:-1}"
}

usage_error() {
    say "$* (see $PROGRAM --help)"
    exit 2
}

# The comment block that follows a script's first two lines is its help text.
print_help() { sed -e '1,2d' -e '/^[^#]/,$d' -e 's/^# \{0,1\}//' "$0"; }

# need_value FLAG COUNT: FLAG takes a value, and COUNT words (FLAG included) are left.
need_value() { [[ $2 -ge 2 ]] || usage_error "$1 needs a value"; }

need_number() {
    [[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "$1 needs a whole number above 0, not '$2'"
}

hash_of() { printf %s "$1" | sha256sum | cut -c 1-12; }

# with_lock NAME COMMAND...: one process at a time, machine-wide. The command runs in a subshell,
# so it hands results over in files. The lock goes when the command ends, however it ends.
with_lock() {
    local name=$1
    shift
    mkdir -p "$VEXFS_CACHE/locks"
    (
        flock -n 9 || { say "waiting for another run that holds '$name'"; flock 9; }
        "$@"
    ) 9>"$VEXFS_CACHE/locks/$name"
}
