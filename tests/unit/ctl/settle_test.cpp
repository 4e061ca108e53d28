// SPDX-License-Identifier: Apache-2.0
// vexctl tail --settle as a program.
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>

#include "support/vexctl.hpp"

#ifdef VEXFS_VEXCTL

using namespace vexfs;  // NOLINT: a test
using nlohmann::json;
using test::Vexctl;
using test::WrittenJournal;

namespace {

// Two files, the second of which is deleted again, and a mount.
struct Journal : WrittenJournal {
    Journal() {
        happens_to(1, VX_OP_FILE_CREATE);
        happens_to(2, VX_OP_FILE_CREATE);
        happens_to(1, VX_OP_FILE_WRITE);
        happens_to(2, VX_OP_FILE_DELETE, VX_F_LAST_LINK);
        happens_to(1, VX_OP_FILE_CLOSE, VX_F_WROTE);
        happens_to(3, VX_OP_MOUNT);
    }
    void happens_to(std::uint64_t ino, unsigned op, std::uint32_t flags = 0) {
        test::Record record(op, flags);
        record.names("f" + std::to_string(ino));
        record->ino = ino;
        REQUIRE(store->append(record.view(store->next_seq(), "/w/f" + std::to_string(ino))).ok());
        REQUIRE(store->flush().ok());
    }
    [[nodiscard]] std::string at(std::uint64_t seq) const {
        return "vx1:" + store->id().text() + ":" + std::to_string(seq);
    }
};

}  // namespace

TEST_CASE("vexctl tail --settle: says what an event came of, and what came to nothing") {
    const Journal journal;
    Vexctl tail(journal.args({"--json", "--settle", "100"}));
    const json first = json::parse(tail.line());
    CHECK(first["op"] == "FileCreate");
    CHECK(first["seq"] == 5);
    CHECK(first["first_seq"] == 1);
    CHECK(first["coalesced"] == 3);
    CHECK(first["coalesced_ops"] == json({{"FileCreate", 1}, {"FileWrite", 1}, {"FileClose", 1}}));
    CHECK(first["vanished"] == 2);
    CHECK(!first.contains("held"));
    CHECK(first["cursor"] == journal.at(5));
    const json second = json::parse(tail.line());
    CHECK(second["op"] == "Mount");
    CHECK(!second.contains("coalesced"));
    CHECK(!second.contains("vanished"));
    CHECK(second["cursor"] == journal.at(6));
    CHECK(tail.rest().empty());
    CHECK(tail.status() == 0);

    Vexctl plain(journal.args({"--json"}));
    CHECK(!json::parse(plain.line()).contains("coalesced"));
    Vexctl text(journal.args({"--settle", "100"}));
    CHECK(text.line().find("/w/f1  0644  wrote  3 events") != std::string::npos);
    Vexctl cloud(journal.args({"--format", "cloudevents", "--settle", "100"}));
    CHECK(json::parse(cloud.line())["id"] == journal.at(5) + "/from-1");
    CHECK(json::parse(cloud.line())["id"] == journal.at(6));
}

TEST_CASE("vexctl tail --settle: the filter sees what comes of the events, --count counts that") {
    const Journal journal;
    Vexctl writes(journal.args({"--json", "--settle", "100", "--filter", "op=FileWrite"}));
    CHECK(writes.rest().empty());
    Vexctl created(journal.args({"--json", "--settle", "100", "--filter", "op=FileCreate"}));
    CHECK(json::parse(created.line())["coalesced"] == 3);
    CHECK(created.rest().empty());
    Vexctl one(journal.args({"--json", "--settle", "100", "--count", "1"}));
    CHECK(json::parse(one.line())["coalesced"] == 3);
    CHECK(one.rest().empty());
    CHECK(one.status() == 0);
}

TEST_CASE("vexctl tail --settle --follow: tells an object when it is quiet, without a new event") {
    Journal journal;
    journal.happens_to(4, VX_OP_FILE_CREATE);
    Vexctl tail(journal.args({"--json", "--settle", "20", "--follow"}));
    CHECK(json::parse(tail.line())["op"] == "FileCreate");
    CHECK(json::parse(tail.line())["op"] == "Mount");
    const json last = json::parse(tail.line());
    CHECK(last["seq"] == 7);
    CHECK(last["cursor"] == journal.at(7));
    tail.signal(SIGTERM);
    CHECK(tail.status() == 0);
}

TEST_CASE("vexctl tail --settle: a consumer is moved to where nothing is held back") {
    const Journal journal;
    const auto consumer = [&](const std::string& what) {
        return Vexctl(journal.args_of({"consumer", what}, {"c"}));
    };
    CHECK(consumer("create").status() == 0);
    Vexctl tail(journal.args({"--json", "--settle", "100", "--consumer", "c", "--commit"}));
    // It may know of the file that is gone.
    CHECK(json::parse(tail.line())["op"] == "FileDelete");
    CHECK(json::parse(tail.line())["coalesced"] == 3);
    CHECK(json::parse(tail.line())["op"] == "Mount");
    CHECK(tail.status() == 0);
    Vexctl again(journal.args({"--json", "--settle", "100", "--consumer", "c", "--commit"}));
    CHECK(again.rest().empty());
}

TEST_CASE("vexctl tail --settle: what it cannot do is refused with what to do") {
    const Journal journal;
    for (const char* ms : {"0", "60001", "-1", "fast"}) {
        Vexctl tail(journal.args({"--settle", ms}));
        CHECK(tail.errors().find("is not a whole number from 1 to 60000") != std::string::npos);
        CHECK(tail.status() == 2);
    }
    Vexctl binary(journal.args({"--settle", "100", "--format", "binary"}));
    CHECK(binary.errors().find("leave out --settle") != std::string::npos);
    CHECK(binary.status() == 2);
}

#endif
