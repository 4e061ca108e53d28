// SPDX-License-Identifier: Apache-2.0
// The daemon as a whole, asked through its control socket.
#include <atomic>

#include "running_daemon.hpp"

using namespace vexfs;
using namespace vexfs::test;

namespace {

// A disk that may not take what is written to it.
class BadDisk final : public journal::SegmentWriter {
  public:
    Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override {
        return real_.write(fd, bytes, offset);
    }
    Status sync(int fd) override {
        return bad_sync ? Status::error(EIO, "sync journal: Input/output error") : real_.sync(fd);
    }

    std::atomic<bool> bad_sync{false};

  private:
    journal::PwriteWriter real_;
};

std::string reasons(ControlClient& client) {
    const auto answer = client.call({{"cmd", "status"}});
    REQUIRE(answer.ok());
    std::string text = answer->json.at("state");
    for (const Json& reason : answer->json.at("degraded")) {
        text += "; " + reason.get<std::string>();
    }
    return text;
}

}  // namespace

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

TEST_CASE("a disk that fails to sync is said until what it did not take is written again") {
    NEEDS_FUSE("failed sync");
    BadDisk disk;
    RunningDaemon daemon(&disk);
    ControlClient client = daemon.connect();
    CHECK(client.call({{"cmd", "sync"}})->ok);
    CHECK(reasons(client) == "ok");
    write_file(daemon.tree.point("file"), "text");
    disk.bad_sync = true;
    const auto failed = client.call({{"cmd", "sync"}});
    CHECK_FALSE(failed->ok);
    CHECK(failed->error == "sync journal: Input/output error");
    const std::string said = reasons(client);
    INFO(said);
    CHECK(said.find("degraded; events behind number ") == 0);
    CHECK(said.find("would not survive a power cut: sync journal: Input/output error") !=
          std::string::npos);
    disk.bad_sync = false;
    CHECK(client.call({{"cmd", "sync"}})->ok);
    CHECK(reasons(client) == "ok");
}
