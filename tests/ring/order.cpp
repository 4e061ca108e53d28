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
    REQUIRE(ring.attempt(2, VX_OP_FILE_READ, 1, 0, 10));
    REQUIRE(ring.attempt(0, VX_OP_FILE_READ, 2, 0, 20));
    REQUIRE(ring.attempt(2, VX_OP_FILE_READ, 3, 0, 30));
    REQUIRE(ring.attempt(1, VX_OP_FILE_READ, 4, 0, 40));
    for (std::uint64_t i = 1; i <= 4; i++) {
        CHECK(event(ring.next())->ino == i);
    }
}

TEST_CASE("a taken ticket that is still being written is waited for, not skipped") {
    Ring ring({.producers = 2});
    vx_slot slot{};
    void* at = vx_ring_begin(ring.get(), 0, VX_OP_FILE_CREATE, 0, 0, &slot);
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

namespace {

// Every length of a record at every offset of a sub-ring of two pages, each pair seen.
class Lengths {
  public:
    static constexpr std::uint32_t kSize = 2 * VX_PAGE;
    static_assert(VX_RECORD_MAX + VX_LOST_MAX <= kSize);
    static constexpr std::uint32_t kOffsets = kSize / 8;
    // The shortest length of which rounds of the ring reach every offset: an odd number of words.
    static constexpr std::uint32_t kStep = sizeof(vx_event) / 8 * 8 | 8U;

    explicit Lengths(std::uint32_t op)
        : ring_({.producers = 1, .size_m = kSize, .size_d = kSize}), op_(op) {}

    // Records of `len` bytes, until each offset has had one.
    void cover(std::uint32_t len) {
        std::vector<bool> seen(kOffsets, false);
        std::uint32_t left = kOffsets;
        while (left != 0) {
            const std::uint32_t at = offset();
            if (seen[at]) {
                // Round the ring by a length that has a common divisor with it: to the next round.
                pass(kStep);
                continue;
            }
            seen[at] = true;
            left--;
            pass(len);
            pairs++;
        }
    }

    std::uint64_t pairs = 0;
    std::uint64_t wrong = 0;

  private:
    std::uint32_t offset() {
        const std::uint64_t head = vx_ring_producer(ring_.get(), 0, vx_op_class(op_))->head;
        return static_cast<std::uint32_t>(head % kSize / 8);
    }

    // One record through the ring.
    void pass(std::uint32_t len) {
        const bool user = op_ == VX_OP_USER && len >= Ring::kUserMin;
        const std::uint32_t op = op_ == VX_OP_USER && !user ? +VX_OP_FILE_CREATE : op_;
        wrong += !ring_.attempt(0, op, nth_, len);
        const vx_item item = ring_.next();
        wrong += item.kind != VX_ITEM_EVENT;
        if (item.kind == VX_ITEM_EVENT) {
            wrong += item.record->len != len || Ring::mark(item.record) != nth_ ||
                     !Ring::intact(item.record) ||
                     item.record->type != (user ? VX_REC_USER : VX_REC_EVENT);
        }
        vx_reader_release(&ring_.reader);
        nth_++;
    }

    Ring ring_;
    std::uint32_t op_;
    std::uint64_t nth_ = 0;
};

}  // namespace

TEST_CASE("every record length wraps at every offset") {
    const struct {
        std::uint32_t op;
        std::uint32_t from;
        std::uint32_t to;
    } kinds[] = {
        {VX_OP_FILE_CREATE, sizeof(vx_event), VX_EVENT_MAX},
        {VX_OP_FILE_WRITE, sizeof(vx_event), VX_EVENT_MAX},
        {VX_OP_USER, Ring::kUserMin, VX_RECORD_MAX},
    };
    for (const auto& kind : kinds) {
        Lengths lengths(kind.op);
        std::uint64_t expected = 0;
        for (std::uint32_t len = kind.from; len <= kind.to; len += 8) {
            lengths.cover(len);
            expected += Lengths::kOffsets;
        }
        CHECK(lengths.pairs == expected);
        CHECK(lengths.wrong == 0);
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
