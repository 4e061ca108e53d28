// SPDX-License-Identifier: Apache-2.0
// libvexfs's C face: what a program in C prints is what the JSON form of the same events says.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "control/server.hpp"
#include "route/json.hpp"
#include "support/journal.hpp"
#include "support/program.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"
#include "sys/loop.hpp"
#include "translate/translate.hpp"
#include "vexfs/consumer.hpp"
#include "vexfs/reader.hpp"

#ifdef VEXFS_C_PROGRAM

using namespace vexfs;  // NOLINT: a test
using nlohmann::json;
using test::Record;

namespace {

class CProgram : public test::Program {
  public:
    explicit CProgram(std::vector<std::string> args)
        : test::Program(VEXFS_C_PROGRAM, std::move(args)) {}
};

using Members = std::map<std::string, std::string>;

// What it has printed, an item each.
std::vector<Members> items_of(const std::string& text) {
    std::vector<Members> items;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = text.find('\n', at);
        const std::string line = text.substr(at, end - at);
        at = end + 1;
        if (line[0] == '[') {
            items.push_back({{"kind", line}});
        } else {
            const std::size_t equals = line.find('=');
            items.back()[line.substr(0, equals)] = line.substr(equals + 1);
        }
    }
    return items;
}

std::string hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string decimal(const json& hexadecimal) {
    return std::to_string(std::stoull(hexadecimal.get<std::string>(), nullptr, 16));
}

// What the program prints of an event: the names are those of the JSON form, but for these.
Members expected(const EventView& event, const json& j, const Cursor& cursor) {
    Members m{{"kind", "[event]"},
              {"cursor", cursor.text()},
              {"real_ns", std::to_string(event.real_ns)},
              {"boundary", j["boundary"]},
              {"op", j["op"]},
              {"path", hex(event.path)},
              {"old_path", hex(event.old_path)},
              {"name", hex(event.name())},
              {"name2", hex(event.name2())},
              {"comm", hex(event.comm())},
              {"fsid", decimal(j["fsid"])},
              {"hash", decimal(j["hash"])}};
    for (const char* number :
         {"seq",        "mono_ns",     "id",        "ino",       "gen",    "parent_ino",
          "parent_gen", "nlink",       "mode",      "size",      "offset", "length",
          "uid",        "gid",         "owner_uid", "owner_gid", "pid",    "tid",
          "error",      "duration_ns", "cookie",    "ticket",    "cause",  "chain"}) {
        m[number] = j[number].dump();
    }
    for (const char* number : {"old_parent_ino", "old_parent_gen"}) {
        m[number] = j.value(number, json(0)).dump();
    }
    for (const char* outer : {"replaced", "pushed"}) {
        const json inner = j.value(outer, json::object());
        for (const auto& [name, value] : inner.items()) {
            m[fmt::format("{}_{}", outer, name)] = value.dump();
        }
    }
    for (const json& flag : j["flags"]) {
        m["flags"] += flag.get<std::string>() + ",";
    }
    m["flags"];
    for (unsigned i = 0; i < event.ops.size(); ++i) {
        const UserOp& op = event.ops[i];
        m[fmt::format("uop.{}", i)] =
            fmt::format("{} {} {} {}", op.name(), op.op, op.subject == Subject::target ? 1 : 0,
                        static_cast<unsigned>(op.detail));
    }
    return m;
}

Members expected(const Gap& gap, const Cursor& cursor) {
    Members m{{"kind", "[gap]"},
              {"cursor", cursor.text()},
              {"from", std::to_string(gap.from)},
              {"to", std::to_string(gap.to)},
              {"count", std::to_string(gap.count())},
              {"reason", std::string(gap_reason_name(gap.reason))},
              {"scope", hex(gap.scope)},
              {"real_ns", std::to_string(gap.real_ns)},
              {"account", gap.account ? "1" : "0"},
              {"overflow", gap.dirty_overflow ? "1" : "0"},
              {"mono_ns", std::to_string(gap.account ? gap.mono_ns : 0)},
              {"last_mono_ns", std::to_string(gap.account ? gap.last_ns : 0)}};
    for (std::size_t i = 0; i < gap.ops.size(); ++i) {
        m[fmt::format("lost.{}", i)] =
            fmt::format("{} {} {}", gap.ops[i].name(), gap.ops[i].op, gap.ops[i].count);
    }
    for (std::size_t i = 0; i < gap.dirty.size(); ++i) {
        const DirtyDirectory& dir = gap.dirty[i];
        m[fmt::format("dirty.{}", i)] =
            fmt::format("{} {} {} path={}", dir.fsid, dir.ino, dir.gen, hex(dir.path));
    }
    return m;
}

// Events of all kinds, losses, and one that a program pushed.
void fill(test::TestJournal& journal, std::uint64_t seed) {
    test::RandomRecords random(seed);
    for (unsigned i = 0; i < 18 * 4; ++i) {
        const Record record = random.make(i % VX_OP_COUNT);
        const std::string path = "/" + random.bytes(random.below(50));
        EventView event = record.view(journal.next_seq(), path);
        event.ops = translate::operations(record.event());
        event.hash = translate::context_hash(record.record());
        event.cause = i;
        event.chain = i / 2;
        event.boundary = static_cast<Boundary>(i % kBoundaries);
        event.old_path = event.rename() != nullptr ? "/old" : "";
        REQUIRE(journal.append(event).ok());
    }
    const std::uint64_t next = journal.next_seq();
    REQUIRE(journal.append(Gap{next, next + 4, 7, 0, GapReason::ring_full, "class D"}).ok());
    Gap account{next + 5, next + 4, 8, 200, GapReason::ring_full, "class M"};
    account.account = true;
    account.dirty_overflow = true;
    account.last_ns = 300;
    account.ops = {{VX_OP_DIR_CREATE, 0, 3}, {VX_OP_USER, 0, 2}};
    account.dirty = {{7, 2, 0, {}}, {8, 3, 1, "/\xff"}};
    REQUIRE(journal.append(account).ok());
    const test::PushedRecord pushed(VX_UOP_VECTOR_SEARCH, Record(VX_OP_FILE_READ));
    EventView event;
    event.seq = journal.next_seq();
    event.record = &pushed.record();
    event.boundary = Boundary::vector;
    REQUIRE(journal.append(event).ok());
    REQUIRE(journal.flush().ok());
}

}  // namespace

TEST_CASE("C face: a program in C sees every member of every event and loss") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    test::TempDirectory dir;
    test::TestJournal journal(dir / "j");
    fill(journal, seed);
    CProgram program({"dump", dir / "j"});
    const std::vector<Members> items = items_of(program.rest());
    CHECK(program.status() == 0);

    auto reader = Reader::open(dir / "j");
    REQUIRE(reader.ok());
    const route::JsonLines lines(reader->journal());
    std::size_t n = 0;
    for (; *reader->next() != Reader::Item::end; ++n) {
        REQUIRE(n < items.size());
        const bool gap = items[n].at("kind") == "[gap]";
        std::string line;
        if (!gap) {
            lines.append(reader->event(), line);
        }
        const Members want = gap ? expected(reader->gap(), reader->cursor())
                                 : expected(reader->event(), json::parse(line), reader->cursor());
        for (const auto& [name, value] : want) {
            INFO("item " << n << " " << name);
            REQUIRE(items[n].count(name) == 1);
            REQUIRE(items[n].at(name) == value);
        }
        REQUIRE(items[n].size() == want.size());
    }
    CHECK(n == items.size());
    CHECK(n == 18 * 4 + 3);

    // From a cursor on.
    CProgram rest({"dump", dir / "j", items[n - 4].at("cursor")});
    CHECK(items_of(rest.rest()) == std::vector<Members>(items.end() - 3, items.end()));
    CHECK(rest.status() == 0);
}

TEST_CASE("C face: structures of an older and of a newer header are filled as far as they go") {
    test::TempDirectory dir;
    test::TestJournal journal(dir / "j");
    fill(journal, 1);
    CProgram program({"sizes", dir / "j"});
    CHECK(program.errors().empty());
    CHECK(program.status() == 0);
}

TEST_CASE("C face: errors are numbers, and words") {
    test::TempDirectory dir;
    test::TestJournal journal(dir / "j");
    REQUIRE(journal.append(Gap{1, 4, 0, 0, GapReason::ring_full, "class D"}).ok());
    REQUIRE(journal.append(Record(VX_OP_FILE_CREATE).view(5)).ok());
    REQUIRE(journal.flush().ok());
    CProgram program({"errors", dir / "j"});
    CHECK(program.errors().empty());
    CHECK(program.status() == 0);
}

TEST_CASE("C face: waits for what happens, and until it is told to stop") {
    test::TempDirectory dir;
    test::TestJournal journal(dir / "j");
    const Record record(VX_OP_FILE_CREATE);
    REQUIRE(journal.append(record.view(1, "/w/before")).ok());
    REQUIRE(journal.flush().ok());
    CProgram program({"follow", dir / "j"});
    REQUIRE(program.line() == "[waits]");
    REQUIRE(journal.append(record.view(2, "/w/now")).ok());
    REQUIRE(journal.flush().ok());
    std::string said;
    for (std::string line = program.line(); line.find("hash=") != 0; line = program.line()) {
        REQUIRE_FALSE(line.empty());
        said += line + "\n";
    }
    CHECK(items_of(said)[0].at("path") == hex("/w/now"));
    program.close_input();
    CHECK(program.rest() == "[stopped]\n");
    CHECK(program.status() == 0);
}

TEST_CASE("C face: a program waits until the daemon has caught up, and finds its journal") {
    test::TempDirectory dir;
    const std::string socket = dir / "vexfsd.sock";
    auto loop = *Loop::create();
    auto server = *ControlServer::create(*loop, socket);
    unsigned syncs = 0;
    server->add("sync", [&](const Json&, const Reply& reply) {
        ++syncs;
        reply.done();
    });
    server->add("status", [](const Json&, const Reply& reply) {
        reply.done({{"stream", {{"cursor", Cursor{JournalId{{1}}, 0}.text()}}},
                    {"journal", {{"directory", "/var/lib/somewhere"}}}});
    });
    std::thread thread([&] { (void)loop->run(); });
    CProgram program({"sync", socket});
    CHECK(program.errors().empty());
    CHECK(program.line() == "/var/lib/somewhere");
    CHECK(program.status() == 0);
    loop->stop();
    thread.join();
    server.reset();
    CHECK(syncs == 1);
    CProgram nobody({"sync", socket});
    CHECK(nobody.errors().find("is not running") != std::string::npos);
    CHECK(nobody.status() == 1);
}

TEST_CASE("C face: a consumer goes on where it was, and is told what is no longer kept") {
    const test::TempDirectory dir;
    test::TestJournal journal(dir.path(), {.segment_bytes = 4096});
    const auto happens = [&](unsigned events) {
        for (unsigned i = 0; i < events; ++i) {
            REQUIRE(test::put(*journal.store).ok());
            REQUIRE(journal.flush().ok());
        }
    };
    const auto consumes = [&](const std::string& items, std::uint64_t position) {
        CProgram program({"consume", dir.path(), "index"});
        CHECK(program.rest() == items + Cursor{journal.id(), position}.text() + "\n");
        CHECK(program.errors().empty());
        CHECK(program.status() == 0);
        CHECK(Consumer::open(dir.path(), "index")->position()->seq == position);
    };
    happens(2);
    consumes("event\nevent\n", 2);
    consumes("", 2);
    happens(1);
    consumes("event\n", 3);

    happens(60);
    const UniqueFd folder(::open(dir.path().c_str(), O_RDONLY));
    const auto segments = journal::list_segments(folder.get());
    REQUIRE(segments->size() > 2);
    const std::uint64_t last = segments->back();
    for (const std::uint64_t first : *segments) {
        if (first != last) {
            std::filesystem::remove(dir / journal::segment_name(first));
        }
    }
    std::string items = "gap\n";
    for (std::uint64_t seq = last; seq <= 63; ++seq) {
        items += "event\n";
    }
    consumes(items, 63);
}

TEST_CASE("c face: events settle") {
    const test::TempDirectory dir;
    {
        test::TestJournal journal(dir.path());
        const auto happens = [&](unsigned op, std::uint64_t ino, std::uint32_t flags) {
            Record record(op, flags);
            record->ino = ino;
            REQUIRE(journal.append(record.view(journal.next_seq(), "/w/name")).ok());
        };
        happens(VX_OP_FILE_CREATE, 1, 0);
        happens(VX_OP_FILE_DELETE, 1, VX_F_LAST_LINK);
        happens(VX_OP_FILE_WRITE, 2, 0);
        happens(VX_OP_FILE_WRITE, 3, 0);
        happens(VX_OP_FILE_WRITE, 2, 0);
        REQUIRE(journal.close().ok());
    }
    CProgram program({"settle", dir.path()});
    CHECK(program.rest() ==
          "FileWrite 4-4 of 1, 2 vanished, 1 held\n"
          "FileWrite 3-5 of 2, 0 vanished, 0 held\n");
    CHECK(program.status() == 0);
}

#endif
