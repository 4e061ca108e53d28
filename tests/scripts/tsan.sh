#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shared/ built as C++ and under ThreadSanitizer: the ring's tests pass, and its threads race
# nowhere. A race that is there on purpose must be found, or the sanitizer is not at work.
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"

TSAN=$BUILD/tsan
# gcc's runtime does not know the address space of kernels that randomise more of it.
run=(env VEXFS_STRESS_RECORDS=100000 VEXFS_WAKEUP_ROUNDS=10000 VEXFS_EXHAUSTIVE_DEPTH=5
    TSAN_OPTIONS=halt_on_error=1 setarch -R)

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
    -DVEXFS_SHARED_CXX=ON -DVEXFS_SANITIZE=thread && cmake --build '$TSAN' --target test_ring"
check "they pass without a race" ends_with 0 "All tests passed" "${run[@]}" "$TSAN/tests/test_ring"
exit "$FAILED"
