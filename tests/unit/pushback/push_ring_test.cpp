// SPDX-License-Identifier: Apache-2.0
// The push ring against a kernel that is played: it reads the entries out of the mapping and
// answers.
#include "pushback/push_ring.hpp"

#include <cstring>
#include <vector>

#include "support/catch.hpp"
#include "support/push_kernel.hpp"
#include "support/records.hpp"
#include "translate/context.hpp"

using namespace vexfs;
using vexfs::test::PushKernel;
using vexfs::test::Record;

namespace {

// What the pipeline makes of a record: number `seq`, with these operations.
EventView event_of(const Record& record, std::uint64_t seq,
                   const std::vector<unsigned>& uops = {VX_UOP_GRAPH_NODE_CREATE}) {
    EventView view = record.view(seq);
    for (const unsigned uop : uops) {
        view.ops.push({static_cast<std::uint16_t>(uop), Subject::object, Detail::none});
    }
    return view;
}

Status add(PushRing& ring, const Record& record, const EventView& event) {
    return ring.add(record.event(), event);
}

}  // namespace

TEST_CASE("every entry reaches the kernel once, in order, also around the end of the ring") {
    PushKernel kernel;
    PushRing ring(kernel.area, kernel.call());
    Record record(VX_OP_FILE_RENAME);
    for (std::uint64_t i = 0; i < 5000; i++) {
        record.names(std::string(i % 200 + 1, 'n'), "old");
        REQUIRE(add(ring, record, event_of(record, i)).ok());
    }
    REQUIRE(ring.flush().ok());
    REQUIRE(kernel.seen.size() == 5000);
    for (std::uint64_t i = 0; i < 5000; i++) {
        REQUIRE(kernel.seen[i] == i);
    }
    CHECK(ring.counters().pushed == 5000);
    CHECK(ring.counters().by_op[VX_OP_FILE_RENAME] == 5000);
    CHECK(kernel.calls < 500);  // in batches
}

TEST_CASE("a bad entry is counted as failed and the rest proceed") {
    PushKernel kernel;
    kernel.bad = 3;
    PushRing ring(kernel.area, kernel.call());
    const Record record(VX_OP_FILE_CREATE);
    for (std::uint64_t i = 0; i < 10; i++) {
        REQUIRE(add(ring, record, event_of(record, i)).ok());
    }
    REQUIRE(ring.flush().ok());
    CHECK(ring.counters().pushed == 9);
    CHECK(ring.counters().failed == 1);
    CHECK(ring.counters().last_error == ENOENT);
}

TEST_CASE("what a failing call did not handle is failed, and the ring goes on") {
    PushKernel kernel;
    kernel.limit = 4;
    kernel.error = EBADMSG;
    PushRing ring(kernel.area, kernel.call());
    const Record record(VX_OP_FILE_CREATE);
    for (std::uint64_t i = 0; i < 10; i++) {
        REQUIRE(add(ring, record, event_of(record, i)).ok());
    }
    CHECK(ring.flush().code() == EBADMSG);
    CHECK(ring.counters().pushed == 4);
    CHECK(ring.counters().failed == 6);
    kernel.limit = ~0u;
    kernel.error = 0;
    REQUIRE(add(ring, record, event_of(record, 77)).ok());
    REQUIRE(ring.flush().ok());
    CHECK(kernel.seen.back() == 77);
    CHECK(ring.counters().pushed == 5);
}

TEST_CASE("every userspace operation of a unit is counted once, and none of a bad entry") {
    PushKernel kernel;
    kernel.bad = 1;
    PushRing ring(kernel.area, kernel.call());
    const Record record(VX_OP_FILE_CREATE);
    const std::vector<unsigned> unit = {VX_UOP_GRAPH_NODE_CREATE, VX_UOP_VECTOR_INDEX_REBUILD};
    REQUIRE(add(ring, record, event_of(record, 0, unit)).ok());
    REQUIRE(add(ring, record, event_of(record, 1, unit)).ok());
    REQUIRE(add(ring, record, event_of(record, 2)).ok());
    REQUIRE(ring.flush().ok());
    CHECK(ring.counters().by_uop[VX_UOP_GRAPH_NODE_CREATE] == 2);
    CHECK(ring.counters().by_uop[VX_UOP_VECTOR_INDEX_REBUILD] == 1);
    CHECK(ring.counters().by_uop[VX_UOP_GRAPH_EDGE_CREATE] == 0);
}

TEST_CASE("an entry without a userspace operation is refused") {
    PushKernel kernel;
    PushRing ring(kernel.area, kernel.call());
    const Record record(VX_OP_FILE_CREATE);
    CHECK(add(ring, record, event_of(record, 1, {})).code() == EINVAL);
    CHECK(ring.waiting() == 0);
}

TEST_CASE("an entry is named for the operation that stands for the kernel's own") {
    PushKernel kernel;
    PushRing ring(kernel.area, kernel.call());
    const Record link(VX_OP_HARDLINK_CREATE);
    // The one with the lowest number stands for FileCreate.
    REQUIRE(add(ring, link, event_of(link, 1, {VX_UOP_GRAPH_NODE_CREATE, VX_UOP_GRAPH_EDGE_CREATE}))
                .ok());
    REQUIRE(ring.flush().ok());
    CHECK(kernel.last.uop == VX_UOP_GRAPH_EDGE_CREATE);
    CHECK(kernel.last.uop_mask ==
          (1U << VX_UOP_GRAPH_NODE_CREATE | 1U << VX_UOP_GRAPH_EDGE_CREATE));
    CHECK(kernel.last.user_data == 1);
}

TEST_CASE("an entry that keeps every field of the kernel's record scores 1") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    test::RandomRecords random(seed);
    PushKernel kernel;
    PushRing ring(kernel.area, kernel.call());
    for (unsigned i = 0; i < 4 * VX_OP_COUNT; i++) {
        const Record record = random.make(i % VX_OP_COUNT);
        REQUIRE(add(ring, record, event_of(record, i)).ok());
        REQUIRE(ring.flush().ok());
        REQUIRE(kernel.last_event.size() == record.record().len);
        REQUIRE(std::memcmp(kernel.last_event.data(), &record.record(), record.record().len) == 0);
    }
    CHECK(ring.counters().score_min == 1.0);
}

TEST_CASE("the score falls by the share of a field that the event has lost, and stays there") {
    PushKernel kernel;
    PushRing ring(kernel.area, kernel.call());
    const Record record(VX_OP_FILE_CREATE);
    Record poorer = record;
    poorer->owner_gid = 7;
    REQUIRE(add(ring, record, event_of(record, 1)).ok());
    REQUIRE(add(ring, record, event_of(poorer, 2)).ok());
    REQUIRE(add(ring, record, event_of(record, 3)).ok());
    const double lost = 1.0 / translate::field_count(VX_OP_FILE_CREATE);
    CHECK(ring.counters().score_min > 1.0 - 1.5 * lost);
    CHECK(ring.counters().score_min < 1.0 - 0.5 * lost);
}

TEST_CASE("an injection says where, and is no operation on its way back") {
    PushKernel kernel;
    PushRing ring(kernel.area, kernel.call());
    const Record record(VX_OP_FILE_CREATE);
    const InjectPlace place{.dev = 9, .directory = 10, .directory_ino = 11, .object = 12};
    REQUIRE(ring.inject(event_of(record, 1), place).ok());
    REQUIRE(ring.flush().ok());
    CHECK(kernel.last.flags == (VX_PUSH_F_INJECT | VX_PUSH_F_NO_EMIT));
    CHECK(kernel.last.inject_fsid == 9);
    CHECK(kernel.last.inject_node == 10);
    CHECK(kernel.last.inject_ino == 11);
    CHECK(kernel.last.inject_object == 12);
    CHECK(ring.counters().injected == 1);
    CHECK(ring.counters().pushed == 0);
    CHECK(ring.counters().by_op[VX_OP_FILE_CREATE] == 0);
    kernel.bad = 2;  // where nobody can be watching
    REQUIRE(ring.inject(event_of(record, 2), place).ok());
    REQUIRE(add(ring, record, event_of(record, 3)).ok());
    REQUIRE(ring.flush().ok());
    CHECK(kernel.last.inject_node == 0);
    CHECK(ring.counters().unwatched == 1);
    CHECK(ring.counters().failed == 0);
    CHECK(ring.counters().pushed == 1);
}
