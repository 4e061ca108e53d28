// SPDX-License-Identifier: Apache-2.0
// The pipeline with two rings: one request that both report.
#include <cstring>
#include <memory>
#include <vector>

#include "pipeline/pipeline.hpp"
#include "ring/memory_ring.hpp"
#include "support/catch.hpp"
#include "support/push_kernel.hpp"
#include "support/records.hpp"

using namespace vexfs;  // NOLINT: a test
using test::Record;

namespace {

class KeepingStore final : public journal::Store {
  public:
    [[nodiscard]] const JournalId& id() const override { return id_; }
    [[nodiscard]] std::uint64_t next_seq() const override { return next_; }
    Status append(const EventView& event) override {
        if (refuses) {
            refuses = false;
            return Status::error(ENOBUFS, "no room now");
        }
        kept.emplace_back(event);
        next_++;
        return {};
    }
    Status append(const Gap& gap) override {
        next_ = gap.to + 1;
        return {};
    }
    Status flush() override { return {}; }
    void sync(Done done) override { done({}); }
    void hurry() override {}
    void on_progress(std::function<void()>) override {}
    [[nodiscard]] std::uint64_t written_seq() const override { return next_ - 1; }
    [[nodiscard]] std::uint64_t durable_seq() const override { return next_ - 1; }
    [[nodiscard]] std::uint64_t appended() const override { return next_; }
    [[nodiscard]] std::uint64_t safe() const override { return next_; }
    [[nodiscard]] const journal::StoreStats& stats() const override { return stats_; }

    std::vector<Event> kept;
    bool refuses = false;

  private:
    JournalId id_;
    std::uint64_t next_ = 1;
    journal::StoreStats stats_;
};

class Ring {
  public:
    Ring(Pipeline& pipeline, Boundary boundary) {
        auto made = MemoryRing::create({.size_m = VX_PAGE, .size_d = VX_PAGE}, [] {});
        REQUIRE(made.ok());
        ring_ = std::move(made).value();
        auto source = Source::create(
            {.ring = {static_cast<const std::byte*>(ring_->mapping()), ring_->mapping_bytes()},
             .consumer = ring_->consumer(),
             .boundary = boundary,
             .barrier = [] { return Status(); }});
        REQUIRE(source.ok());
        pipeline.add_source(std::move(source).value());
    }

    void put(const Record& record, std::uint64_t now) {
        const vx_event& e = record.event();
        vx_slot slot{};
        auto* at = static_cast<vx_record*>(
            vx_ring_begin(ring_->ring(), 0, e.rec.op, e.rec.len, now, &slot));
        REQUIRE(at != nullptr);
        std::memcpy(at + 1, &e.rec + 1, e.rec.len - sizeof(vx_record));
        at->len = e.rec.len;
        at->type = e.rec.type;
        at->op = e.rec.op;
        vx_ring_commit(ring_->ring(), &slot, e.rec.len);
    }

  private:
    std::unique_ptr<MemoryRing> ring_;
};

struct TwoBoundaries {
    TwoBoundaries()
        : pipeline(store, paths, clock, {.pushback = ~0U}),
          kernel(pipeline, Boundary::kernel),
          mount(pipeline, Boundary::fuse) {}
    void run() {
        while (pipeline.turn()) {
        }
    }

    KeepingStore store;
    DirectoryMap paths;
    ManualClock clock;
    Pipeline pipeline;
    Ring kernel;
    Ring mount;
};

Record chmod_of(std::uint64_t ino) {
    Record record(VX_OP_FILE_CHMOD, VX_F_MODE);
    record->fsid = 7;
    record->ino = ino;
    record->parent_ino = 2;
    record->pid = record->tid = 100;
    return record;
}

}  // namespace

TEST_CASE("what two boundaries report is stored twice, numbered densely, one a duplicate") {
    TwoBoundaries two;
    two.kernel.put(chmod_of(11), 1000);
    two.mount.put(chmod_of(11), 1100);
    two.mount.put(chmod_of(12), 1200);
    two.run();
    REQUIRE(two.store.kept.size() == 3);
    for (std::uint64_t i = 0; i < 3; i++) {
        const EventView view = two.store.kept[i].view();
        CHECK(view.seq == i + 1);
        CHECK(view.duplicate == (i == 1));
        CHECK(view.cause == (i == 1 ? 1U : 0U));
    }
    CHECK(two.pipeline.correlation().duplicates == 1);
    CHECK(two.pipeline.counters().events == 3);
}

TEST_CASE("a duplicate does not go back to the kernel again, subscribers see what it is") {
    TwoBoundaries two;
    test::PushKernel kernel;
    PushRing ring(kernel.area, kernel.call());
    two.pipeline.set_push_ring(&ring);
    std::vector<bool> seen;
    two.pipeline.subscribe([&](const EventView& view) { seen.push_back(view.duplicate); });
    two.kernel.put(chmod_of(11), 1000);
    two.mount.put(chmod_of(11), 1100);
    two.mount.put(chmod_of(11), 1200);
    two.run();
    CHECK(kernel.seen == std::vector<std::uint64_t>{1, 3});
    CHECK(seen == std::vector<bool>{false, true, false});
}

TEST_CASE("an event that waits for room in the store is looked at once") {
    TwoBoundaries two;
    two.kernel.put(chmod_of(11), 1000);
    two.store.refuses = true;
    two.run();
    two.mount.put(chmod_of(11), 1100);
    two.store.refuses = true;
    two.run();
    REQUIRE(two.store.kept.size() == 2);
    CHECK(two.store.kept[1].view().cause == 1);
    CHECK(two.pipeline.correlation().duplicates == 1);
}
