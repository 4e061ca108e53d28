// SPDX-License-Identifier: Apache-2.0
// vexctl tail, journal and ops as programs: what they print, when they end, and with which status.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "support/vexctl.hpp"
#include "vexfs/stream.hpp"

#ifdef VEXFS_VEXCTL

using namespace vexfs;  // NOLINT: a test
using nlohmann::json;
using test::Record;
using test::TempDirectory;
using test::Vexctl;
using test::WrittenJournal;

TEST_CASE("vexctl tail: prints what is there and ends") {
    WrittenJournal journal;
    journal.happens(VX_OP_FILE_CREATE, "/w/a");
    journal.happens(VX_OP_FILE_WRITE, "/w/a");
    Vexctl text(journal.args());
    CHECK(text.line() == "22:13:20.123  FileCreate      [0]                /w/a  0644");
    CHECK(text.line() == "22:13:20.123  FileWrite       [0]                /w/a");
    CHECK(text.rest().empty());
    CHECK(text.status() == 0);

    Vexctl lines(journal.args({"--json"}));
    const json first = json::parse(lines.line());
    CHECK(first["op"] == "FileCreate");
    CHECK(json::parse(lines.line())["seq"] == 2);
    CHECK(lines.rest().empty());
    CHECK(lines.status() == 0);

    Vexctl since(journal.args({"--json", "--since", first["cursor"]}));
    CHECK(json::parse(since.line())["seq"] == 2);
    CHECK(since.rest().empty());
    CHECK(since.status() == 0);

    Vexctl now(journal.args({"--since", "now"}));
    CHECK(now.rest().empty());
    CHECK(now.status() == 0);
}

TEST_CASE("vexctl tail: begins at a time") {
    WrittenJournal journal;
    journal.happens(VX_OP_FILE_CREATE, "/w/a");  // on 2023-11-14 at 22:13:20.123 UTC
    for (const char* time : {"2023-11-14T22:13:20.123Z", "2023-11-14T23:13+01:00", "2023-11-14"}) {
        Vexctl since(journal.args({"--json", "--since", time}));
        INFO(time);
        CHECK(json::parse(since.line())["seq"] == 1);
        CHECK(since.rest().empty());
        CHECK(since.status() == 0);
    }
    for (const char* time : {"2023-11-14T22:13:20.124Z", "1h"}) {
        Vexctl since(journal.args({"--json", "--since", time}));
        INFO(time);
        CHECK(since.rest().empty());
        CHECK(since.status() == 0);
    }
}

TEST_CASE("vexctl tail: filters and counts") {
    WrittenJournal journal;
    for (int i = 0; i < 5; ++i) {
        journal.happens(VX_OP_FILE_CREATE, "/w/" + std::to_string(i));
        journal.happens(VX_OP_FILE_DELETE, "/w/" + std::to_string(i));
    }
    Vexctl some(journal.args({"--json", "--filter", "op=FileDelete", "--count", "3"}));
    CHECK(json::parse(some.line())["seq"] == 2);
    CHECK(json::parse(some.line())["seq"] == 4);
    CHECK(json::parse(some.line())["seq"] == 6);
    CHECK(some.rest().empty());
    CHECK(some.status() == 0);
    // --count also ends --follow.
    Vexctl follow(journal.args({"--json", "--follow", "--count", "10"}));
    const std::string all = follow.rest();
    CHECK(std::count(all.begin(), all.end(), '\n') == 10);
    CHECK(follow.status() == 0);
}

TEST_CASE("vexctl tail: follows, and Ctrl-C ends it well") {
    WrittenJournal journal;
    journal.happens(VX_OP_FILE_CREATE, "/w/a");
    Vexctl tail(journal.args({"--json", "--follow"}));
    CHECK(json::parse(tail.line())["seq"] == 1);
    journal.happens(VX_OP_FILE_WRITE, "/w/a");
    CHECK(json::parse(tail.line())["seq"] == 2);
    journal.happens(VX_OP_FILE_DELETE, "/w/a");
    CHECK(json::parse(tail.line())["seq"] == 3);
    const bool term = GENERATE(false, true);
    tail.signal(term ? SIGTERM : SIGINT);
    CHECK(tail.rest().empty());
    CHECK(tail.status() == 0);
}

TEST_CASE("vexctl tail: ends when nobody reads it any more, without a new event") {
    WrittenJournal journal;
    journal.happens(VX_OP_FILE_CREATE, "/w/a");
    Vexctl tail(journal.args({"--json", "--follow"}));
    CHECK(json::parse(tail.line())["seq"] == 1);
    tail.close_output();
    CHECK(tail.status() == 0);

    for (int i = 0; i < 2000; ++i) {
        journal.happens(VX_OP_FILE_WRITE, "/w/a");
    }
    Vexctl many(journal.args({"--json"}));
    CHECK(json::parse(many.line())["seq"] == 1);
    many.close_output();
    CHECK(many.status() == 0);
}

TEST_CASE("vexctl tail: shows a loss whatever the filter says") {
    WrittenJournal journal;
    REQUIRE(journal.store->append(Gap{1, 4, 0, 0, GapReason::ring_full, "class D"}).ok());
    journal.happens(VX_OP_FILE_CREATE, "/w/a");
    Vexctl tail(journal.args({"--json", "--filter", "op=Mount"}));
    CHECK(tail.line() == R"({"gap":{"from":1,"to":4,"count":4,"reason":"ring_full",)"
                         R"("scope":"class D","cursor":"vx1:)" +
                             journal.store->id().text() + R"(:4"}})");
    CHECK(tail.rest().empty());
    CHECK(tail.status() == 0);
}

TEST_CASE("vexctl tail: --format json is --json, and cloudevents has it as data") {
    WrittenJournal journal;
    journal.happens(VX_OP_FILE_CREATE, "/w/a");
    REQUIRE(journal.store->append(Gap{2, 4, 0, 0, GapReason::ring_full, "class D"}).ok());
    journal.happens(VX_OP_FILE_DELETE, "/w/a");
    Vexctl json_flag(journal.args({"--json"}));
    const std::string lines = json_flag.rest();
    Vexctl json_form(journal.args({"--format", "json"}));
    CHECK(json_form.rest() == lines);
    CHECK(json_form.status() == 0);
    Vexctl both(journal.args({"--format", "json", "--json"}));
    CHECK(both.rest() == lines);

    Vexctl events(journal.args({"--format", "cloudevents"}));
    std::string data;
    std::string types;
    for (std::string line = events.line(); !line.empty(); line = events.line()) {
        const json event = json::parse(line);
        CHECK(event["specversion"] == "1.0");
        types += event["type"].get<std::string>() + " ";
        data += line.substr(line.find("\"data\":") + 7, line.size() - line.find("\"data\":") - 8);
        data += "\n";
    }
    CHECK(types == "org.vexfs.FileCreate org.vexfs.gap org.vexfs.FileDelete ");
    CHECK(data == lines);
    CHECK(events.status() == 0);
}

TEST_CASE("vexctl tail: a binary stream is read back by libvexfs, with its end and its position") {
    WrittenJournal journal;
    journal.happens(VX_OP_FILE_CREATE, "/w/a");
    REQUIRE(journal.store->append(Gap{2, 4, 0, 0, GapReason::ring_full, "class D"}).ok());
    journal.happens(VX_OP_FILE_DELETE, "/w/b");
    const bool filtered = GENERATE(false, true);
    std::vector<std::string> args = {"--format", "binary"};
    if (filtered) {
        args.insert(args.end(), {"--filter", "op=FileCreate"});
    }
    Vexctl program(journal.args(args));
    const std::string bytes = program.rest();
    CHECK(program.status() == 0);
    StreamDecoder decoder;
    decoder.feed(std::as_bytes(std::span(bytes)));
    REQUIRE(*decoder.next() == StreamDecoder::Item::event);
    CHECK(decoder.event().path == "/w/a");
    REQUIRE(*decoder.next() == StreamDecoder::Item::gap);
    CHECK(decoder.gap().to == 4);
    if (!filtered) {
        REQUIRE(*decoder.next() == StreamDecoder::Item::event);
        CHECK(decoder.event().path == "/w/b");
    }
    CHECK(*decoder.next() == StreamDecoder::Item::end);
    CHECK(decoder.finish().ok());
    CHECK(decoder.filtered() == filtered);
    CHECK(decoder.cursor() == Cursor{journal.store->id(), 5});
}

TEST_CASE("vexctl tail: forms that there are not, or not together") {
    WrittenJournal journal;
    journal.happens(VX_OP_FILE_CREATE, "/w/a");
    const auto refused = [&](std::vector<std::string> more, std::string_view why) {
        Vexctl program(journal.args(std::move(more)));
        const std::string said = program.errors() + program.rest();
        INFO(said);
        CHECK(said.find(why) != std::string::npos);
        CHECK(program.status() == 2);
    };
    refused({"--format", "xml"}, "there are text, json, cloudevents and binary");
    refused({"--format", "binary", "--json"}, "give one of them");
    refused({"--format", "text", "--json"}, "give one of them");
    refused({"--filter", "path=~("}, "missing )");
}

TEST_CASE("vexctl tail: says what is wrong, with the right status") {
    WrittenJournal journal;
    Vexctl filter(journal.args({"--filter", "op=Nothing"}));
    CHECK(filter.errors().find("column 4") != std::string::npos);
    CHECK(filter.status() == 2);
    Vexctl since(journal.args({"--since", "yesterday"}));
    CHECK(since.errors().find("takes start, now, a cursor (vx1:...) or a time") !=
          std::string::npos);
    CHECK(since.status() == 2);
    Vexctl cut(journal.args({"--since", "vx1:6f1c2c1e"}));
    CHECK(cut.errors().find("not a cursor") != std::string::npos);
    CHECK(cut.status() == 2);
    Vexctl count(journal.args({"--count", "many"}));
    CHECK(count.status() == 2);
    Vexctl other(journal.args({"--since", "vx1:6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11:5"}));
    CHECK(other.errors().find("belongs to journal") != std::string::npos);
    CHECK(other.status() == 1);
    Vexctl none({"tail", "--journal", journal.dir / "none"});
    CHECK(none.errors().find("No such file") != std::string::npos);
    CHECK(none.status() == 1);
}

TEST_CASE("vexctl journal: verifies and dumps, and damage is status 1; tail shows it with 3") {
    WrittenJournal journal;
    for (int i = 0; i < 3; ++i) {
        journal.happens(VX_OP_FILE_CREATE, "/w/a");
    }
    // The hash of these hand-made events is 0, which is not that of their records.
    Vexctl verify({"journal", "verify", journal.dir / "j"});
    CHECK(verify.rest().find("the context hash") != std::string::npos);
    CHECK(verify.status() == 1);
    Vexctl dump({"journal", "dump", journal.dir / "j", "--json"});
    const json first = json::parse(dump.line());
    CHECK(first["offset"] == 128);
    CHECK(first["kind"] == "event");
    CHECK(first["record"].get<std::string>().size() % 16 == 0);
    CHECK(json::parse(dump.line())["seq"] == 2);
    CHECK(dump.status() == 0);

    const UniqueFd fd(::open((journal.dir / "j/00000000000000000001.vxj").c_str(), O_WRONLY));
    const auto second = first["offset"].get<off_t>() + first["len"].get<off_t>();
    REQUIRE(::pwrite(fd.get(), "zzzz", 4, second + 90) == 4);
    journal.store.reset();  // while it is written, what is missing may be on its way
    Vexctl tail(journal.args({"--json"}));
    CHECK(json::parse(tail.line())["seq"] == 1);
    CHECK(json::parse(tail.line())["gap"]["reason"] == "damaged");
    CHECK(json::parse(tail.line())["seq"] == 3);
    CHECK(tail.status() == 3);
}

TEST_CASE("vexctl journal repair: says what it finds, repairs it, and what is in use is refused") {
    WrittenJournal journal;
    const std::string dir = journal.dir / "j";
    for (int i = 0; i < 3; ++i) {
        journal.happens(VX_OP_FILE_CREATE, "/w/a");  // with a context hash that is not theirs
    }
    for (const bool dry_run : {true, false}) {
        Vexctl used({"journal", "repair", dir, dry_run ? "--dry-run" : "--json"});
        CHECK((used.rest() + used.errors()).find("Stop it first") != std::string::npos);
        CHECK(used.status() == 1);
    }
    journal.store.reset();

    Vexctl would({"journal", "repair", dir, "--dry-run"});
    const std::string text = would.rest();
    CHECK(text.find(".vxj at 128: the context hash is not that of the record: number 1 is lost") !=
          std::string::npos);
    CHECK(text.find("would be written anew") != std::string::npos);
    CHECK(would.status() == 3);
    CHECK_FALSE(std::filesystem::exists(dir + "/00000000000000000001.vxj.damaged"));
    Vexctl verify({"journal", "verify", dir});
    CHECK(verify.rest().find("`vexctl journal repair " + dir + "`") != std::string::npos);
    CHECK(verify.status() == 1);

    Vexctl repair({"journal", "repair", dir, "--json"});
    for (std::uint64_t number = 1; number <= 3; ++number) {
        const json damage = json::parse(repair.line());
        CHECK(damage["from"] == number);
        CHECK(damage["to"] == number);
        CHECK(damage["bytes"] > 0);
    }
    const json segment = json::parse(repair.line());
    CHECK(segment["action"] == "rewrite");
    CHECK(segment["kept"] == "00000000000000000001.vxj.damaged");
    CHECK(segment["lost"] == 3);
    const json report = json::parse(repair.line());
    CHECK(report["ok"] == true);
    CHECK(report["repaired"] == 1);
    CHECK(repair.status() == 0);
    CHECK(std::filesystem::exists(dir + "/00000000000000000001.vxj.damaged"));

    Vexctl clean({"journal", "verify", dir});
    CHECK(clean.rest().find("all of it is whole") != std::string::npos);
    CHECK(clean.status() == 0);
    Vexctl again({"journal", "repair", dir, "--dry-run"});
    CHECK(again.rest().find("nothing to repair") != std::string::npos);
    CHECK(again.status() == 0);
}

TEST_CASE("vexctl journal repair: what is no journal is an error, and is left alone") {
    const TempDirectory dir;
    Vexctl none({"journal", "repair", dir / "none"});
    CHECK(none.errors().find("No such file") != std::string::npos);
    CHECK(none.status() == 1);
    CHECK_FALSE(std::filesystem::exists(dir / "none"));
    Vexctl empty({"journal", "repair", dir.path()});
    CHECK(empty.errors().find("holds no journal") != std::string::npos);
    CHECK(empty.status() == 1);
    CHECK(std::filesystem::is_empty(dir.path()));
    CHECK(Vexctl({"journal", "repair", dir.path(), "--dry"}).status() == 2);
}

TEST_CASE("vexctl ops: has all 18 and all 27") {
    Vexctl ops({"ops", "--json"});
    unsigned kernel = 0;
    unsigned user = 0;
    for (std::string line = ops.line(); !line.empty(); line = ops.line()) {
        const json op = json::parse(line);
        (op["kind"] == "kernel" ? kernel : user) += 1;
    }
    CHECK(kernel == 18);
    CHECK(user == 27);
    CHECK(ops.status() == 0);
}

#endif
