// SPDX-License-Identifier: Apache-2.0
// Full sub-rings: every lost attempt is counted, at its place in the stream, and nothing else is
// lost.
#include <map>

#include "ring/harness.hpp"

using namespace vexfs;
using vexfs::test::event;
using vexfs::test::Ring;

namespace {

const MemoryRingConfig kSmall{.producers = 2, .size_m = VX_PAGE, .size_d = VX_PAGE};

// Attempts until the first loss; returns how many were delivered before it.
std::uint64_t fill_up(Ring& ring, std::uint32_t producer, std::uint32_t op) {
    std::uint64_t n = 0;
    // 15 records of 168 bytes would leave less of a page than the longest VX_REC_LOST needs: the
    // last one must not be let in.
    while (ring.attempt(producer, op, n, sizeof(vx_event) + 16)) {
        n++;
    }
    return n;
}

}  // namespace

TEST_CASE("a full sub-ring loses only its own class of its own producer") {
    Ring ring(kSmall);
    fill_up(ring, 0, VX_OP_FILE_READ);
    for (int i = 0; i < 1000; i++) {
        CHECK_FALSE(ring.attempt(0, VX_OP_FILE_READ, 0));
    }
    CHECK(ring.attempt(0, VX_OP_FILE_RENAME, 1));
    CHECK(ring.attempt(1, VX_OP_FILE_READ, 2));
    CHECK(ring.attempt(1, VX_OP_FILE_RENAME, 3));
}

TEST_CASE("lost reads are a gap at their place, with the account of each operation") {
    Ring ring(kSmall);
    const std::uint64_t before = fill_up(ring, 0, VX_OP_FILE_READ);
    CHECK_FALSE(ring.attempt(0, VX_OP_FILE_WRITE, 0, sizeof(vx_event), 5));
    CHECK_FALSE(ring.attempt(0, VX_OP_FILE_WRITE, 0, sizeof(vx_event), 9));
    for (std::uint64_t i = 0; i < before; i++) {
        CHECK(event(ring.next())->ino == i);
    }
    CHECK(ring.next().kind == VX_ITEM_NONE);
    vx_reader_release(&ring.reader);
    REQUIRE(ring.attempt(0, VX_OP_FILE_CLOSE, 4711));

    const vx_item lost = ring.next();
    REQUIRE(lost.kind == VX_ITEM_LOST);
    CHECK(lost.cls == VX_CLASS_D);
    CHECK(lost.seq == before + 1);
    CHECK(lost.count == 3);
    const auto* account = reinterpret_cast<const vx_lost*>(lost.record);
    CHECK(account->per_op[VX_OP_FILE_READ] == 1);
    CHECK(account->per_op[VX_OP_FILE_WRITE] == 2);
    CHECK(account->last_ns == 9);
    const vx_item after = ring.next();
    CHECK(event(after)->ino == 4711);
    CHECK(after.seq == before + 4);
}

TEST_CASE("lost tickets are gaps between the delivered ones, and nobody waits for them") {
    Ring ring(kSmall);
    // its last attempt took a ticket and is lost
    const std::uint64_t before = fill_up(ring, 0, VX_OP_FILE_CREATE);
    REQUIRE(ring.attempt(1, VX_OP_FILE_DELETE, 1000));
    CHECK_FALSE(ring.attempt(0, VX_OP_FILE_CREATE, 0));
    CHECK_FALSE(ring.attempt(0, VX_OP_FILE_CHMOD, 0));
    REQUIRE(ring.attempt(1, VX_OP_FILE_DELETE, 1001));
    CHECK_FALSE(ring.attempt(0, VX_OP_FILE_CREATE, 0));

    for (std::uint64_t i = 0; i < before; i++) {
        CHECK(event(ring.next())->ino == i);
    }
    vx_item item = ring.next();
    CHECK(item.kind == VX_ITEM_GAP);
    CHECK(item.count == 1);
    CHECK(item.seq == before + 1);
    CHECK(event(ring.next())->ino == 1000);
    item = ring.next();
    CHECK(item.kind == VX_ITEM_GAP);
    CHECK(item.count == 2);
    CHECK(item.seq == before + 3);
    item = ring.next();
    CHECK(event(item)->ino == 1001);
    CHECK(item.seq == before + 5);
    item = ring.next();
    CHECK(item.kind == VX_ITEM_GAP);
    CHECK(item.count == 1);
    CHECK(ring.next().kind == VX_ITEM_NONE);
}

TEST_CASE("a pending loss can be written out at once, into the room that is kept for it") {
    Ring ring(kSmall);
    fill_up(ring, 0, VX_OP_FILE_CREATE);
    fill_up(ring, 0, VX_OP_FILE_READ);
    CHECK(vx_reader_loss_pending(&ring.reader) == 1);
    CHECK(vx_ring_flush_loss(ring.get(), 0, VX_CLASS_M) == 1);
    CHECK(vx_ring_flush_loss(ring.get(), 0, VX_CLASS_D) == 1);
    CHECK(vx_reader_loss_pending(&ring.reader) == 0);
    std::uint64_t lost = 0;
    for (vx_item item = ring.next(); item.kind != VX_ITEM_NONE; item = ring.next()) {
        lost += item.kind == VX_ITEM_LOST ? item.count : 0;
    }
    CHECK(lost == 2);
    // The kept room holds the longest account, or some short ones. When it is used up, a loss waits
    // until the reader releases, and is not forgotten.
    unsigned written = 0;
    do {
        CHECK_FALSE(ring.attempt(0, VX_OP_FILE_CREATE, 0));
        written++;
    } while (vx_ring_flush_loss(ring.get(), 0, VX_CLASS_M) == 1);
    CHECK(written * sizeof(vx_lost) >= VX_LOST_MAX - sizeof(vx_lost));
    CHECK_FALSE(ring.attempt(0, VX_OP_FILE_CREATE, 0));
    written++;
    vx_item item{};
    std::uint64_t accounted = 0;
    const auto read = [&] {
        for (item = ring.next(); item.kind != VX_ITEM_NONE; item = ring.next()) {
            REQUIRE((item.kind == VX_ITEM_GAP || item.kind == VX_ITEM_LOST));
            accounted += item.kind == VX_ITEM_LOST ? item.count : 0;
        }
        vx_reader_release(&ring.reader);
    };
    read();
    CHECK(accounted == written - 2);
    CHECK(vx_ring_flush_loss(ring.get(), 0, VX_CLASS_M) == 1);
    read();
    CHECK(accounted == written);
}

TEST_CASE("a reader that lies about its position harms only itself") {
    Ring ring(kSmall);
    const std::uint64_t lies[] = {~0ull, 1, 7, 4096, 1ull << 63, 8ull << 32};
    for (std::uint64_t lie : lies) {
        for (unsigned cls : {VX_CLASS_M, VX_CLASS_D}) {
            ring.get()->slots[1].tail[cls] = lie;
        }
        fill_up(ring, 1, VX_OP_FILE_READ);
        fill_up(ring, 1, VX_OP_FILE_CREATE);
    }
    const vx_producer* p = vx_ring_producer(ring.get(), 1, VX_CLASS_D);
    CHECK(p->bad_tail > 0);
    CHECK(p->head <= VX_PAGE);       // nothing was overwritten
    CHECK(p->tail_seen == 0);        // no lie was believed
    CHECK(ring.attempt(0, VX_OP_FILE_READ, 1));  // the other producer does not care
}

TEST_CASE("a reader that lies after it has read some harms only itself") {
    Ring ring(kSmall);
    vx_producer* p = vx_ring_producer(ring.get(), 1, VX_CLASS_M);
    __u64* tail = &ring.get()->slots[1].tail[VX_CLASS_M];
    const auto read_all = [&] {
        while (ring.next().kind != VX_ITEM_NONE) {
        }
    };
    // Some turns of the ring, so that positions are far from 0.
    for (int turn = 0; turn < 5; turn++) {
        fill_up(ring, 1, VX_OP_FILE_CREATE);
        read_all();
        vx_reader_release(&ring.reader);
    }
    REQUIRE(ring.attempt(1, VX_OP_FILE_CREATE, 0));
    const std::uint64_t honest = p->tail_seen;
    REQUIRE(honest > VX_PAGE);

    // Backwards, and beyond what is written: refused, the sub-ring fills up and nothing is
    // overwritten.
    const std::uint64_t refused[] = {honest - 8, honest - VX_PAGE, 0, honest + 2 * VX_PAGE,
                                     honest + (1ull << 32), honest + 4};
    for (const std::uint64_t lie : refused) {
        const std::uint64_t before = p->bad_tail;
        *tail = lie;
        fill_up(ring, 1, VX_OP_FILE_CREATE);
        CHECK(p->bad_tail > before);
        CHECK(p->tail_seen == honest);
        CHECK(p->head <= honest + VX_PAGE);
    }
    // In the middle of a record: it may say so, and what it has given back is overwritten. The
    // producer still never has more in the ring than fits, and counts every attempt.
    *tail = honest + 8;
    for (std::uint64_t i = 0; i < 100; i++) {
        ring.attempt(1, VX_OP_FILE_CREATE, i);
        CHECK(p->head - p->tail_seen <= VX_PAGE);
        *tail = p->head - 16;
    }
    std::uint64_t accounted = 0;
    for (unsigned op = 0; op < VX_OP_SLOTS; op++) {
        accounted += p->delivered[op] + p->lost[op];
    }
    CHECK(accounted == p->attempted);
    CHECK(ring.attempt(0, VX_OP_FILE_CREATE, 1));  // the other producer does not care
}

TEST_CASE("attempted is delivered and lost, for each operation") {
    Ring ring(kSmall);
    std::map<unsigned, std::uint64_t> attempted;
    std::uint32_t random = 12345;
    std::uint64_t gaps = 0;
    std::uint64_t seq = 1;
    auto read_all = [&] {
        for (vx_item item = ring.next(); item.kind != VX_ITEM_NONE; item = ring.next()) {
            REQUIRE(item.kind != VX_ITEM_BROKEN);
            if (item.kind == VX_ITEM_EVENT) {
                REQUIRE(item.seq == seq);
                seq++;
            } else if (item.kind == VX_ITEM_GAP || item.cls == VX_CLASS_D) {
                REQUIRE(item.seq == seq);
                seq += item.count;
                gaps += item.count;
            }
        }
    };
    for (int i = 0; i < 200'000; i++) {
        random = random * 1664525 + 1013904223;
        const unsigned op = (random >> 8) % VX_OP_SLOTS;
        ring.attempt((random >> 16) & 1, op, static_cast<std::uint64_t>(i),
                     Ring::kUserMin + ((random >> 20) & 63) * 8);
        attempted[op]++;
        if ((random >> 24) % 40 == 0) {
            read_all();
            vx_reader_release(&ring.reader);
        }
    }
    read_all();
    vx_reader_release(&ring.reader);
    for (unsigned producer = 0; producer < 2; producer++) {
        for (unsigned cls = 0; cls < VX_CLASSES; cls++) {
            CHECK(vx_ring_flush_loss(ring.get(), producer, cls) == 1);
        }
    }
    read_all();
    std::uint64_t all = 0;
    std::uint64_t lost = 0;
    for (unsigned op = 0; op < VX_OP_SLOTS; op++) {
        std::uint64_t sum = 0;
        for (unsigned i = 0; i < 2 * VX_CLASSES; i++) {
            sum += ring.get()->producers[i].delivered[op] + ring.get()->producers[i].lost[op];
            lost += ring.get()->producers[i].lost[op];
        }
        CHECK(sum == attempted[op]);
        all += sum;
    }
    CHECK(lost > 0);
    CHECK(gaps == lost);
    CHECK(seq - 1 == all);
    CHECK(ring.reader.lost_by_ticket == ring.reader.lost_by_record);
}
