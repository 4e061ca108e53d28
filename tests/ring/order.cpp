// SPDX-License-Identifier: Apache-2.0
// The order and the numbers that the reader gives, step by step on one thread.
#include "ring/harness.hpp"

using namespace vexfs;
using vexfs::test::event;
using vexfs::test::Ring;

TEST_CASE("an empty ring has nothing") {
    Ring ring({.producers = 2});
    CHECK(ring.next().kind == VX_ITEM_NONE);
    CHECK(ring.next().kind == VX_ITEM_NONE);
}

TEST_CASE("class M comes in ticket order, whatever CPU it was on") {
    Ring ring({.producers = 3});
    const unsigned who[] = {2, 0, 1, 1, 2, 0, 0, 2};
    for (std::uint64_t i = 0; i < 8; i++) {
        REQUIRE(ring.attempt(who[i], VX_OP_FILE_RENAME, i));
    }
    for (std::uint64_t i = 0; i < 8; i++) {
        const vx_item item = ring.next();
        REQUIRE(item.kind == VX_ITEM_EVENT);
        CHECK(event(item)->ino == i);
        CHECK(event(item)->pid == who[i]);
        CHECK(item.seq == i + 1);
    }
    CHECK(ring.next().kind == VX_ITEM_NONE);
}

TEST_CASE("class D stands between the tickets that it happened between") {
    Ring ring({.producers = 2});
    REQUIRE(ring.attempt(0, VX_OP_FILE_WRITE, 0));
    REQUIRE(ring.attempt(1, VX_OP_FILE_CREATE, 1));
    REQUIRE(ring.attempt(0, VX_OP_FILE_WRITE, 2));
    REQUIRE(ring.attempt(0, VX_OP_FILE_DELETE, 3));
    REQUIRE(ring.attempt(1, VX_OP_FILE_CLOSE, 4));
    for (std::uint64_t i = 0; i < 5; i++) {
        const vx_item item = ring.next();
        REQUIRE(item.kind == VX_ITEM_EVENT);
        CHECK(event(item)->ino == i);
    }
}

TEST_CASE("class D of several producers is ordered by time") {
    Ring ring({.producers = 3});
    REQUIRE(ring.attempt(2, VX_OP_FILE_READ, 1, sizeof(vx_event), 10));
    REQUIRE(ring.attempt(0, VX_OP_FILE_READ, 2, sizeof(vx_event), 20));
    REQUIRE(ring.attempt(2, VX_OP_FILE_READ, 3, sizeof(vx_event), 30));
    REQUIRE(ring.attempt(1, VX_OP_FILE_READ, 4, sizeof(vx_event), 40));
    for (std::uint64_t i = 1; i <= 4; i++) {
        CHECK(event(ring.next())->ino == i);
    }
}

TEST_CASE("a taken ticket that is still being written is waited for, not skipped") {
    Ring ring({.producers = 2});
    vx_slot slot;
    void* at = vx_ring_begin(ring.get(), 0, VX_OP_FILE_CREATE, sizeof(vx_event), 0, &slot);
    REQUIRE(at != nullptr);
    REQUIRE(ring.attempt(1, VX_OP_FILE_DELETE, 2));
    CHECK(ring.next().kind == VX_ITEM_NONE);
    Ring::fill(at, 0, VX_OP_FILE_CREATE, 1, sizeof(vx_event));
    vx_ring_commit(ring.get(), &slot, sizeof(vx_event));
    CHECK(event(ring.next())->ino == 1);
    CHECK(event(ring.next())->ino == 2);
}

TEST_CASE("a directory record comes before the event that it is for and takes no number") {
    Ring ring({.producers = 1});
    for (unsigned cls : {VX_CLASS_M, VX_CLASS_D}) {
        vx_slot slot;
        auto* dir = static_cast<vx_dir*>(vx_ring_begin_dir(ring.get(), 0, cls, 0, &slot));
        REQUIRE(dir != nullptr);
        dir->rec.len = sizeof(vx_dir);
        dir->rec.type = VX_REC_DIR;
        dir->rec.op = 0;
        dir->ino = 77;
        dir->name_len = 0;
        vx_ring_commit(ring.get(), &slot, sizeof(vx_dir));
    }
    REQUIRE(ring.attempt(0, VX_OP_FILE_CREATE, 1));
    REQUIRE(ring.attempt(0, VX_OP_FILE_WRITE, 2));
    unsigned dirs = 0;
    std::uint64_t seq = 1;
    for (vx_item item = ring.next(); item.kind != VX_ITEM_NONE; item = ring.next()) {
        if (item.kind == VX_ITEM_DIR) {
            dirs++;
        } else {
            CHECK(item.seq == seq++);
        }
    }
    CHECK(dirs == 2);
    CHECK(seq == 3);
}

TEST_CASE("every record length wraps at every offset") {
    Ring ring({.producers = 1, .size_m = VX_PAGE, .size_d = VX_PAGE});
    std::uint64_t nth = 0;
    // Lengths step through all multiples of 8 up to the longest that fits; positions drift over all
    // offsets.
    for (int round = 0; round < 40; round++) {
        for (std::uint32_t len = sizeof(vx_event); len <= VX_PAGE - VX_LOST_MAX; len += 8) {
            const std::uint32_t op = (nth & 1) != 0 ? VX_OP_FILE_CREATE : VX_OP_FILE_WRITE;
            REQUIRE(ring.attempt(0, op, nth, len));
            const vx_item item = ring.next();
            REQUIRE(item.kind == VX_ITEM_EVENT);
            REQUIRE(event(item)->ino == nth);
            REQUIRE(item.record->len == len);
            REQUIRE(Ring::intact(item.record));
            vx_reader_release(&ring.reader);
            nth++;
        }
    }
}

TEST_CASE("the reader is woken once, and only when it sleeps") {
    Ring ring({.producers = 2});
    REQUIRE(ring.attempt(0, VX_OP_FILE_WRITE, 1));
    CHECK(ring.wakeups == 0);
    CHECK(vx_reader_sleep(&ring.reader, 1) == 0);  // there is something to read
    CHECK(ring.next().kind == VX_ITEM_EVENT);
    CHECK(ring.next().kind == VX_ITEM_NONE);
    REQUIRE(vx_reader_sleep(&ring.reader, 1) == 1);
    REQUIRE(ring.attempt(1, VX_OP_FILE_CREATE, 2));
    REQUIRE(ring.attempt(0, VX_OP_FILE_CREATE, 3));
    CHECK(ring.wakeups == 1);
}

TEST_CASE("a reader that wants many bytes is woken by no fewer") {
    Ring ring({.producers = 1});
    REQUIRE(vx_reader_sleep(&ring.reader, 4 * sizeof(vx_event)) == 1);
    for (std::uint64_t i = 0; i < 3; i++) {
        REQUIRE(ring.attempt(0, VX_OP_FILE_WRITE, i));
        CHECK(ring.wakeups == 0);
    }
    REQUIRE(ring.attempt(0, VX_OP_FILE_WRITE, 3));
    CHECK(ring.wakeups == 1);
}
