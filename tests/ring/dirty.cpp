// SPDX-License-Identifier: Apache-2.0
// What is lost of class M says where it was: the record of a run names every directory that the
// run's attempts have changed, or says that it does not.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <random>
#include <set>
#include <string>
#include <tuple>

#include "record.h"
#include "ring/harness.hpp"

using namespace vexfs;
using vexfs::test::Ring;

namespace {

constexpr unsigned kProducers = 2;

using Dir = std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>;  // fsid, ino, gen

// A run of losses of one producer, as the test knows it.
struct Run {
    std::set<Dir> dirs;
    bool complete = true;  // all losses said where they were, and that was known
    std::uint64_t lost = 0;
};

vx_dirty ref(std::uint64_t fsid, std::uint64_t ino, std::uint32_t gen) {
    return {.fsid = fsid, .ino = ino, .gen = gen, .reserved = 0};
}

// The directories of an account, each once.
std::set<Dir> named(const vx_lost& lost) {
    std::set<Dir> dirs;
    for (unsigned i = 0; i < lost.dirty; i++) {
        const vx_dirty& d = vx_lost_dirs(&lost)[i];
        CHECK(d.reserved == 0);
        CHECK(dirs.emplace(d.fsid, d.ino, d.gen).second);
    }
    return dirs;
}

struct Load {
    unsigned dirs;     // that the operations choose from
    unsigned unknown;  // of 1000 losses: in a directory that is not known
    unsigned unsaid;   // of 1000 losses: nobody says where
    unsigned read;     // of 1000 attempts: the reader reads and releases
};

class Work {
  public:
    Work(const Load& load, std::uint64_t seed)
        : load_(load),
          random_(seed),
          ring_({.producers = kProducers, .size_m = 4 * VX_PAGE, .size_d = 4 * VX_PAGE}) {}

    void run(unsigned attempts) {
        for (unsigned i = 0; i < attempts; i++) {
            attempt(below(kProducers), below(VX_OP_SLOTS));
            if (below(1000) < load_.read) {
                read();
            }
            if (below(500) == 0) {
                flush(below(kProducers));
            }
        }
        read();
        for (unsigned p = 0; p < kProducers; p++) {
            flush(p);
        }
        read();
        for (unsigned p = 0; p < kProducers; p++) {
            CHECK(written_[p].empty());
            CHECK(open_[p].lost == 0);
        }
    }

    unsigned complete = 0;    // accounts whose directories are all
    unsigned overflowed = 0;  // accounts that say that they are not

  private:
    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }

    Dir choose() {
        const unsigned d = below(load_.dirs);
        return {1 + d % 2, 2 + d / 4, d / 2 % 2};  // neighbours differ in one of the three
    }

    void attempt(unsigned p, unsigned op) {
        const std::uint32_t len = Ring::kUserMin + below(100) * 8;
        const bool m = vx_op_class(op) == VX_CLASS_M;
        if (ring_.attempt(p, op, 0, len)) {
            if (m) {
                close(p);
            }
        } else if (m) {
            lose(p, op);
        }
    }

    void lose(unsigned p, unsigned op) {
        Run& run = open_[p];
        run.lost++;
        if (below(1000) < load_.unsaid) {
            run.complete = false;
            return;
        }
        const bool nowhere = op == VX_OP_SYNC || op == VX_OP_USER;
        const unsigned n = nowhere ? 0 : op == VX_OP_FILE_RENAME ? 2 : 1;
        vx_dirty dirs[2] = {};
        for (unsigned i = 0; i < n; i++) {
            const Dir d = choose();
            dirs[i] = ref(std::get<0>(d), std::get<1>(d), std::get<2>(d));
            if (below(1000) < load_.unknown) {
                dirs[i].ino = 0;
                run.complete = false;
            } else {
                run.dirs.insert(d);
            }
        }
        vx_ring_dirty(ring_.get(), p, dirs, n);
    }

    // The producer has written its account out.
    void close(unsigned p) {
        if (open_[p].lost != 0) {
            written_[p].push_back(open_[p]);
            open_[p] = Run();
        }
    }

    void flush(unsigned p) {
        if (vx_ring_flush_loss(ring_.get(), p, VX_CLASS_M) == 1) {
            close(p);
        }
        vx_ring_flush_loss(ring_.get(), p, VX_CLASS_D);
    }

    void read() {
        for (vx_item item = ring_.next(); item.kind != VX_ITEM_NONE; item = ring_.next()) {
            REQUIRE(item.kind != VX_ITEM_BROKEN);
            if (item.kind == VX_ITEM_LOST) {
                compare(item);
            }
        }
        vx_reader_release(&ring_.reader);
    }

    void compare(const vx_item& item) {
        const auto& lost = *reinterpret_cast<const vx_lost*>(item.record);
        if (item.cls == VX_CLASS_D) {
            CHECK(lost.dirty == 0);
            CHECK(lost.flags == 0);
            return;
        }
        std::deque<Run>& runs = written_[item.producer];
        REQUIRE(!runs.empty());
        const Run run = runs.front();
        runs.pop_front();
        CHECK(lost.lost == run.lost);
        if (run.complete && run.dirs.size() <= VX_DIRTY_MAX) {
            CHECK(lost.flags == 0);
            CHECK(named(lost) == run.dirs);
            complete++;
        } else {
            CHECK(lost.flags == VX_LOST_F_OVERFLOW);
            CHECK(lost.dirty == 0);
            overflowed++;
        }
    }

    Load load_;
    std::mt19937_64 random_;
    Ring ring_;
    Run open_[kProducers];
    std::deque<Run> written_[kProducers];
};

std::uint64_t seed() {
    const char* text = std::getenv("VEXFS_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
}

}  // namespace

TEST_CASE("every directory of a lost operation is in its account, or the account overflows") {
    const std::uint64_t first = seed();
    const Load loads[] = {
        {.dirs = 1, .unknown = 0, .unsaid = 0, .read = 5},
        {.dirs = 40, .unknown = 0, .unsaid = 0, .read = 5},
        {.dirs = 63, .unknown = 0, .unsaid = 0, .read = 1},
        {.dirs = 64, .unknown = 0, .unsaid = 0, .read = 1},
        {.dirs = 1000, .unknown = 0, .unsaid = 0, .read = 15},
        {.dirs = 20, .unknown = 5, .unsaid = 5, .read = 10},
    };
    unsigned complete = 0;
    unsigned overflowed = 0;
    for (std::uint64_t round = 0; round < 10; round++) {
        for (const Load& load : loads) {
            INFO("VEXFS_SEED=" << first + round << " replays this run's choices");
            CAPTURE(load.dirs, load.unknown);
            Work work(load, first + round);
            work.run(20'000);
            CHECK((load.dirs > VX_DIRTY_MAX || load.unknown != 0 || work.overflowed == 0));
            complete += work.complete;
            overflowed += work.overflowed;
        }
    }
    CHECK(complete > 100);
    CHECK(overflowed > 100);
}

TEST_CASE("a set that is full is delivered whole, and one more directory overflows it") {
    for (const unsigned extra : {0U, 1U}) {
        Ring ring({.producers = 1, .size_m = 4 * VX_PAGE, .size_d = VX_PAGE});
        while (ring.attempt(0, VX_OP_FILE_CREATE, 0)) {
        }
        std::set<Dir> expected;
        for (unsigned i = 0; i < VX_DIRTY_MAX + extra; i++) {
            const vx_dirty dir = ref(7, 2 + i, i);
            if (i > 0) {
                CHECK_FALSE(ring.attempt(0, VX_OP_FILE_CREATE, 0));
            }
            vx_ring_dirty(ring.get(), 0, &dir, 1);
            expected.emplace(7, 2 + i, i);
        }
        // Into the room that is kept for it: the reader has released nothing.
        REQUIRE(vx_ring_flush_loss(ring.get(), 0, VX_CLASS_M) == 1);
        vx_item item = ring.next();
        while (item.kind == VX_ITEM_EVENT || item.kind == VX_ITEM_GAP) {
            item = ring.next();
        }
        REQUIRE(item.kind == VX_ITEM_LOST);
        const auto& lost = *reinterpret_cast<const vx_lost*>(item.record);
        CHECK((lost.flags == VX_LOST_F_OVERFLOW) == (extra != 0));
        CHECK((lost.rec.len == VX_LOST_MAX) == (extra == 0));
        CHECK(named(lost) == (extra == 0 ? expected : std::set<Dir>()));
    }
}

TEST_CASE("what one account named is not in the next") {
    Ring ring({.producers = 1, .size_m = 4 * VX_PAGE, .size_d = VX_PAGE});
    for (std::uint64_t round = 1; round <= 3; round++) {
        while (ring.attempt(0, VX_OP_FILE_CREATE, 0)) {
        }
        const vx_dirty dir = ref(7, round, 0);
        vx_ring_dirty(ring.get(), 0, &dir, 1);
        REQUIRE(vx_ring_flush_loss(ring.get(), 0, VX_CLASS_M) == 1);
        unsigned accounts = 0;
        for (vx_item item = ring.next(); item.kind != VX_ITEM_NONE; item = ring.next()) {
            REQUIRE(item.kind != VX_ITEM_BROKEN);
            if (item.kind == VX_ITEM_LOST) {
                CHECK(named(*reinterpret_cast<const vx_lost*>(item.record)) ==
                      std::set<Dir>{{7, round, 0}});
                accounts++;
            }
        }
        CHECK(accounts == 1);
        vx_reader_release(&ring.reader);
    }
}
