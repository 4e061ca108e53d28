// SPDX-License-Identifier: Apache-2.0
// What happened behind a mount reaches its watchers after its caches, once, in the right directory.
#include "fuse/injector.hpp"

#include <map>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/records.hpp"

using namespace vexfs;  // NOLINT: a test
using test::Record;

namespace {

constexpr dev_t kDev = 5;

class FakeCaches final : public fuse::Caches {
  public:
    [[nodiscard]] std::uint64_t asked() const override { return asked_to; }
    [[nodiscard]] std::uint64_t reached() const override { return reached_to; }
    [[nodiscard]] std::uint64_t node_id(const fuse::ObjectId& object) const override {
        const auto it = nodes.find(object.ino);
        return object.dev == kDev && it != nodes.end() ? it->second : 0;
    }

    std::uint64_t asked_to = 0;
    std::uint64_t reached_to = 0;
    std::map<std::uint64_t, std::uint64_t> nodes = {{2, 1}, {3, 1003}};  // two directories
};

class FakeWatchers final : public fuse::Watchers {
  public:
    void tell(const EventView& event, const fuse::Place& place) override {
        told.push_back({event.seq, place, std::string(event.name())});
    }
    void flush() override { flushes++; }

    struct Told {
        std::uint64_t seq;
        fuse::Place place;
        std::string name;
    };
    std::vector<Told> told;
    unsigned flushes = 0;
};

struct Bench {
    FakeCaches caches;
    FakeWatchers watchers;
    fuse::Injector injector{caches, watchers, kDev, 8};

    // An event, and as much as the invalidator would ask for because of it.
    void happens(const Record& record, std::uint64_t seq) {
        caches.asked_to++;
        injector.add(record.view(seq));
    }
    void caches_reach(std::uint64_t number) {
        caches.reached_to = number;
        injector.turn();
    }
};

Record in_directory(unsigned op, std::uint64_t parent, std::uint64_t ino = 20) {
    Record record(op);
    record->parent_ino = parent;
    record->ino = ino;
    return record;
}

}  // namespace

TEST_CASE("injector: watchers are told when the caches have been, and in the order of the events") {
    Bench bench;
    bench.happens(in_directory(VX_OP_FILE_CREATE, 2), 1);
    bench.happens(in_directory(VX_OP_FILE_WRITE, 2), 2);
    bench.injector.turn();
    CHECK(bench.watchers.told.empty());
    bench.caches_reach(1);
    REQUIRE(bench.watchers.told.size() == 1);
    CHECK(bench.watchers.told[0].seq == 1);
    CHECK(bench.watchers.told[0].place.directory == 1);
    CHECK(bench.watchers.told[0].place.directory_ino == 2);
    CHECK(bench.watchers.told[0].name == "name");
    bench.caches_reach(2);
    REQUIRE(bench.watchers.told.size() == 2);
    CHECK(bench.watchers.told[1].seq == 2);
    CHECK(bench.watchers.flushes == 2);
    bench.injector.turn();
    CHECK(bench.watchers.told.size() == 2);
}

TEST_CASE("injector: an object that the mount remembers is named, so that its watchers are told") {
    Bench bench;
    bench.caches.nodes[20] = 1020;
    bench.happens(in_directory(VX_OP_FILE_CHMOD, 3, 20), 1);
    bench.happens(in_directory(VX_OP_FILE_CHMOD, 3, 21), 2);
    bench.caches_reach(2);
    REQUIRE(bench.watchers.told.size() == 2);
    CHECK(bench.watchers.told[0].place.object == 1020);
    CHECK(bench.watchers.told[1].place.object == 0);
}

TEST_CASE("injector: a rename is told in both directories, its object once") {
    Bench bench;
    bench.caches.nodes[20] = 1020;
    const auto rename = [](std::uint64_t from, std::uint64_t to) {
        Record record = in_directory(VX_OP_FILE_RENAME, to);
        record.rename().old_parent_ino = from;
        return record;
    };
    SECTION("within one") {
        bench.happens(rename(2, 2), 1);
        bench.caches_reach(1);
        REQUIRE(bench.watchers.told.size() == 1);
        CHECK(bench.watchers.told[0].place.object == 1020);
    }
    SECTION("between two") {
        bench.happens(rename(2, 3), 1);
        bench.caches_reach(1);
        REQUIRE(bench.watchers.told.size() == 2);
        CHECK(bench.watchers.told[0].place.directory_ino == 2);
        CHECK(bench.watchers.told[0].place.object == 0);
        CHECK(bench.watchers.told[1].place.directory_ino == 3);
        CHECK(bench.watchers.told[1].place.object == 1020);
    }
    SECTION("out of what the mount shows") {
        bench.happens(rename(2, 99), 1);
        bench.caches_reach(1);
        REQUIRE(bench.watchers.told.size() == 1);
        CHECK(bench.watchers.told[0].place.directory_ino == 2);
        CHECK(bench.watchers.told[0].place.object == 1020);
    }
}

TEST_CASE("injector: what nobody can watch is not told") {
    Bench bench;
    bench.happens(in_directory(VX_OP_FILE_CREATE, 99), 1);
    Record gone = in_directory(VX_OP_FILE_WRITE, 2);
    gone->flags = VX_F_UNLINKED;
    bench.happens(gone, 2);
    bench.happens(in_directory(VX_OP_FILE_CREATE, 3), 3);
    bench.caches.nodes.erase(3);  // forgotten while it waited
    bench.caches_reach(3);
    CHECK(bench.watchers.told.empty());
}

TEST_CASE("injector: what does not fit is counted, and the rest is told") {
    Bench bench;
    for (std::uint64_t seq = 1; seq <= 10; seq++) {
        bench.happens(in_directory(VX_OP_FILE_CREATE, 2), seq);
    }
    bench.caches_reach(10);
    CHECK(bench.watchers.told.size() == 8);
    CHECK(bench.injector.dropped() == 2);
}

TEST_CASE("injector: settles when caches and watchers know of all that was before") {
    Bench bench;
    unsigned settled = 0;
    bench.injector.settle([&] { settled++; });
    CHECK(settled == 1);
    bench.happens(in_directory(VX_OP_FILE_CREATE, 2), 1);
    bench.injector.settle([&] {
        settled++;
        CHECK(bench.watchers.told.size() == 1);
        CHECK(bench.watchers.flushes == 1);
    });
    bench.happens(in_directory(VX_OP_FILE_CREATE, 2), 2);
    CHECK(settled == 1);
    bench.caches_reach(1);
    CHECK(settled == 2);
}
