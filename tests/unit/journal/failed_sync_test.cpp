// SPDX-License-Identifier: Apache-2.0
// SegmentStore on a disk whose syncs fail.
#include <spdlog/spdlog.h>

#include <filesystem>
#include <vector>

#include "journal/segment_store.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/simulated_disk.hpp"
#include "support/temp_directory.hpp"

using namespace vexfs;  // NOLINT: a test
using journal::Durability;
using journal::SegmentStore;
using test::put;
using test::SimulatedDisk;
using test::TempDirectory;
using test::verify;

TEST_CASE("store: a next segment that can't be made durable is made anew") {
    const TempDirectory dir;
    SimulatedDisk disk(dir.path(), 1);
    const auto level = spdlog::get_level();
    spdlog::set_level(spdlog::level::off);
    auto store = *SegmentStore::open({.segment_bytes = 4096}, disk);
    unsigned appended = 0;
    while (store->stats().segments < 2) {
        disk.bad_syncs = store->stats().bytes > 3000 ? 400 : 0;  // the change is near
        REQUIRE(put(*store).ok());
        ++appended;
        store->flush().ignore();
        disk.run();
    }
    disk.bad_syncs = 0;
    store->flush().ignore();
    bool synced = false;
    store->sync([&](const Status& status) { synced = status.ok(); });
    disk.run();
    CHECK(synced);
    const auto report = verify(dir.path());
    CHECK(report.events == appended);
    CHECK(report.problems == 0);
    spdlog::set_level(level);
}

TEST_CASE("store: a segment that could not be synced is given up for one that can") {
    const TempDirectory dir;
    SimulatedDisk disk(dir.path(), 1);
    auto store = *SegmentStore::open({}, disk);
    const auto write = [&](unsigned n) {
        for (unsigned i = 0; i < n; ++i) {
            REQUIRE(put(*store).ok());
        }
        REQUIRE(store->flush().ok());
        disk.run();
    };
    write(5);
    store->hurry();
    disk.run();
    CHECK(store->durable_seq() == 5);
    write(5);
    std::vector<Status> answers;
    store->sync([&](const Status& status) { answers.push_back(status); });
    disk.bad_syncs = 1000;
    disk.step();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].code() == EIO);
    CHECK(store->health().code() == EIO);
    CHECK(store->durable_seq() == 5);
    CHECK_FALSE(store->flush().ok());
    CHECK(put(*store).ok());
    disk.bad_syncs = 0;
    store->sync([&](const Status& status) { answers.push_back(status); });
    disk.run();
    REQUIRE(answers.size() == 2);
    CHECK(answers[1].ok());
    CHECK(store->health().ok());
    CHECK(store->durable_seq() == 11);
    CHECK(store->stats().sync_errors == 1);
    REQUIRE(std::filesystem::exists(dir.path() + "/" + journal::segment_name(6)));
    CHECK(verify(dir.path()).problems == 0);
    // What the first one held behind number 5 is not believed, whatever the disk has kept of it.
    store.reset();
    disk.cut_power();
    const auto again = SegmentStore::open({.boot_id = {7}}, disk);
    REQUIRE(again.ok());
    const auto report = verify(dir.path());
    CHECK(report.problems == 0);
    CHECK(report.events == 11);
}

TEST_CASE("store: a daemon that is killed when it alone knows that a sync failed costs nothing") {
    const TempDirectory dir;
    SimulatedDisk disk(dir.path(), 1);
    const auto level = spdlog::get_level();
    spdlog::set_level(spdlog::level::off);
    auto store = *SegmentStore::open({}, disk);
    REQUIRE(put(*store).ok());
    store->sync([](const Status& status) { REQUIRE(status.ok()); });
    disk.run();
    // So many that a new limit comes, which says what is on the disk.
    if (GENERATE(false, true)) {
        const std::uint64_t to = store->next_seq() + journal::kLimitStep;
        REQUIRE(store->append(Gap{store->next_seq(), to, 0, 0, GapReason::ring_full, ""}).ok());
        store->sync([](const Status& status) { REQUIRE(status.ok()); });
        disk.run();
    }
    for (int i = 0; i < 2'000; ++i) {
        REQUIRE(put(*store).ok());
    }
    REQUIRE(store->flush().ok());
    disk.step();
    store->tick();
    disk.bad_syncs = 1000;
    disk.operations_left = 1;  // the sync; then nothing that it wants to note is noted
    disk.run();
    REQUIRE_FALSE(store->health().ok());
    disk.kill();
    store.reset();
    disk.bad_syncs = 0;
    disk.operations_left = ~std::uint64_t{0};
    store = *SegmentStore::open({}, disk);
    REQUIRE(put(*store).ok());
    bool synced = false;
    store->sync([&](const Status& status) { synced = status.ok(); });
    disk.run();
    REQUIRE(synced);
    store.reset();
    disk.cut_power();
    CHECK(verify(dir.path()).events == 2'002);
    CHECK(verify(dir.path()).problems == 0);
    spdlog::set_level(level);
}

TEST_CASE("store: what is in the files alone is written again when its sync fails") {
    const TempDirectory dir;
    SimulatedDisk disk(dir.path(), 1);
    const auto level = spdlog::get_level();
    spdlog::set_level(spdlog::level::off);
    auto store = *SegmentStore::open({.durability = Durability::none}, disk);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(put(*store).ok());
    }
    REQUIRE(store->flush().ok());
    disk.run();
    REQUIRE(store->buffered_bytes() == 0);
    bool synced = false;
    store->sync([&](const Status& status) { synced = status.ok(); });
    disk.bad_syncs = 1000;
    disk.run();
    CHECK_FALSE(synced);
    disk.bad_syncs = 0;
    store->sync([&](const Status& status) { synced = status.ok(); });
    disk.run();
    REQUIRE(synced);
    store.reset();
    disk.cut_power();
    CHECK(verify(dir.path()).events == 100);
    CHECK(verify(dir.path()).problems == 0);
    spdlog::set_level(level);
}
