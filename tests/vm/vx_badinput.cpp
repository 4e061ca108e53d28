// SPDX-License-Identifier: Apache-2.0
// vx_badinput: every call of /dev/vexfs with every field wrong, wrong mappings, rings and push
// entries that lie. The module must answer with the documented errno and go on.
#include "vm/vx_badinput/attempt.hpp"

int main() {
    using namespace vexfs::vm;
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    try_opens();
    try_calls();
    try_sizes();
    try_watches();
    try_mappings();
    try_push();
    try_lies();
    try_limits();
    return failures == 0 ? 0 : 1;
}
