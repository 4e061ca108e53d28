// SPDX-License-Identifier: Apache-2.0
// libvexfs as a program uses it: only public headers in the part that is the example.
#include "vexfs/client.hpp"

#include <thread>
#include <vector>

#include "control/server.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"
#include "sys/loop.hpp"
#include "vexfs/reader.hpp"

namespace {

// ---- the example -------------------------------------------------------------------------------

// Deals with every event behind `saved` that has happened until now; returns where to go on next
// time. An indexer would keep that together with its index.
vexfs::Result<std::string> catch_up(const std::string& socket, const std::string& saved,
                                    std::vector<std::string>& index) {
    auto daemon = vexfs::Client::connect(socket);
    if (!daemon) {
        return daemon.status();
    }
    if (vexfs::Status synced = daemon->sync(); !synced) {
        return synced;
    }
    const auto status = daemon->daemon_status();
    if (!status) {
        return status.status();
    }
    auto reader = vexfs::Reader::open(status->journal_directory);
    if (!reader) {
        return reader.status();
    }
    if (!saved.empty()) {
        const auto cursor = vexfs::Cursor::parse(saved);
        const vexfs::Status placed = cursor ? reader->seek(*cursor) : cursor.status();
        if (!placed) {
            return placed;
        }
    }
    for (;;) {
        const auto item = reader->next();
        if (!item) {
            return item.status();
        }
        switch (*item) {
            case vexfs::Reader::Item::event:
                index.push_back(std::string(reader->event().op_name()) + " " +
                                std::string(reader->event().path));
                break;
            case vexfs::Reader::Item::gap:
                index.push_back("rescan " + std::string(reader->gap().scope));
                break;
            case vexfs::Reader::Item::end:
                return reader->cursor().text();
        }
    }
}

// ---- a daemon for it ---------------------------------------------------------------------------

class Daemon {
  public:
    Daemon() {
        loop = *vexfs::Loop::create();
        server = *vexfs::ControlServer::create(*loop, socket());
        store = std::make_unique<vexfs::test::TestJournal>(dir / "journal");
        server->add("sync", [](const vexfs::Json&, const vexfs::Reply& reply) { reply.done(); });
        server->add("status", [this](const vexfs::Json&, const vexfs::Reply& reply) {
            const vexfs::Cursor cursor{store->id(), store->store->written_seq()};
            reply.done({{"degraded", {"no kernel module"}},
                        {"daemon", {{"version", "1.2.3"}}},
                        {"stream", {{"cursor", cursor.text()}, {"lost", 5}}},
                        {"journal", {{"directory", dir / "journal"}, {"durable_seq", 0}}}});
        });
        thread = std::thread([this] { (void)loop->run(); });
    }
    ~Daemon() {
        loop->stop();
        thread.join();
        server.reset();
    }
    [[nodiscard]] std::string socket() const { return dir / "vexfsd.sock"; }

    void happens(unsigned op, const std::string& path) {
        const vexfs::test::Record record(op);
        REQUIRE(store->append(record.view(store->next_seq(), path)).ok());
        REQUIRE(store->flush().ok());
    }

    vexfs::test::TempDirectory dir;
    std::unique_ptr<vexfs::Loop> loop;
    std::unique_ptr<vexfs::ControlServer> server;
    std::unique_ptr<vexfs::test::TestJournal> store;
    std::thread thread;
};

}  // namespace

TEST_CASE("client: a program catches up, stops, and goes on where it was") {
    Daemon daemon;
    std::vector<std::string> index;
    daemon.happens(VX_OP_FILE_CREATE, "/w/a");
    daemon.happens(VX_OP_FILE_WRITE, "/w/a");
    auto cursor = catch_up(daemon.socket(), "", index);
    REQUIRE(cursor.ok());
    CHECK(index == std::vector<std::string>{"FileCreate /w/a", "FileWrite /w/a"});

    vexfs::Gap gap;
    gap.from = 3;
    gap.to = 8;
    gap.scope = "class D";
    REQUIRE(daemon.store->append(gap).ok());
    daemon.happens(VX_OP_FILE_DELETE, "/w/a");
    index.clear();
    cursor = catch_up(daemon.socket(), *cursor, index);
    REQUIRE(cursor.ok());
    CHECK(index == std::vector<std::string>{"rescan class D", "FileDelete /w/a"});

    index.clear();
    CHECK(catch_up(daemon.socket(), *cursor, index).ok());
    CHECK(index.empty());
}

TEST_CASE("client: says how the daemon is, and that there is none") {
    Daemon daemon;
    auto client = vexfs::Client::connect(daemon.socket());
    REQUIRE(client.ok());
    const auto status = client->daemon_status();
    REQUIRE(status.ok());
    CHECK(status->version == "1.2.3");
    CHECK(status->degraded == std::vector<std::string>{"no kernel module"});
    CHECK(status->lost == 5);
    CHECK(status->written.journal == daemon.store->id());
    CHECK(status->json.find("\"version\":\"1.2.3\"") != std::string::npos);
    CHECK_FALSE(vexfs::Client::connect(daemon.dir / "nobody.sock").ok());
}
