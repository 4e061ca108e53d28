// SPDX-License-Identifier: Apache-2.0
#include "journal/ring_position.hpp"

#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test
using test::TempDirectory;
using test::TestJournal;

namespace {

void put(TestJournal& store, unsigned op, unsigned producer, std::uint64_t count,
         std::uint64_t ticket) {
    test::Record record(op);
    record->rec.count = count;
    record->rec.ticket = ticket;
    EventView event = record.view(store.next_seq(), "/w/file");
    event.producer = static_cast<std::uint16_t>(producer);
    event.hash = translate::context_hash(record.record());
    event.ops = translate::operations(record.event());
    REQUIRE(store.append(event).ok());
}

}  // namespace

TEST_CASE("ring position: from the number asked for on, the highest of each sub-ring") {
    const TempDirectory dir;
    TestJournal store(dir.path(), {.segment_bytes = 4096});
    for (std::uint64_t i = 0; i < 100; ++i) {  // several segments
        put(store, VX_OP_FILE_CREATE, 1, i, 2 * i);
        REQUIRE(store.flush().ok());
    }
    put(store, VX_OP_FILE_READ, 2, 7, 200);
    REQUIRE(store.flush().ok());
    REQUIRE(store.stats().segments > 2);

    const auto all = journal::ring_position(dir.path(), 1);
    REQUIRE(all.ok());
    CHECK(all->next_count == std::vector<std::uint64_t>{0, 0, 100, 0, 0, 8});
    CHECK(all->next_ticket == 199);
    CHECK(all->missed == 0);

    const auto last = journal::ring_position(dir.path(), 101);
    REQUIRE(last.ok());
    CHECK(last->next_count == std::vector<std::uint64_t>{0, 0, 0, 0, 0, 8});
    CHECK(last->next_ticket == 0);  // class D's ticket is not its own

    const auto nothing = journal::ring_position(dir.path(), 102);
    REQUIRE(nothing.ok());
    CHECK(nothing->next_count.empty());
}

TEST_CASE("ring position: losses were read too, also those that take no number") {
    const TempDirectory dir;
    TestJournal store(dir.path(), {.segment_bytes = 4096});
    put(store, VX_OP_FILE_CREATE, 0, 0, 0);
    Gap tickets;
    tickets.from = 2;
    tickets.to = 4;
    tickets.next_ticket = 4;
    REQUIRE(store.append(tickets).ok());
    Gap account;
    account.from = 5;
    account.to = 4;
    account.account = true;
    account.next_count = 4;
    account.ops = {{.op = VX_OP_FILE_CREATE, .count = 3}};
    REQUIRE(store.append(account).ok());
    Gap data = account;
    data.to = 9;
    data.producer = 1;
    data.class_d = true;
    data.next_count = 12;
    data.ops = {{.op = VX_OP_FILE_READ, .count = 5}};
    REQUIRE(store.append(data).ok());
    Gap missed;
    missed.from = 10;
    missed.to = 9;
    missed.reason = GapReason::probe_missed;
    missed.next_count = 33;
    REQUIRE(store.append(missed).ok());
    REQUIRE(store.flush().ok());

    const auto at = journal::ring_position(dir.path(), 1);
    REQUIRE(at.ok());
    CHECK(at->next_count == std::vector<std::uint64_t>{4, 0, 0, 12});
    CHECK(at->next_ticket == 4);
    CHECK(at->missed == 33);
}
