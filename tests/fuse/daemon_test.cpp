// SPDX-License-Identifier: Apache-2.0
// The daemon as a whole, asked through its control socket.
#include "running_daemon.hpp"

using namespace vexfs;
using namespace vexfs::test;

TEST_CASE("thousands of syncs with a deadline on one connection are all answered") {
    NEEDS_FUSE("many syncs");
    RunningDaemon daemon;
    ControlClient client = daemon.connect();
    for (int i = 0; i < 5000; ++i) {
        const auto answer = client.call({{"cmd", "sync"}, {"timeout_ms", 600'000}}, 60'000);
        INFO("sync " << i << ": " << answer.status().message());
        REQUIRE(answer.ok());
        REQUIRE(answer->ok);
    }
    CHECK(daemon.connect().call({{"cmd", "status"}}).ok());
}
