// SPDX-License-Identifier: Apache-2.0
// The daemon as a whole, asked through its control socket.
#include <atomic>
#include <deque>
#include <filesystem>
#include <fstream>

#include "running_daemon.hpp"
#include "vexfs/consumer.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;
using namespace vexfs::test;

namespace {

// A disk whose syncs may fail.
class BadDisk final : public journal::DirectoryDisk {
  public:
    BadDisk(int directory, FileIo& io, const std::atomic<bool>& bad)
        : DirectoryDisk(directory, io), bad_(bad) {}

    Status sync(int fd) override {
        return bad_ ? Status::error(EIO, "sync journal: Input/output error")
                    : DirectoryDisk::sync(fd);
    }
    Status start_sync(int fd, FileIo::Handler done) override {
        waiting_.push_back(std::move(done));
        return DirectoryDisk::start_sync(fd, [this](int result) {
            FileIo::Handler first = std::move(waiting_.front());
            waiting_.pop_front();
            first(bad_ ? -EIO : result);
        });
    }

  private:
    const std::atomic<bool>& bad_;
    std::deque<FileIo::Handler> waiting_;
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
    std::atomic<bool> bad_sync{false};
    RunningDaemon daemon(
        [&](int directory, FileIo& io) {
            return std::make_unique<BadDisk>(directory, io, bad_sync);
        },
        // It would say so too, and for as long as it takes until it tries again.
        [](Options& options) { options.catalogue = false; });
    ControlClient client = daemon.connect();
    CHECK(client.call({{"cmd", "sync"}})->ok);
    CHECK(reasons(client) == "ok");
    write_file(daemon.tree.point("file"), "text");
    bad_sync = true;
    const auto failed = client.call({{"cmd", "sync"}});
    CHECK_FALSE(failed->ok);
    CHECK(failed->error == "sync journal: Input/output error");
    const std::string said = reasons(client);
    INFO(said);
    CHECK(said.find("degraded; events behind number ") == 0);
    CHECK(said.find("sync journal: Input/output error") !=
          std::string::npos);
    bad_sync = false;
    CHECK(client.call({{"cmd", "sync"}})->ok);
    CHECK(reasons(client) == "ok");
}

TEST_CASE("old events are removed while the daemon runs, but not what a consumer waits for") {
    NEEDS_FUSE("retention");
    RunningDaemon daemon(Daemon::real_disk, [](Options& options) {
        options.segment_bytes = std::uint64_t{64} << 10U;
        options.retention = {.bytes = std::uint64_t{256} << 10U};
    });
    ControlClient client = daemon.connect();
    const std::string directory = daemon.tree.root() + "/journal";
    auto reader = Reader::open(directory);
    REQUIRE(reader.ok());
    const auto consumer = Consumer::create(directory, "c", {reader->journal(), 1});
    REQUIRE(consumer.ok());
    const auto status_when = [&](auto&& holds) {
        for (;;) {  // it looks every two seconds
            for (int i = 0; i < 100; ++i) {
                write_file(daemon.tree.point("file"), "text");
            }
            const Json journal = client.call({{"cmd", "status"}})->json.at("journal");
            if (holds(journal)) {
                return journal;
            }
        }
    };
    const Json held = status_when([](const Json& j) { return j.contains("held_by"); });
    CHECK(held.at("held_by") == "c");
    CHECK(held.at("retired_segments") == 0);
    CHECK(reader->seek(*consumer->position()).ok());
    REQUIRE(Consumer::remove(directory, "c").ok());
    const Json after = status_when([](const Json& j) { return j.at("retired_segments") > 0; });
    CHECK(after.at("disk_bytes") < std::uint64_t{400} << 10U);
    CHECK(reader->seek({reader->journal(), 1}).code() == kCursorExpired);
    const auto earliest = Cursor::parse(after.at("earliest").get<std::string>());
    REQUIRE(earliest.ok());
    CHECK(earliest->seq > 1);
    CHECK(*reader->earliest() >= *earliest);
}

TEST_CASE("a journal that cannot be read is an error that names its repair") {
    const TemporaryTree tree;
    const std::string journal = tree.root() + "/journal of mine";
    std::filesystem::create_directory(journal);
    std::ofstream(journal + "/" + journal::segment_name(1)) << std::string(500, 'x');
    sigset_t mask{};
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    Options options;
    options.source = tree.source();
    options.mountpoint = tree.point();
    options.no_kmod = true;
    options.journal = journal;
    options.socket = tree.root() + "/socket";
    const auto started = Daemon::start(options);
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    REQUIRE_FALSE(started.ok());
    CHECK(started.status().code() == EBADMSG);
    CHECK(started.status().message().find("vexctl journal repair '" + journal + "'") !=
          std::string::npos);
}
