# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Whether a guest died of the emulator instead of its own kernel.
#
# The kernel patches its code while other CPUs run it: it puts a breakpoint (int3) over the first
# byte, lets all CPUs know, writes the rest, takes the breakpoint away. QEMU, up to at least 10.0,
# throws away what it has translated of a place *before* it writes there (notdirty_write() in
# accel/tcg/cputlb.c): another CPU that translates in between goes on running the old bytes, for
# ever. About one in 20,000 patches of busy code, without any module loaded. The guest then dies
#   - of a breakpoint that is not in its memory (a static branch, a static call), or
#   - of a jump to 0, with interrupts off: the kernel takes such a breakpoint at the entry of a
#     function for its kprobe's and single-steps the copy of the instruction, of which a kprobe
#     that is set by ftrace has none (p->ainsn.insn is NULL).
# Only what could not have happened in a sound machine counts here.

# emulator_at_fault KERNEL: true, and says why, when the guest's console shows one of the two. The
# second asks a fresh guest of that kernel what stands before the address to be returned to.
emulator_at_fault() {
    local kernel=$1 report frame
    report=$(grep -anE -m 1 "$KERNEL_REPORTS" "$RUN/console" | cut -d : -f 1)
    report=$(sed -n "$report,\$p" "$RUN/console" | tr -d '\r')
    if is_stale_breakpoint "$report"; then
        say "the emulator is at fault: it ran a breakpoint which the guest's memory does not have"
    elif frame=$(jump_to_nothing "$report"); then
        say "a jump to 0 out of a call before $frame: looking in a fresh guest at what was called"
        "$0" --kernel "$kernel" --no-module --no-build -- \
            "$VEXFS_ROOT/scripts/guest/called_before" "$frame" >&2 || return 1
        say "the emulator is at fault: it ran a breakpoint which was there no more"
    else
        return 1
    fi
}

# is_stale_breakpoint REPORT: the byte before <..>, where the CPU stopped, is no int3.
is_stale_breakpoint() {
    [[ ${1%%$'\n'*} == *'Oops: int3: 0000 '* ]] &&
        [[ $1 =~ Code:\ [0-9a-f\ ]*([0-9a-f]{2})\ \<[0-9a-f]{2}\> && ${BASH_REMATCH[1]} != cc ]]
}

# jump_to_nothing REPORT: prints the return address on top of the stack as SYMBOL+OFFSET, if the CPU
# jumped to 0 in a system call with interrupts off, and not out of a module.
jump_to_nothing() {
    local null='NULL pointer dereference, address: 0000000000000000$'
    [[ ${1%%$'\n'*} =~ $null && $1 =~ RIP:\ 0010:0x0$'\n' ]] || return 1
    [[ $1 =~ EFLAGS:\ ([0-9a-f]{8}) ]] && ((!(16#${BASH_REMATCH[1]} & 0x200))) || return 1
    [[ $1 =~ 'Call Trace:'[^$'\n']*$'\n'[^$'\n']*'<TASK>'$'\n'([^$'\n']*) ]] || return 1
    [[ ${BASH_REMATCH[1]} =~ \]\ +([a-zA-Z0-9_.]+\+0x[0-9a-f]+)/0x[0-9a-f]+$ ]] || return 1
    echo "${BASH_REMATCH[1]}"
}
