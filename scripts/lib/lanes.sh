# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Several suites at a time: a guest keeps little more than one CPU busy. Those of the host share its
# build folder, mounts and ports, so one of them runs at a time; a module is built before the first
# guest that loads one starts.

# "NAME KIND FILE KERNEL PIECE" of each suite that has not been started yet; by its process "NAME
# KIND FILE START KERNEL PIECE" of each that runs, START as SECONDS had it. The host's: no kernel.
PENDING=()
declare -A RUNNING=()
# Suites of which the emulator failed, once. A second time would be no accident.
declare -A AGAIN=()

# run_pending: runs what is pending, and says how each has ended, in the order in which they end.
run_pending() {
    choose_jobs
    trap stop_running EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    while [[ ${#PENDING[@]} -gt 0 || ${#RUNNING[@]} -gt 0 ]]; do
        while [[ ${#RUNNING[@]} -lt $JOBS ]] && start_next; do :; done
        show_running
        end_one
    done
    trap - EXIT INT TERM HUP
}

choose_jobs() {
    local free_gib
    free_gib=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo) >> 20))
    [[ -n $JOBS ]] || JOBS=$(($(nproc) < free_gib / 2 ? $(nproc) : free_gib / 2))
    [[ $JOBS -gt 0 && $VERBOSE == 0 ]] || JOBS=1
}

# start_next: starts the first that may run beside those that do; false when none may.
start_next() {
    local i name kind file kernel piece log
    for i in "${!PENDING[@]}"; do
        read -r name kind file kernel piece <<<"${PENDING[i]}"
        may_start "$kind" || continue
        unset 'PENDING[i]'
        log=$(log_of "$name")
        # A process group of its own, that all of it can be ended.
        set -m
        if [[ $VERBOSE == 1 ]]; then
            echo "$name"
            run_suite "$kind" "$file" "$kernel" "$piece" 2>&1 </dev/null | tee "$log" &
        else
            run_suite "$kind" "$file" "$kernel" "$piece" >"$log" 2>&1 </dev/null &
        fi
        RUNNING[$!]="$name $kind $file $SECONDS $kernel $piece"
        set +m
        return 0
    done
    return 1
}

# may_start KIND: what of that kind must not run beside, or must have run before, is not there.
may_start() {
    case $1 in
    script | host) ! is_among ' (script|host) ' "${RUNNING[@]}" ;;
    kmod) ! is_among ' kmod ' "${RUNNING[@]}" ;;
    vm) ! is_among ' kmod ' "${RUNNING[@]}" "${PENDING[@]}" ;;
    esac
}

# is_among PATTERN WORD...
is_among() {
    local pattern=$1 word
    shift
    for word in "$@"; do
        [[ ! $word =~ $pattern ]] || return 0
    done
    return 1
}

# At a terminal: what runs now, in a line that is replaced.
show_running() {
    local names=''
    [[ -t 1 && $VERBOSE == 0 ]] || return 0
    printf -v names '%s ' "${RUNNING[@]%% *}"
    printf '\r\033[K%s' "... $names(${#PENDING[@]} to come)"
}

say_end() {
    [[ ! -t 1 || $VERBOSE == 1 ]] || printf '\r\033[K'
    printf '%-40s %s\n' "$1" "$2"
}

# end_one: waits until one has ended, counts what it has shown, prints its line.
end_one() {
    local process status=0 name kind file kernel piece start log verdict=ok
    wait -n -p process "${!RUNNING[@]}" || status=$?
    read -r name kind file start kernel piece <<<"${RUNNING[$process]}"
    unset "RUNNING[$process]"
    log=$(log_of "$name")
    if [[ $status == "$EMULATOR_FAILED" && ! -v AGAIN[$name] ]]; then
        AGAIN[$name]=$(grep -a 'the emulator is at fault' "$log" | tail -n 1)
        PENDING=("$name $kind $file $kernel $piece" "${PENDING[@]}")
        cp "$log" "$log.emulator"
        say_end "$name" "to be run again, ${AGAIN[$name]} ($((SECONDS - start)) s)"
        return
    fi
    count_results "$status" "$log" "$name" || verdict=FAILED
    [[ $status != 77 ]] || verdict=skipped
    # Its suites would all fail for the same reason.
    # shellcheck disable=SC2034  # for lib/suites.sh
    [[ $kind != kmod || $verdict == ok ]] || UNBUILT[$kernel]=$name
    say_end "$name" "$verdict ($((SECONDS - start)) s)"
    [[ $verdict != FAILED || $VERBOSE == 1 ]] || { why_failed "$log" | sed 's/^/    /'; }
}

# why_failed LOG: each test of it that failed with what was said of it, then how the log ends.
why_failed() {
    awk '/^not ok / { shown = 1 } /^ok / { shown = 0 } shown && ++lines <= 100' "$1"
    echo "the end of $1:"
    tail -n 100 "$1"
}

log_of() { echo "$LOGS/${1//\//-}.log"; }

# shellcheck disable=SC2317  # called by the trap
stop_running() {
    local process
    for process in "${!RUNNING[@]}"; do
        kill -TERM -- "-$process" 2>/dev/null || true
    done
    wait
}
