#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The module on a kernel with KASAN, UBSAN, lockdep, kmemleak and the like: no report in what the
# suites of the VM do, nothing left behind when it is unloaded. First each checker must find a
# mistake that is there on purpose. It takes long, and that kernel longer to build the first time:
# only scripts/test --long does it, or VEXFS_DEBUG_KERNEL=build.
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"
# shellcheck source=../../scripts/lib/common.sh
source "$ROOT/scripts/lib/common.sh"
for part in packages suite kernels debug_kernel suites; do
    # shellcheck source=/dev/null
    source "$ROOT/scripts/lib/$part.sh"
done

KERNEL=6.1-debug
# What the guest shows is read from the build folder: its /tmp is its own.
CANARY=$BUILD/canary
SUITES=(coverage push filters mounts observe channels detail no_memory upheaval takeover fuzz)
# shellcheck disable=SC2034  # for lib/suites.sh
LONG=0

[[ -n ${VEXFS_DEBUG_KERNEL:-} ]] || {
    echo "skipped: kernel $KERNEL: takes long; VEXFS_DEBUG_KERNEL=build, or --long"
    exit 77
}

build_canary() {
    rm -rf "$CANARY"
    cp -r "$ROOT/tests/kmod" "$CANARY"
    (load_kernel "$KERNEL" && make -C "$KERNEL_BUILD" M="$CANARY" modules)
}

# is_found BUG PATTERN: the kernel reports the mistake, and the run fails for it.
is_found() {
    ends_with 99 "$2" "$ROOT/scripts/vm" --debug --no-build --no-module -- \
        insmod "$CANARY/vexfs_canary.ko" bug="$1"
}

check "the canaries are built" build_canary
check "KASAN finds a use after free" is_found use-after-free "KASAN: .*use-after-free"
check "UBSAN finds an index out of bounds" is_found out-of-bounds "UBSAN: array-index-out-of-bounds"
check "sleeping where one may not is found" is_found sleep-in-atomic "scheduling while atomic"
check "lockdep finds an inversion" is_found lock-inversion "possible circular locking"
check "lockdep finds a read outside of its RCU section" is_found rcu "suspicious RCU usage"
check "kmemleak finds a leak" is_found leak "unreferenced object"
for suite in "${SUITES[@]}"; do
    run_suite vm "$ROOT/tests/vm/$suite.sh" "$KERNEL" | sed -E "s/^(ok|not ok|skipped:) /&$suite: /"
    check "$suite: no report, nothing left behind" [ "${PIPESTATUS[0]}" = 0 ]
done
exit "$FAILED"
