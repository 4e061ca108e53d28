#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# When a guest's death is the emulator's, and when it is not (scripts/lib/emulator.sh).
set -euo pipefail
# shellcheck source=result.sh
source "$(dirname "$0")/result.sh"
# shellcheck source=../../scripts/lib/emulator.sh
source "$ROOT/scripts/lib/emulator.sh"

not() { ! "$@"; }

# jumped EFLAGS FRAME: a kernel that jumped to 0 with these flags, called by FRAME.
jumped() {
    cat <<END
[   15.902369] BUG: kernel NULL pointer dereference, address: 0000000000000000
[   15.903165] #PF: supervisor instruction fetch in kernel mode
[   15.907753] RIP: 0010:0x0
[   15.908855] Code: Unable to access opcode bytes at 0xffffffffffffffd6.
[   15.909513] RSP: 0018:ff6eac0e00567b48 EFLAGS: $1
[   15.912920] Call Trace:
[   15.913371]  <TASK>
[   15.913739]  $2
[   15.914182]  __x64_sys_unlink+0x28/0x40
[   15.926184] RSP: 002b:00007f81345b9918 EFLAGS: 00000202 ORIG_RAX: 0000000000000057
END
}

# stopped CODE: one that ran a breakpoint where its memory has CODE.
stopped() {
    cat <<END
[  254.636870] Oops: int3: 0000 [#1] SMP NOPTI
[  254.639641] RIP: 0010:kmem_cache_alloc_noprof+0x172/0x420
[  254.640434] Code: 4c 8b 24 24 84 c0 $1
[  254.641280] RSP: 0018:ff8732c840447c90 EFLAGS: 00000246
END
}

finds() { [[ $(jump_to_nothing "$2") == "$1" ]]; }

unlink='filename_unlinkat+0x1cd/0x300'
check "a jump to 0, interrupts off: the call to look at" \
    finds filename_unlinkat+0x1cd "$(jumped 00010086 "$unlink")"
check "interrupts on: the kernel's own" not jump_to_nothing "$(jumped 00010286 "$unlink")"
check "out of a module: the module's" \
    not jump_to_nothing "$(jumped 00010086 'vexfs_emit+0x1cd/0x300 [vexfs]')"
check "a frame that is only guessed" not jump_to_nothing "$(jumped 00010086 "? $unlink")"
check "something before it: the kernel's own" \
    not jump_to_nothing "$(printf 'WARNING: at x\n%s' "$(jumped 00010086 "$unlink")")"
check "a breakpoint that is not in memory" is_stale_breakpoint "$(stopped '0f <1f> 44 00 00')"
check "one that is" not is_stale_breakpoint "$(stopped 'cc <1f> 44 00 00')"
check "what it is not asked" not is_stale_breakpoint "$(jumped 00010086 "$unlink")"

# In the system call's code, of which 64 bytes are looked at, stand two calls or three.
mapfile -t places < <(printf '__x64_sys_unlink+0x%x\n' {5..64})
check "in a guest: what is called before an address" ends_with 0 'is after a call of getname' \
    "$ROOT/scripts/vm" --no-build --no-module -- "$ROOT/scripts/guest/called_before" "${places[@]}"
check "and where nothing is" test "$(grep -c 'is after a call' "$WORK/said")" -lt 6
exit "$FAILED"
