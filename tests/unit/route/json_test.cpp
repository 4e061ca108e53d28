// SPDX-License-Identifier: Apache-2.0
#include "route/json.hpp"

#include <fstream>
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

std::string line_of(const EventView& event) {
    std::string line;
    route::JsonLines(kId).append(event, line);
    return line;
}

json parse(const std::string& line) {
    REQUIRE(line.back() == '\n');
    REQUIRE(line.find('\n') == line.size() - 1);
    const json parsed = json::parse(line, nullptr, false);
    INFO(line);
    REQUIRE(!parsed.is_discarded());
    return parsed;
}

json rendered(const Record& record, std::string_view path = "/w/name") {
    EventView event = record.view(7, path);
    event.ops = translate::operations(record.event());
    event.hash = translate::context_hash(record.record());
    return parse(line_of(event));
}

json schema(const char* kind = "event") {
    std::ifstream file(VEXFS_SOURCE_DIR "/docs/event.schema.json");
    REQUIRE(file);
    return json::parse(file)["$defs"][kind];
}

bool has_type(const json& value, const std::string& type) {
    return (type == "null" && value.is_null()) || (type == "string" && value.is_string()) ||
           (type == "integer" && value.is_number_integer()) ||
           (type == "boolean" && value.is_boolean()) || (type == "array" && value.is_array()) ||
           (type == "object" && value.is_object());
}

// The part of JSON Schema that docs/event.schema.json uses. Empty: it is valid.
std::string violation(const json& rules, const json& value, const std::string& at) {
    if (rules.contains("type")) {
        bool fits = false;
        const json types = rules["type"].is_array() ? rules["type"] : json::array({rules["type"]});
        for (const json& type : types) {
            fits = fits || has_type(value, type);
        }
        if (!fits) {
            return at + " has another type";
        }
    }
    if (rules.contains("enum") &&
        std::find(rules["enum"].begin(), rules["enum"].end(), value) == rules["enum"].end()) {
        return at + " is none of the values: " + value.dump();
    }
    if (value.is_object()) {
        for (const json& name : rules.value("required", json::array())) {
            if (!value.contains(name)) {
                return at + " has no " + name.get<std::string>();
            }
        }
        const json properties = rules.value("properties", json::object());
        for (const auto& [name, member] : value.items()) {
            if (!properties.contains(name)) {
                return at + " has a member that the schema does not know: " + name;
            }
            std::string deeper = violation(properties[name], member, at + "." + name);
            if (!deeper.empty()) {
                return deeper;
            }
        }
    }
    if (value.is_array() && rules.contains("items")) {
        for (const json& item : value) {
            std::string deeper = violation(rules["items"], item, at + "[]");
            if (!deeper.empty()) {
                return deeper;
            }
        }
    }
    return {};
}

}  // namespace

TEST_CASE("json: an event has every field of the contract, with its value") {
    Record record(VX_OP_FILE_CREATE, VX_F_TMPFILE);
    record.names("notes.txt");
    record->rec.mono_ns = 123;
    record->fsid = 0xfedcba9876543210;
    record->ino = 18446744073709551615ULL;
    record->gen = 3;
    record->parent_ino = 2;
    record->size = 5;
    record->offset = 6;
    record->length = 7;
    record->uid = 1000;
    record->gid = 1001;
    record->pid = 4711;
    record->tid = 4712;
    std::memcpy(record->comm, "touch", 5);
    EventView event = record.view(42, "/w/notes.txt");
    event.cause = 41;
    event.chain = 9;
    event.ops = translate::operations(record.event());
    const json j = parse(line_of(event));
    CHECK(j["seq"] == 42);
    CHECK(j["cursor"] == "vx1:6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11:42");
    CHECK(j["time"] == "2023-11-14T22:13:20.123456789Z");
    CHECK(j["mono_ns"] == 123);
    CHECK(j["boundary"] == "kernel");
    CHECK(j["op"] == "FileCreate");
    CHECK(j["id"] == 4);
    CHECK(j["userspace_ops"] == json::parse(R"([{"op":"GraphNodeCreate"},
                          {"op":"GraphEdgeCreate","parent_ino":2,"name":"notes.txt"}])"));
    CHECK(j["path"] == "/w/notes.txt");
    CHECK(j["old_path"].is_null());
    CHECK(j["fsid"] == "fedcba9876543210");
    CHECK(j["ino"] == 18446744073709551615ULL);
    CHECK(j["gen"] == 3);
    CHECK(j["parent_ino"] == 2);
    CHECK(j["name"] == "notes.txt");
    CHECK(j["nlink"] == 1);
    CHECK(j["mode"] == 0100644);
    CHECK(j["size"] == 5);
    CHECK(j["offset"] == 6);
    CHECK(j["length"] == 7);
    CHECK(j["uid"] == 1000);
    CHECK(j["gid"] == 1001);
    CHECK(j["pid"] == 4711);
    CHECK(j["tid"] == 4712);
    CHECK(j["comm"] == "touch");
    CHECK(j["error"] == 0);
    CHECK(j["flags"] == json::array({"tmpfile"}));
    event.duplicate = true;
    CHECK(parse(line_of(event))["flags"] == json::array({"tmpfile", "duplicate"}));
    CHECK(violation(schema(), parse(line_of(event)), "event").empty());
    CHECK(j["cause"] == 41);
    CHECK(j["chain"] == 9);
    CHECK_FALSE(j.contains("path_b64"));
    // The contract's order.
    const std::string line = line_of(event);
    std::size_t at = 0;
    for (const char* key :
         {"seq",    "cursor",        "time",        "mono_ns",  "boundary", "op",
          "id",     "userspace_ops", "path",        "old_path", "fsid",     "ino",
          "gen",    "parent_ino",    "name",        "nlink",    "mode",     "size",
          "offset", "length",        "uid",         "gid",      "pid",      "tid",
          "comm",   "error",         "duration_ns", "flags",    "cause",    "chain"}) {
        const std::size_t found = line.find("\"" + std::string(key) + "\":", at);
        INFO(key);
        REQUIRE(found != std::string::npos);
        at = found;
    }
}

TEST_CASE("json: a rename has both ends, and the object that was replaced") {
    Record record(VX_OP_FILE_RENAME, VX_F_REPLACED | VX_F_LAST_LINK);
    record.names("new", "old");
    record->parent_ino = 3;
    record.rename() = {2, 77, 0, 5, 0, S_IFREG | 0600};
    EventView event = record.view(1, "/w/b/new");
    event.old_path = "/w/a/old";
    event.ops = translate::operations(record.event());
    const json j = parse(line_of(event));
    CHECK(j["path"] == "/w/b/new");
    CHECK(j["old_path"] == "/w/a/old");
    CHECK(j["old_name"] == "old");
    CHECK(j["old_parent_ino"] == 2);
    CHECK(j["replaced"]["ino"] == 77);
    CHECK(j["userspace_ops"] == json::parse(R"([
        {"op":"GraphEdgeDelete","ino":77,"gen":5,"parent_ino":3,"name":"new"},
        {"op":"GraphNodeDelete","ino":77,"gen":5},
        {"op":"VectorDelete","ino":77,"gen":5},
        {"op":"GraphEdgeUpdate","old_parent_ino":2,"old_name":"old","parent_ino":3,"name":"new"}
    ])"));
}

TEST_CASE("json: each operation shows its arguments") {
    Record symlink(VX_OP_SYMLINK_CREATE);
    symlink.names("link", "../target");
    CHECK(rendered(symlink)["target"] == "../target");
    CHECK(rendered(symlink)["userspace_ops"][2]["target"] == "../target");
    Record mount(VX_OP_MOUNT);
    mount.names("mnt", "tmpfs:none");
    CHECK(rendered(mount)["source"] == "tmpfs:none");
    Record write(VX_OP_FILE_WRITE);
    write->offset = 100;
    write->length = 10;
    CHECK(rendered(write)["userspace_ops"][0]["offset"] == 100);
    CHECK(rendered(Record(VX_OP_FILE_CHMOD))["userspace_ops"][0]["mode"] == 0100644);
    CHECK(rendered(Record(VX_OP_SYNC))["userspace_ops"][0]["scope"] == "file");
    CHECK(rendered(Record(VX_OP_SYNC, VX_F_SYNC_FS))["userspace_ops"][0]["scope"] == "file_system");
    CHECK(rendered(Record(VX_OP_SYNC, VX_F_SYNC_ALL))["userspace_ops"][0]["scope"] == "all");
}

TEST_CASE("json: names that are not UTF-8 or hold control characters survive") {
    Record record(VX_OP_FILE_CREATE);
    const std::string bad = "caf\xe9\n\x01\x7f\"\\\xf0\x9f\x98\x80\xed\xa0\x80";
    record.names(bad);
    const json j = rendered(record, "/w/" + bad);
    CHECK(j["path"] == "/w/caf\ufffd\n\x01\x7f\"\\\U0001F600\ufffd\ufffd\ufffd");
    CHECK(j["path_b64"] == "L3cvY2Fm6QoBfyJc8J+YgO2ggA==");
    CHECK(j.contains("name_b64"));
    const json fine = rendered(record.names("caf\u00e9"), "/w/caf\u00e9");
    CHECK(fine["path"] == "/w/caf\u00e9");
    CHECK_FALSE(fine.contains("path_b64"));
    CHECK(rendered(record, "")["path"].is_null());
}

TEST_CASE("json: base64 is the standard's, at every remainder") {
    const auto b64 = [](std::string_view bytes) {
        std::string out;
        route::append_base64(bytes, out);
        return out;
    };
    CHECK(b64("").empty());
    CHECK(b64("f") == "Zg==");
    CHECK(b64("fo") == "Zm8=");
    CHECK(b64("foo") == "Zm9v");
    CHECK(b64("foobar") == "Zm9vYmFy");
    CHECK(b64("\xff\xfe\xfd") == "//79");
}

TEST_CASE("json: a loss is a line of its own") {
    std::string line;
    route::JsonLines(kId).append(Gap{5, 9, 0, 0, GapReason::ring_full, "class M, cpu 1"}, line);
    CHECK(line ==
          "{\"gap\":{\"from\":5,\"to\":9,\"count\":5,\"reason\":\"ring_full\","
          "\"scope\":\"class M, cpu 1\","
          "\"cursor\":\"vx1:6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11:9\"}}\n");
    CHECK(violation(schema(), parse(line), "gap").find("has no seq") != std::string::npos);
    CHECK(violation(schema("loss"), parse(line), "gap").empty());
}

TEST_CASE("json: an account says what is lost, when and where") {
    Gap gap{10, 9, 1'700'000'000'123'456'789ULL, 200, GapReason::ring_full, "class M, producer 1"};
    gap.account = true;
    gap.last_ns = 300;
    gap.ops = {{VX_OP_DIR_CREATE, 0, 3}, {VX_OP_USER, 0, 2}};
    gap.dirty = {{0x1122334455667788, 12, 1, "/w/new"}, {7, 2, 0, {}}, {7, 3, 0, "/\xff"}};
    std::string line;
    route::JsonLines(kId).append(gap, line);
    CHECK(line ==
          "{\"gap\":{\"from\":10,\"to\":9,\"count\":0,\"reason\":\"ring_full\","
          "\"scope\":\"class M, producer 1\","
          "\"cursor\":\"vx1:6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11:9\","
          "\"time\":\"2023-11-14T22:13:20.123456789Z\",\"mono_ns\":200,\"last_mono_ns\":300,"
          "\"ops\":{\"DirCreate\":3,\"User\":2},\"dirty\":["
          "{\"fsid\":\"1122334455667788\",\"ino\":12,\"gen\":1,\"path\":\"/w/new\"},"
          "{\"fsid\":\"0000000000000007\",\"ino\":2,\"gen\":0,\"path\":null},"
          "{\"fsid\":\"0000000000000007\",\"ino\":3,\"gen\":0,\"path\":\"/\xef\xbf\xbd\","
          "\"path_b64\":\"L/8=\"}],\"dirty_overflow\":false}}\n");
    CHECK(violation(schema("loss"), parse(line), "gap").empty());
    gap.dirty.clear();
    gap.dirty_overflow = true;
    for (std::uint16_t op = 0; op < VX_OP_SLOTS; ++op) {
        gap.ops.push_back({op, 0, 1});
    }
    line.clear();
    route::JsonLines(kId).append(gap, line);
    CHECK(line.find("\"dirty\":[],\"dirty_overflow\":true") != std::string::npos);
    CHECK(violation(schema("loss"), parse(line), "gap").empty());
}

TEST_CASE("json: every event that can be rendered is what docs/event.schema.json says") {
    const json rules = schema();
    std::set<std::string> seen;
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    test::RandomRecords random(seed);
    for (unsigned i = 0; i < 18 * 60; ++i) {
        Record record = random.make(i % VX_OP_COUNT);
        record->error = random.below(3) == 0 ? record->error : 0;
        const std::string path = "/" + random.bytes(random.below(40));
        EventView event = record.view(i + 1, path);
        event.boundary = static_cast<Boundary>(i % kBoundaries);
        event.ops = translate::operations(record.event());
        const json j = parse(line_of(event));
        REQUIRE(violation(rules, j, "event").empty());
        for (const auto& [name, value] : j.items()) {
            seen.insert(name);
        }
    }
    const test::PushedRecord pushed(VX_UOP_VECTOR_SEARCH, Record(VX_OP_FILE_READ));
    EventView event;
    event.seq = 1;
    event.record = &pushed.record();
    event.boundary = Boundary::vector;
    const json j = parse(line_of(event));
    CHECK(j["op"] == "VectorSearch");
    CHECK(j["pushed"]["pid"] == 4711);
    CHECK(violation(rules, j, "event").empty());
    const Settled settled{
        .cursor = 1, .held = 1, .events = 2, .first_seq = 1, .vanished = 1, .ops = {1, 1}};
    const Record written(VX_OP_FILE_WRITE);
    EventView net = written.view(2);
    net.settled = &settled;
    const json both = parse(line_of(net));
    CHECK(violation(rules, both, "event").empty());
    for (const auto& [name, value] : both.items()) {
        seen.insert(name);
    }
    // The schema promises nothing that is never there.
    seen.insert("pushed");
    for (const auto& [name, value] : rules["properties"].items()) {
        INFO(name);
        CHECK((seen.count(name) == 1 || name == "old_path_b64"));
    }
}
