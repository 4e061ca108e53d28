#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The ring under ThreadSanitizer: its own threads, the same sources, no report. A race that is there
# on purpose must be found, or the sanitizer is not at work.
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"

TSAN=$BUILD/tsan
# gcc's runtime does not know the address space of kernels that randomise more of it.
run=(env VEXFS_STRESS_RECORDS=100000 TSAN_OPTIONS=halt_on_error=1 setarch -R)

cat >"$WORK/race.cpp" <<'END'
#include <thread>
int main() {
    int shared = 0;
    std::thread other([&] { shared++; });
    shared++;
    other.join();
}
END
check "a race on purpose is built" g++ -fsanitize=thread -pthread -o "$WORK/race" "$WORK/race.cpp"
check "and found" ends_with 66 "data race" "${run[@]}" "$WORK/race"

check "the ring's tests are built" sh -c "cmake -S '$ROOT' -B '$TSAN' -G Ninja \
    -DVEXFS_SANITIZE=thread && cmake --build '$TSAN' --target test_ring"
check "many producers and a reader: no race" ends_with 0 "All tests passed" \
    "${run[@]}" "$TSAN/tests/test_ring" "many producers*"
exit "$FAILED"
