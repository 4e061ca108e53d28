// SPDX-License-Identifier: Apache-2.0
#include "pushback/conflict.hpp"

#include <string>

#include "support/catch.hpp"
#include "support/records.hpp"

using namespace vexfs;  // NOLINT: a test
using namespace vexfs::pushback;
using test::Record;

namespace {

constexpr std::uint32_t bit(unsigned uop) {
    return 1U << uop;
}

Record of(unsigned op, std::uint64_t ino, std::uint32_t flags = 0) {
    Record record(op, flags);
    record->fsid = 7;
    record->ino = ino;
    return record;
}

// What one event does to object 5.
std::uint8_t change(const Record& record) {
    Changes changes(of(VX_OP_FILE_CREATE, 5).event());
    changes.note(record.view(9));
    CHECK((changes.newest() == 9) == (changes.what() != 0));
    return changes.what();
}

}  // namespace

TEST_CASE("conflicts: what an event changes of an object") {
    CHECK(change(of(VX_OP_FILE_WRITE, 5)) == kContent);
    CHECK(change(of(VX_OP_FILE_TRUNCATE, 5)) == kContent);
    CHECK(change(of(VX_OP_FILE_CHMOD, 5)) == kMode);
    CHECK(change(of(VX_OP_FILE_CHOWN, 5)) == kOwner);
    CHECK(change(of(VX_OP_FILE_RENAME, 5)) == kNames);
    CHECK(change(of(VX_OP_HARDLINK_CREATE, 5)) == kNames);
    CHECK(change(of(VX_OP_FILE_DELETE, 5)) == kNames);
    CHECK(change(of(VX_OP_FILE_DELETE, 5, VX_F_LAST_LINK)) == kEverything);
    for (const unsigned op : {VX_OP_FILE_OPEN, VX_OP_FILE_READ, VX_OP_FILE_CLOSE, VX_OP_SYNC}) {
        CHECK(change(of(op, 5)) == 0);
    }
    CHECK(change(of(VX_OP_FILE_WRITE, 6)) == 0);
    Record other_fs = of(VX_OP_FILE_WRITE, 5);
    other_fs->fsid = 8;
    CHECK(change(other_fs) == 0);
    Record reused = of(VX_OP_FILE_WRITE, 5);
    reused->gen = 1;
    CHECK(change(reused) == 0);
    Record failed = of(VX_OP_FILE_WRITE, 5);
    failed->error = -ENOSPC;
    CHECK(change(failed) == 0);
    Record over = of(VX_OP_FILE_RENAME, 6, VX_F_REPLACED | VX_F_LAST_LINK);
    over.rename().target_ino = 5;
    CHECK(change(over) == kEverything);
    Changes lost(of(VX_OP_FILE_CREATE, 5).event());
    lost.note(Gap{.from = 3, .to = 4, .scope = "class D"});
    CHECK(lost.what() == kEverything);
    CHECK(lost.newest() == 4);
}

TEST_CASE("conflicts: what each strategy makes of a change") {
    const std::uint32_t both = bit(VX_UOP_GRAPH_PROPERTY_SET) | bit(VX_UOP_GRAPH_NODE_QUERY);
    Changes none(of(VX_OP_FILE_CHMOD, 5).event());
    Changes mode = none;
    mode.note(of(VX_OP_FILE_CHMOD, 5).view(9));
    Changes content = none;
    content.note(of(VX_OP_FILE_WRITE, 5).view(9));
    struct Case {
        Strategy strategy;
        const Changes& changes;
        Decision decision;
        std::uint32_t push;
    };
    const Case cases[] = {
        {Strategy::reject, none, Decision::current, both},
        {Strategy::first_writer_wins, none, Decision::current, both},
        {Strategy::last_writer_wins, mode, Decision::last_writer, both},
        {Strategy::first_writer_wins, mode, Decision::first_writer, 0},
        {Strategy::merge, content, Decision::merged, both},
        {Strategy::merge, mode, Decision::merged, bit(VX_UOP_GRAPH_NODE_QUERY)},
        {Strategy::reject, mode, Decision::rejected, 0},
        {Strategy::reject, content, Decision::rejected, 0},
    };
    for (const Case& it : cases) {
        const Verdict verdict = decide(it.strategy, it.changes, both, VX_OP_FILE_CHMOD);
        CHECK(verdict.decision == it.decision);
        CHECK(verdict.push == it.push);
    }
    const Verdict nothing_left =
        decide(Strategy::merge, mode, bit(VX_UOP_GRAPH_PROPERTY_SET), VX_OP_FILE_CHMOD);
    CHECK(nothing_left.decision == Decision::rejected);
    CHECK(nothing_left.push == 0);
    // The owner is another field than the mode.
    CHECK(
        decide(Strategy::merge, mode, bit(VX_UOP_GRAPH_PROPERTY_SET), VX_OP_FILE_CHOWN).decision ==
        Decision::merged);
}

TEST_CASE("conflicts: the first rule that fits says the strategy; none does: reject") {
    Rules rules;
    CHECK(rules.empty());
    REQUIRE(rules.add("Vector*:/srv/**=merge").ok());
    REQUIRE(rules.add("VectorUpdate:/srv/=a:b/*=first-writer-wins").ok());
    REQUIRE(rules.add("*:/home/**=last-writer-wins").ok());
    const std::uint32_t vector = bit(VX_UOP_VECTOR_UPDATE);
    const std::uint32_t graph = bit(VX_UOP_GRAPH_NODE_UPDATE);
    CHECK(rules.choose(vector, "/srv/x/y") == Strategy::merge);
    CHECK(rules.choose(vector, "/srv/=a:b/y") == Strategy::merge);
    CHECK(rules.choose(graph, "/srv/x/y") == Strategy::reject);
    CHECK(rules.choose(graph | vector, "/srv/x/y") == Strategy::merge);
    CHECK(rules.choose(graph, "/home/x") == Strategy::last_writer_wins);
    CHECK(rules.choose(vector, "/elsewhere") == Strategy::reject);
    CHECK(rules.choose(vector, "") == Strategy::reject);
}

TEST_CASE("conflicts: a rule that says nothing is refused with what is wrong with it") {
    Rules rules;
    const auto says = [&](const std::string& rule) { return rules.add(rule).message(); };
    CHECK(says("merge") == "\"merge\" is not OPERATION:PATH=STRATEGY");
    CHECK(says("*=merge") == "\"*=merge\" is not OPERATION:PATH=STRATEGY");
    CHECK(says("*:**=newest").find("there is no strategy \"newest\"") != std::string::npos);
    CHECK(says("*:/a[=merge").find("a set that is not closed") != std::string::npos);
    CHECK(says("FileWrite:**=merge").find("fits none of the userspace operations") !=
          std::string::npos);
    CHECK(rules.empty());
    for (std::size_t i = 0; i < Rules::kMax; i++) {
        REQUIRE(rules.add("*:**=merge").ok());
    }
    CHECK(says("*:**=merge") == "more than 256 rules");
}
