// SPDX-License-Identifier: Apache-2.0
#include "correlate/echo_table.hpp"

#include <deque>
#include <random>

#include "support/catch.hpp"
#include "support/records.hpp"

using namespace vexfs;  // NOLINT: a test
using correlate::EchoTable;

namespace {

constexpr std::uint64_t kWindow = 100;
constexpr Boundary kKernel = Boundary::kernel;
constexpr Boundary kFuse = Boundary::fuse;

class Table {
  public:
    explicit Table(std::size_t entries = 64) : table(entries, kWindow) {
        table.expect(kKernel);
        table.expect(kFuse);
    }
    // The number of the event that it is a duplicate of; 0: none.
    std::uint64_t see(Boundary boundary, std::uint64_t content, std::uint64_t ns,
                      std::uint32_t range = 0) {
        const auto origin = table.match({.content = content,
                                         .mono_ns = ns,
                                         .range = range,
                                         .boundary = boundary,
                                         .seq = ++seq,
                                         .chain = 0});
        return origin ? origin->seq : 0;
    }

    EchoTable table;
    std::uint64_t seq = 0;
};

// The same, as simply as it can be said.
class Model {
  public:
    explicit Model(std::size_t entries) : limit_(entries) {}

    std::uint64_t see(std::uint64_t seq, Boundary boundary, std::uint64_t content, std::uint64_t ns,
                      std::uint32_t range) {
        for (Kept& k : kept_) {
            if (k.content != content || (k.passed >> static_cast<unsigned>(boundary) & 1U) != 0) {
                continue;
            }
            const bool same_range = k.range == 0 || range == 0 || k.range == range;
            const bool timely = k.ns + kWindow >= ns;
            if (k.boundary != boundary && timely) {
                if (k.ns > ns + kWindow || (!same_range && k.ns >= ns)) {
                    break;
                }
                if (same_range) {
                    k.passed |= 1U << static_cast<unsigned>(boundary);
                    return k.seq;
                }
            }
            k.passed |= 1U << static_cast<unsigned>(boundary);
        }
        kept_.push_back({seq, content, ns, range, boundary, 0});
        if (kept_.size() > limit_) {
            kept_.pop_front();
        }
        return 0;
    }

  private:
    struct Kept {
        std::uint64_t seq;
        std::uint64_t content;
        std::uint64_t ns;
        std::uint32_t range;
        Boundary boundary;
        unsigned passed;  // by which boundaries
    };
    std::deque<Kept> kept_;
    std::size_t limit_;
};

}  // namespace

TEST_CASE("echo: what the other boundary has reported is a duplicate, once") {
    Table t;
    CHECK(t.see(kKernel, 7, 1000) == 0);
    CHECK(t.see(kFuse, 8, 1000) == 0);
    CHECK(t.see(kFuse, 7, 1010) == 1);
    CHECK(t.see(kFuse, 7, 1020) == 0);
}

TEST_CASE("echo: two equal events of one boundary are two, and each is echoed once") {
    Table t;
    CHECK(t.see(kKernel, 7, 1000) == 0);
    CHECK(t.see(kKernel, 7, 1001) == 0);
    CHECK(t.see(kFuse, 7, 1002) == 1);
    CHECK(t.see(kFuse, 7, 1003) == 2);
    CHECK(t.see(kFuse, 7, 1004) == 0);
    CHECK(t.see(kKernel, 7, 1005) == 5);
}

TEST_CASE("echo: the window is included, on both sides, and ends there") {
    Table t;
    CHECK(t.see(kKernel, 1, 1000) == 0);
    CHECK(t.see(kFuse, 1, 1000 + kWindow) == 1);
    CHECK(t.see(kKernel, 2, 1000) == 0);
    CHECK(t.see(kFuse, 2, 1001 + kWindow) == 0);
    // The one whose part of the stream is behind.
    CHECK(t.see(kKernel, 3, 2000) == 0);
    CHECK(t.see(kFuse, 3, 2000 - kWindow) == 5);
    CHECK(t.see(kKernel, 4, 2000) == 0);
    CHECK(t.see(kFuse, 4, 1999 - kWindow) == 0);
}

TEST_CASE("echo: bytes that both know must be the same, and what is unknown is any") {
    Table t;
    CHECK(t.see(kKernel, 1, 1000, 11) == 0);
    CHECK(t.see(kKernel, 1, 1002, 12) == 0);
    CHECK(t.see(kFuse, 1, 1003, 12) == 2);
    CHECK(t.see(kFuse, 1, 1004, 11) == 0);
    CHECK(t.see(kKernel, 2, 1000, 11) == 0);
    CHECK(t.see(kFuse, 2, 1001, 0) == 5);
    // Many that only one boundary saw, in front of the one that both did.
    for (std::uint32_t i = 0; i < 50; i++) {
        CHECK(t.see(kKernel, 3, 1000 + i, 100 + i) == 0);
    }
    CHECK(t.see(kFuse, 3, 1050, 149) == 56);
}

TEST_CASE("echo: a third boundary's report is a duplicate too") {
    Table t;
    t.table.expect(Boundary::agent);
    CHECK(t.see(kKernel, 7, 1000) == 0);
    CHECK(t.see(kFuse, 7, 1001) == 1);
    CHECK(t.see(Boundary::agent, 7, 1002) == 1);
    CHECK(t.see(Boundary::agent, 7, 1003) == 0);
}

TEST_CASE("echo: the oldest is forgotten for the newest, and counted if it was still awaited") {
    Table t(4);
    for (std::uint64_t content = 1; content <= 5; content++) {
        CHECK(t.see(kKernel, content, 1000) == 0);
    }
    CHECK(t.table.evicted() == 1);
    CHECK(t.see(kFuse, 5, 1001) == 5);
    CHECK(t.see(kFuse, 1, 1001) == 0);  // takes the place of 2
    CHECK(t.table.evicted() == 2);
    CHECK(t.see(kFuse, 3, 1001) == 3);
    CHECK(t.see(kKernel, 6, 1001) == 0);  // of 3, which has been reported by both
    CHECK(t.table.evicted() == 2);
    CHECK(t.see(kKernel, 7, 1002 + kWindow) == 0);  // of 4, which is too old
    CHECK(t.table.evicted() == 2);
}

TEST_CASE("echo: what is remembered takes the memory that is said") {
    CHECK(EchoTable(std::size_t{1} << 17U, kWindow).bytes() == std::size_t{12} << 20U);
}

TEST_CASE("echo: any sequence gives what the simplest table gives") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    std::mt19937_64 random(seed);
    for (unsigned round = 0; round < 200; round++) {
        const std::size_t entries = 1 + random() % 40;
        Table t(entries);
        t.table.expect(Boundary::graph);  // the third
        Model model(entries);
        std::uint64_t now = 1000;
        for (unsigned i = 0; i < 2000; i++) {
            now += random() % 8;
            const auto boundary = static_cast<Boundary>(random() % 3);
            const std::uint64_t content = random() % 6 * 0x9e3779b97f4a7c15ULL;
            const std::uint64_t ns = now - random() % 300;
            const auto range = static_cast<std::uint32_t>(random() % 3);
            const std::uint64_t found = t.see(boundary, content, ns, range);
            REQUIRE(found == model.see(t.seq, boundary, content, ns, range));
        }
    }
}
