#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Wrong usage of the scripts is said and is exit status 2, before anything is built; and what
# scripts/test and scripts/vm understand of their arguments.
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"

# What would build says so instead, and fails.
mkdir "$WORK/bin" "$WORK/unbuilt" "$WORK/built"
printf '#!/bin/sh\necho "cmake $*"\nexit 1\n' >"$WORK/bin/cmake"
chmod +x "$WORK/bin/cmake"
touch "$WORK/built/CMakeCache.txt"
export PATH=$WORK/bin:$PATH VEXFS_BUILD=$WORK/unbuilt

TEST=$ROOT/scripts/test VM=$ROOT/scripts/vm
built=(env "VEXFS_BUILD=$WORK/built")

check "scripts/test: a suite that does not exist" ends_with 2 "no suite 'vm/coverge'" \
    "$TEST" vm/coverge
check "scripts/test: nor beside one that does" ends_with 2 "no suite 'hosst'" "$TEST" check hosst
check "scripts/test: nor a pattern" ends_with 2 "no suite 'vm/x" "$TEST" 'vm/x*'
check "scripts/test: nor a flag" ends_with 2 "unknown flag --lst" "$TEST" --lst
check "scripts/test: nor jobs without a number" ends_with 2 "--jobs needs a whole number" \
    "$TEST" --jobs many --list
for suite in check scripts/usage host/unit host/ring host/fuse vm/coverage; do
    check "scripts/test --list before a build: $suite" ends_with 0 "^$suite\$" "$TEST" --list
done
check "scripts/test --list takes patterns" ends_with 0 '^vm/canary_oops$' \
    "$TEST" --list 'vm/canary_*'

check "scripts/test: a suite that depends on the kernel runs on each" \
    ends_with 0 '^vm/coverage@7.3$' "$TEST" --list
check "scripts/test: one that does not only with --long" ends_with 0 '^vm/guest@7.3$' \
    "$TEST" --long --list
check "scripts/test: or when it is named" ends_with 0 '^vm/guest@7.3$' \
    "$TEST" --list vm/guest@7.3
check "scripts/test: but not by a pattern" lacks '^vm/guest@7.3$' "$TEST" --list '*@7.3'
check "scripts/test --long: a suite may take several guests" ends_with 0 '^vm/lifecycle.20@7.3$' \
    "$TEST" --long --list lifecycle@7.3
check "scripts/test --long: of which one can be named" \
    [ "$("$TEST" --long --list lifecycle.3)" = vm/lifecycle.3 ]
check "scripts/test --kernel: all suites, on that kernel" ends_with 0 '^vm/guest@6.12$' \
    "$TEST" --kernel 6.12 --list vm/guest
check "scripts/test --kernel: on no other" lacks '@7.3$' "$TEST" --kernel 6.12 --list
check "scripts/test --kernel: which there is" ends_with 2 "no kernel '5.10'" \
    "$TEST" --kernel 5.10

{ echo "ok before"; printf 'not ok that\nbecause of this\n'; printf 'and %s\n' {1..100000}
    printf 'ok after %s\n' {1..200}; } >"$WORK/log"
why=(bash -euo pipefail -c 'source "$1" && why_failed "$2"' -
    "$ROOT/scripts/lib/lanes.sh" "$WORK/log")
check "scripts/test: what failed is shown, wherever it stands" \
    ends_with 0 '^because of this$' "${why[@]}"
check "scripts/test: and how the log ends" ends_with 0 '^ok after 200$' "${why[@]}"
check "scripts/test: and not all of it" lacks '^ok before$\|^and 100$' "${why[@]}"

check "scripts/vm: --debug before --kernel" ends_with 125 "no kernel '6.12-debug'" \
    "$VM" --no-build --debug --kernel 6.12 -- true
check "scripts/vm: --debug after --kernel" ends_with 125 "no kernel '6.12-debug'" \
    "$VM" --no-build --kernel 6.12 --debug -- true
check "scripts/vm: --debug with a folder" ends_with 2 "by its name" \
    "$VM" --debug --kernel "$WORK" -- true
check "scripts/vm: no command" ends_with 2 "no command" "$VM" --kernel 6.1
check "scripts/vm builds the programs first" \
    ends_with 125 "cmake --build $WORK/built --target vexfsd vexctl" "${built[@]}" "$VM" -- true
check "scripts/vm configures a folder that is not" ends_with 125 "cmake -S $ROOT -B $WORK/unbuilt" \
    "$VM" -- true
check "scripts/vm: a guest that hangs in its boot is booted once more" \
    ends_with 125 "once more" "$VM" --no-build --no-module --boot 8 \
    --append "rdinit=/none root=/dev/none rootwait" -- true
exit "$FAILED"
