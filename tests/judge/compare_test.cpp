// SPDX-License-Identifier: Apache-2.0
// The judge of vx_coverage accepts the events that were wanted, and none that differ in one field.
#include "vm/vx_coverage/compare.hpp"

#include <functional>
#include <vector>

#include "support/catch.hpp"
#include "support/records.hpp"

using namespace vexfs;
using namespace vexfs::vm;
using vexfs::test::Record;

namespace {

constexpr std::uint64_t kBegan = 1'000'000'000;
constexpr std::uint64_t kReal = 1'700'000'000'123'456'789ULL;

// What came, in a form that can be doctored.
struct Came {
    Record record{VX_OP_FILE_WRITE};
    std::string path = "/w/f";
    std::string old_path;
    std::uint64_t seq = 0;
    std::uint64_t real_ns = kReal;
    float score = 1.0F;
};

struct Lists {
    std::vector<Want> wants;
    std::vector<Came> came;

    [[nodiscard]] std::vector<std::string> compared() const {
        std::vector<Event> events;
        for (const Came& it : came) {
            EventView view = it.record.view(it.seq, it.path);
            view.old_path = it.old_path;
            view.real_ns = it.real_ns;
            view.score = it.score;
            events.emplace_back(view);
        }
        return compare(wants, events);
    }
};

const Object kFile{.ino = 10, .gen = 11, .mode = 0100644, .nlink = 1, .size = 5,
                   .uid = 1, .gid = 2};
const Object kParent{.ino = 20, .gen = 21, .mode = 040755, .nlink = 2, .size = 0,
                     .uid = 0, .gid = 0};

// Adds an event and what it must be: they agree.
void add(Lists& lists, unsigned op, std::uint32_t flags, std::uint64_t ticket) {
    Want want;
    want.op = op;
    want.flags = flags;
    want.path = "/w/f";
    want.object = kFile;
    want.parent = kParent;
    want.fsid = 7;
    want.uid = 3;
    want.gid = 4;
    want.pid = 5;
    want.tid = 6;
    want.comm = "judge";
    want.from_ns = kBegan;
    want.to_ns = kBegan + 1'000;
    want.real_ns = kReal;
    Came came;
    came.record = Record(op, flags);
    came.record.names("f", op == VX_OP_FILE_RENAME ? "g" : "");
    vx_event& e = came.record.event();
    e.rec.ticket = ticket;
    e.rec.mono_ns = kBegan + lists.came.size();
    e.fsid = 7;
    e.ino = kFile.ino;
    e.gen = kFile.gen;
    e.parent_ino = kParent.ino;
    e.parent_gen = kParent.gen;
    e.size = kFile.size;
    e.mode = kFile.mode;
    e.nlink = kFile.nlink;
    e.owner_uid = kFile.uid;
    e.owner_gid = kFile.gid;
    e.uid = 3;
    e.gid = 4;
    e.pid = 5;
    e.tid = 6;
    std::memcpy(e.comm, "judge", 5);
    if (op == VX_OP_FILE_RENAME) {
        want.old_path = came.old_path = "/w/g";
        want.old_parent = kParent;
        came.record.rename().old_parent_ino = kParent.ino;
        came.record.rename().old_parent_gen = kParent.gen;
        e.cookie = (flags & VX_F_EXCHANGE) != 0 ? 99 : 0;
    }
    came.seq = 100 + lists.came.size();
    lists.wants.push_back(want);
    lists.came.push_back(came);
}

// A write, a chmod, the two halves of an exchange, a write.
Lists agreeing() {
    Lists lists;
    add(lists, VX_OP_FILE_WRITE, 0, 50);
    add(lists, VX_OP_FILE_CHMOD, VX_F_MODE, 50);
    add(lists, VX_OP_FILE_RENAME, VX_F_EXCHANGE, 51);
    add(lists, VX_OP_FILE_RENAME, VX_F_EXCHANGE, 52);
    add(lists, VX_OP_FILE_WRITE, 0, 53);
    return lists;
}

struct Doctored {
    const char* what;
    std::function<void(Lists&)> spoil;
};

vx_event& event(Lists& lists, std::size_t number) {
    return lists.came[number].record.event();
}

const Doctored kDoctored[] = {
    {"one is missing", [](Lists& l) { l.came.pop_back(); }},
    {"the first is missing", [](Lists& l) { l.came.erase(l.came.begin()); }},
    {"one too many", [](Lists& l) { l.came.push_back(l.came.back()); }},
    {"nothing came", [](Lists& l) { l.came.clear(); }},
    {"something came, nothing was wanted", [](Lists& l) { l.wants.clear(); }},
    {"two in the wrong order", [](Lists& l) { std::swap(l.came[0], l.came[1]); }},
    {"another operation", [](Lists& l) { event(l, 0).rec.op = VX_OP_FILE_READ; }},
    {"path", [](Lists& l) { l.came[0].path = "/w/g"; }},
    {"old_path", [](Lists& l) { l.came[2].old_path = "/w/f"; }},
    {"a flag more", [](Lists& l) { event(l, 0).flags = VX_F_UNLINKED; }},
    {"a flag less", [](Lists& l) { event(l, 1).flags = 0; }},
    {"fsid", [](Lists& l) { event(l, 0).fsid++; }},
    {"ino", [](Lists& l) { event(l, 0).ino++; }},
    {"gen", [](Lists& l) { event(l, 0).gen++; }},
    {"parent_ino", [](Lists& l) { event(l, 0).parent_ino++; }},
    {"parent_gen", [](Lists& l) { event(l, 0).parent_gen++; }},
    {"size", [](Lists& l) { event(l, 0).size++; }},
    {"mode", [](Lists& l) { event(l, 0).mode ^= 1; }},
    {"nlink", [](Lists& l) { event(l, 0).nlink++; }},
    {"owner_uid", [](Lists& l) { event(l, 0).owner_uid++; }},
    {"owner_gid", [](Lists& l) { event(l, 0).owner_gid++; }},
    {"error", [](Lists& l) { event(l, 0).error = -5; }},
    {"uid", [](Lists& l) { event(l, 0).uid++; }},
    {"gid", [](Lists& l) { event(l, 0).gid++; }},
    {"pid", [](Lists& l) { event(l, 0).pid++; }},
    {"tid", [](Lists& l) { event(l, 0).tid++; }},
    {"comm", [](Lists& l) { event(l, 0).comm[0] = 'x'; }},
    {"offset where there is none", [](Lists& l) { event(l, 0).offset = 1; }},
    {"length where there is none", [](Lists& l) { event(l, 0).length = 1; }},
    {"no offset where there is one", [](Lists& l) { l.wants[0].range(1, 0); }},
    {"a cookie without an exchange", [](Lists& l) { event(l, 0).cookie = 99; }},
    {"an exchange without a cookie",
     [](Lists& l) { event(l, 2).cookie = event(l, 3).cookie = 0; }},
    {"an exchange with two cookies", [](Lists& l) { event(l, 3).cookie = 98; }},
    {"old_parent_ino", [](Lists& l) { l.came[2].record.rename().old_parent_ino++; }},
    {"old_parent_gen", [](Lists& l) { l.came[2].record.rename().old_parent_gen++; }},
    {"target_ino", [](Lists& l) { l.came[2].record.rename().target_ino = 1; }},
    {"target_gen", [](Lists& l) { l.came[2].record.rename().target_gen = 1; }},
    {"target_nlink", [](Lists& l) { l.came[2].record.rename().target_nlink = 1; }},
    {"target_mode", [](Lists& l) { l.came[2].record.rename().target_mode = 1; }},
    {"the second name", [](Lists& l) { l.wants[0].text("target"); }},
    {"score", [](Lists& l) { l.came[0].score = 0.9F; }},
    {"seq jumps", [](Lists& l) { l.came[4].seq++; }},
    {"a ticket is skipped", [](Lists& l) { event(l, 3).rec.ticket++, event(l, 4).rec.ticket++; }},
    {"a ticket comes twice", [](Lists& l) { event(l, 3).rec.ticket--, event(l, 4).rec.ticket--; }},
    {"class D in the wrong place", [](Lists& l) { event(l, 4).rec.ticket--; }},
    {"before the case began", [](Lists& l) { event(l, 0).rec.mono_ns = kBegan - 1; }},
    {"after it was wanted", [](Lists& l) { event(l, 4).rec.mono_ns = kBegan + 1'001; }},
    {"time goes back", [](Lists& l) { event(l, 1).rec.mono_ns += 500; }},
    {"another wall clock, later", [](Lists& l) { l.came[0].real_ns += 3'600'000'000'000; }},
    {"another wall clock, earlier", [](Lists& l) { l.came[0].real_ns -= 3'600'000'000'000; }},
};

}  // namespace

TEST_CASE("vx_coverage's judge accepts what was wanted") {
    CHECK(agreeing().compared() == std::vector<std::string>{});
    CHECK(Lists{}.compared().empty());
}

TEST_CASE("vx_coverage's judge rejects a list in which one thing is wrong") {
    for (const Doctored& it : kDoctored) {
        Lists lists = agreeing();
        it.spoil(lists);
        INFO(it.what);
        CHECK_FALSE(lists.compared().empty());
    }
}
