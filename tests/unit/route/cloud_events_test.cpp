// SPDX-License-Identifier: Apache-2.0
#include "route/cloud_events.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test
using nlohmann::json;
using test::Record;

namespace {

const JournalId kId{{0x6f, 0x1c, 0x2c, 0x1e, 0x0b, 0x54, 0x4d, 0x0e, 0x9a, 0x53, 0x0d, 0x6c, 0x9b,
                     0x1d, 0x8f, 0x11}};
constexpr const char* kCursor = "vx1:6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11:";

template <typename T>
json envelope(const T& what, std::string_view host = "box-1.example") {
    std::string line;
    route::CloudEvents(kId, host).append(what, line);
    REQUIRE(line.find('\n') == line.size() - 1);
    const json parsed = json::parse(line, nullptr, false);
    INFO(line);
    REQUIRE(!parsed.is_discarded());
    return parsed;
}

template <typename T>
json object(const T& what) {
    std::string text;
    route::JsonLines(kId).append_object(what, text);
    return json::parse(text);
}

// The rules of CloudEvents 1.0 for its attributes, as far as they can be asked of any event.
void check_rules(const json& event) {
    INFO(event.dump());
    CHECK(event["specversion"] == "1.0");
    for (const char* required : {"id", "source", "type"}) {
        CHECK_FALSE(event[required].get<std::string>().empty());
    }
    const std::set<std::string> known = {"specversion", "id",      "source",          "type",
                                         "time",        "subject", "datacontenttype", "data"};
    for (const auto& [name, value] : event.items()) {
        CHECK(known.count(name) == 1);
    }
    CHECK(event["datacontenttype"] == "application/json");
    if (event.contains("subject")) {
        CHECK_FALSE(event["subject"].get<std::string>().empty());
    }
}

}  // namespace

TEST_CASE(
    "cloud events: the envelope is what the specification asks for, the data what --json has") {
    Record record(VX_OP_FILE_CREATE);
    record.names("notes.txt");
    EventView event = record.view(42, "/w/notes.txt");
    event.ops = translate::operations(record.event());
    const json j = envelope(event);
    check_rules(j);
    CHECK(j["id"] == kCursor + std::string("42"));
    CHECK(j["source"] == "//box-1.example/vexfs/6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11");
    CHECK(j["type"] == "org.vexfs.FileCreate");
    CHECK(j["time"] == "2023-11-14T22:13:20.123456789Z");
    CHECK(j["subject"] == "/w/notes.txt");
    CHECK(j["data"] == object(event));
    CHECK_FALSE(envelope(record.view(42, "")).contains("subject"));
}

TEST_CASE("cloud events: a subject holds nothing that a CloudEvents string must not") {
    const Record record(VX_OP_FILE_CREATE);
    const auto subject = [&](std::string_view path) {
        const json j = envelope(record.view(1, path));
        check_rules(j);
        CHECK(j["data"]["path"].is_string());
        return j["subject"].get<std::string>();
    };
    CHECK(subject("/a \"b\" \\c") == "/a \"b\" \\c");
    CHECK(subject("/\x01\n\t\x7f.") == "/\ufffd\ufffd\ufffd\ufffd.");
    CHECK(subject("/\u0080\u009f\u00a0") == "/\ufffd\ufffd\u00a0");
    CHECK(subject("/\ufdcf\ufdd0\ufdef\ufdf0") == "/\ufdcf\ufffd\ufffd\ufdf0");
    CHECK(subject("/\ufffd\ufffe\uffff\U00010000\U0001fffe\U0010ffff") ==
          "/\ufffd\ufffd\ufffd\U00010000\ufffd\ufffd");
    CHECK(subject("/caf\xe9\xff/\u00e9") == "/caf\ufffd\ufffd/\u00e9");
}

TEST_CASE("cloud events: the source is a URI whatever the machine is called") {
    const Record record(VX_OP_FILE_CREATE);
    const auto host = [&](std::string_view name) {
        const std::string source = envelope(record.view(), name)["source"];
        return source.substr(2, source.find('/', 2) - 2);
    };
    CHECK(host("Box_7~x") == "Box_7~x");
    CHECK(host("a/b?\"\xc3\xa9 %") == "a%2fb%3f%22%c3%a9%20%25");
    CHECK(host("") == "localhost");
}

TEST_CASE("cloud events: a loss has an id of its own, the same whenever it is read") {
    const Gap lost{5, 9, 1'700'000'000'123'456'789ULL, 0, GapReason::ring_full, "class M"};
    const json numbers = envelope(lost);
    check_rules(numbers);
    CHECK(numbers["id"] == kCursor + std::string("9"));
    CHECK(numbers["type"] == "org.vexfs.gap");
    CHECK(numbers["time"] == "2023-11-14T22:13:20.123456789Z");
    CHECK(numbers["data"] == object(lost));
    Gap damaged = lost;
    damaged.real_ns = 0;  // when it was is not known
    CHECK_FALSE(envelope(damaged).contains("time"));

    // Two accounts without numbers, both behind event 9.
    Gap account{10, 9, 0, 200, GapReason::ring_full, "class M, producer 1"};
    account.account = true;
    Gap other = account;
    other.mono_ns = 201;
    const std::string id = envelope(account)["id"];
    check_rules(envelope(account));
    CHECK(id.find(kCursor + std::string("9/gap-")) == 0);
    CHECK(id.size() == std::string(kCursor).size() + 1 + 5 + 16);
    CHECK(envelope(account)["id"] == id);
    CHECK(envelope(other)["id"] != id);
}

TEST_CASE("cloud events: whatever an event holds, its line is one") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    test::RandomRecords random(seed);
    for (unsigned i = 0; i < 18 * 20; ++i) {
        const Record record = random.make(i % VX_OP_COUNT);
        const std::string path = "/" + random.bytes(random.below(60));
        EventView event = record.view(i + 1, path);
        event.ops = translate::operations(record.event());
        const json j = envelope(event);
        check_rules(j);
        REQUIRE(j["data"] == object(event));
    }
}
