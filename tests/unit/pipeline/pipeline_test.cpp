// SPDX-License-Identifier: Apache-2.0
// The pipeline on a ring in memory and a store that does what the test says.
#include "pipeline/pipeline.hpp"

#include <memory>
#include <string>
#include <vector>

#include "ring/memory_ring.hpp"
#include "support/catch.hpp"
#include "support/push_kernel.hpp"
#include "support/records.hpp"

using namespace vexfs;
using vexfs::test::Record;

namespace {

// Keeps what is appended in batches, as the real one does; may be full.
class MemoryStore final : public journal::Store {
  public:
    struct Kept {
        Event event;  // empty: a gap
        Gap gap;
    };

    [[nodiscard]] const JournalId& id() const override { return id_; }
    [[nodiscard]] std::uint64_t next_seq() const override { return next_; }
    Status append(const EventView& event) override {
        return take({Event(event), {}}, event.seq, event.seq);
    }
    Status append(const Gap& gap) override { return take({{}, gap}, gap.from, gap.to); }
    Status flush() override {
        if (full && !batch_.empty()) {
            return Status::error(ENOSPC, "no space");
        }
        for (Kept& kept : batch_) {
            written.push_back(std::move(kept));
        }
        batch_.clear();
        written_ = next_ - 1;
        return {};
    }
    Status sync() override {
        durable_ = written_;
        return {};
    }
    [[nodiscard]] std::uint64_t written_seq() const override { return written_; }
    [[nodiscard]] std::uint64_t durable_seq() const override { return durable_; }
    [[nodiscard]] const journal::StoreStats& stats() const override { return stats_; }

    bool full = false;
    std::size_t batch_limit = 8;
    std::vector<Kept> written;

  private:
    Status take(Kept kept, std::uint64_t from, std::uint64_t to) {
        if (batch_.size() >= batch_limit) {
            return Status::error(ENOBUFS, "batch full");
        }
        if (from != next_) {
            return Status::error(EINVAL, "not the next number");
        }
        batch_.push_back(std::move(kept));
        next_ = to + 1;
        return {};
    }

    JournalId id_;
    std::vector<Kept> batch_;
    std::uint64_t next_ = 1;
    std::uint64_t written_ = 0;
    std::uint64_t durable_ = 0;
    journal::StoreStats stats_;
};

class Bench {
  public:
    explicit Bench(std::uint64_t ring_bytes = std::uint64_t{1} << 16)
        : pipeline(store, paths, clock, {.pushback = ~0U}) {
        auto made = MemoryRing::create({.size_m = ring_bytes, .size_d = ring_bytes}, [] {});
        REQUIRE(made.ok());
        ring = std::move(made).value();
        auto source = Source::create(
            {.ring = {static_cast<const std::byte*>(ring->mapping()), ring->mapping_bytes()},
             .consumer = ring->consumer(),
             .boundary = Boundary::kernel,
             .barrier = [this] {
                 vx_ring_flush_loss(ring->ring(), 0, VX_CLASS_M);
                 vx_ring_flush_loss(ring->ring(), 0, VX_CLASS_D);
                 return Status();
             }});
        REQUIRE(source.ok());
        pipeline.add_source(std::move(source).value());
    }

    // Puts a record into the ring, as the kernel would. False: it was lost.
    bool put(Record& record) {
        vx_event& e = record.event();
        vx_slot slot;
        void* at = vx_ring_begin(ring->ring(), 0, e.rec.op, e.rec.len, ++now_, &slot);
        if (at == nullptr) {
            return false;
        }
        std::memcpy(static_cast<vx_record*>(at) + 1, &e.rec + 1, e.rec.len - sizeof(vx_record));
        static_cast<vx_record*>(at)->len = e.rec.len;
        static_cast<vx_record*>(at)->type = e.rec.type;
        static_cast<vx_record*>(at)->op = e.rec.op;
        vx_ring_commit(ring->ring(), &slot, e.rec.len);
        return true;
    }
    bool put(unsigned op, std::uint64_t ino) {
        Record record(op);
        record->ino = ino;
        return put(record);
    }

    void run() {
        while (pipeline.turn()) {
        }
    }

    MemoryStore store;
    DirectoryMap paths;
    ManualClock clock;
    std::unique_ptr<MemoryRing> ring;
    Pipeline pipeline;

  private:
    std::uint64_t now_ = 0;
};

}  // namespace

TEST_CASE("events reach the store in order, numbered densely, over many batches") {
    Bench bench;
    for (std::uint64_t i = 1; i <= 100; i++) {
        REQUIRE(bench.put(i % 2 != 0 ? VX_OP_FILE_CREATE : VX_OP_FILE_WRITE, i));
    }
    bench.run();
    REQUIRE(bench.store.written.size() == 100);
    for (std::uint64_t i = 1; i <= 100; i++) {
        const EventView view = bench.store.written[i - 1].event.view();
        CHECK(view.seq == i);
        CHECK(view.event().ino == i);
        CHECK(view.score == 1.0F);
        CHECK(!view.ops.empty());
    }
    CHECK(bench.pipeline.backlog_bytes() == 0);
}

TEST_CASE("a loss is stored as a gap, and the numbers skip by it") {
    Bench bench(VX_PAGE);
    std::uint64_t delivered = 0;
    while (bench.put(VX_OP_FILE_CREATE, delivered + 1)) {
        delivered++;
    }
    CHECK_FALSE(bench.put(VX_OP_FILE_DELETE, 0));
    std::uint64_t gap_seen = 0;
    bench.pipeline.on_gap([&](const Gap& gap) { gap_seen += gap.count(); });
    bench.run();
    REQUIRE(bench.put(VX_OP_FILE_CREATE, 4711));
    bench.run();
    REQUIRE(bench.store.written.size() == delivered + 2);
    const MemoryStore::Kept& gap = bench.store.written[delivered];
    REQUIRE(gap.event.empty());
    CHECK(gap.gap.from == delivered + 1);
    CHECK(gap.gap.to == delivered + 2);
    const EventView last = bench.store.written.back().event.view();
    CHECK(last.seq == delivered + 3);
    CHECK(last.event().ino == 4711);
    CHECK(gap_seen == 2);
    CHECK(bench.pipeline.counters().lost == 2);
}

TEST_CASE("a full store holds the events back, and nothing is lost when there is room again") {
    Bench bench;
    for (std::uint64_t i = 1; i <= 30; i++) {
        REQUIRE(bench.put(VX_OP_FILE_CREATE, i));
    }
    bench.store.full = true;
    bench.run();
    CHECK(bench.pipeline.stuck());
    CHECK(bench.store.written.empty());
    bench.pipeline.retry();
    bench.run();
    CHECK(bench.pipeline.stuck());
    bench.store.full = false;
    bench.pipeline.retry();
    bench.run();
    CHECK_FALSE(bench.pipeline.stuck());
    REQUIRE(bench.store.written.size() == 30);
    for (std::uint64_t i = 1; i <= 30; i++) {
        CHECK(bench.store.written[i - 1].event.view().event().ino == i);
    }
    CHECK(bench.pipeline.counters().events == 30);
}

TEST_CASE("a stuck store is back-pressure: what the ring then loses is a counted gap") {
    Bench bench(VX_PAGE);
    bench.store.full = true;
    std::uint64_t attempts = 0;
    std::uint64_t lost = 0;
    for (int i = 0; i < 100; i++) {
        lost += bench.put(VX_OP_FILE_WRITE, ++attempts) ? 0 : 1;
        bench.pipeline.retry();
        bench.pipeline.turn();
    }
    CHECK(lost > 0);
    bench.store.full = false;
    bench.pipeline.retry();
    bench.run();
    CHECK(bench.pipeline.counters().lost == lost);
    CHECK(bench.store.written_seq() == attempts);
}

TEST_CASE("sync answers when all that happened before is stored and durable") {
    Bench bench;
    REQUIRE(bench.put(VX_OP_FILE_CREATE, 1));
    bool done = false;
    bench.pipeline.sync([&](const Status& status) {
        done = true;
        CHECK(status.ok());
        CHECK(bench.store.durable_seq() == 1);
    });
    CHECK_FALSE(done);
    bench.run();
    CHECK(done);
}

TEST_CASE("paths follow the directories that the stream creates, renames and deletes") {
    Bench bench;
    bench.paths.anchor({7, 2, 0}, "/srv");
    Record dir(VX_OP_DIR_CREATE, VX_F_DIRECTORY);
    dir->fsid = 7;
    dir->ino = 10;
    dir->parent_ino = 2;
    dir.names("a");
    Record file(VX_OP_FILE_CREATE);
    file->fsid = 7;
    file->ino = 11;
    file->parent_ino = 10;
    file.names("f");
    Record move(VX_OP_FILE_RENAME, VX_F_DIRECTORY);
    move->fsid = 7;
    move->ino = 10;
    move->parent_ino = 2;
    move.rename().old_parent_ino = 2;
    move.names("b", "a");
    REQUIRE(bench.put(dir));
    REQUIRE(bench.put(file));
    REQUIRE(bench.put(move));
    REQUIRE(bench.put(file));
    bench.run();
    const auto& kept = bench.store.written;
    CHECK(kept[0].event.view().path == "/srv/a");
    CHECK(kept[1].event.view().path == "/srv/a/f");
    CHECK(kept[2].event.view().path == "/srv/b");
    CHECK(kept[2].event.view().old_path == "/srv/a");
    CHECK(kept[3].event.view().path == "/srv/b/f");
}

TEST_CASE("an event of the mount names its object by the file system behind it") {
    Bench bench;
    bench.pipeline.map_mount(50, 7);
    bench.paths.anchor({50, 2, 0}, "/mnt");
    Record file(VX_OP_FILE_CREATE);
    file->fsid = 50;
    file->ino = 11;
    file->parent_ino = 2;
    file.names("f");
    REQUIRE(bench.put(file));
    bench.run();
    const EventView view = bench.store.written[0].event.view();
    CHECK(view.event().fsid == 7);
    CHECK(view.boundary == Boundary::fuse);
    CHECK(view.path == "/mnt/f");
}

TEST_CASE("an event goes back to the kernel as it came, also one of the mount") {
    Bench bench;
    test::PushKernel kernel;
    PushRing ring(kernel.area, kernel.call());
    bench.pipeline.set_push_ring(&ring);
    bench.pipeline.map_mount(50, 7);
    for (const std::uint64_t fsid : {50, 7, 9}) {
        Record file(VX_OP_FILE_CREATE);
        file->fsid = fsid;
        file->ino = 11;
        file->parent_ino = 2;
        REQUIRE(bench.put(file));
        bench.run();
        REQUIRE(kernel.last_event.size() == file.record().len);
        const auto& back = *reinterpret_cast<const vx_event*>(kernel.last_event.data());
        CHECK(back.fsid == fsid);
        CHECK(back.ino == 11);
    }
    CHECK(kernel.seen == std::vector<std::uint64_t>{1, 2, 3});
    CHECK(ring.counters().score_min == 1.0);
}

TEST_CASE("what was not observed before a run is a gap in front of its first event") {
    Bench bench;
    REQUIRE(bench.put(VX_OP_FILE_CREATE, 1));
    bench.run();
    unsigned told = 0;
    Pipeline next_run(bench.store, bench.paths, bench.clock, {});
    next_run.on_gap([&](const Gap& gap) {
        told++;
        CHECK(gap.reason == GapReason::stopped);
    });
    SECTION("at once, before anything happens") {
        next_run.not_observed_until_now();
        while (next_run.turn()) {
        }
    }
    SECTION("as soon as it can be written") {
        bench.store.full = true;
        next_run.not_observed_until_now();
        while (next_run.turn()) {
        }
        CHECK(bench.store.written.size() == 1);
        bench.store.full = false;
        next_run.retry();
        while (next_run.turn()) {
        }
    }
    REQUIRE(bench.store.written.size() == 2);
    CHECK(bench.store.written[1].event.empty());
    const Gap& gap = bench.store.written[1].gap;
    CHECK(gap.reason == GapReason::stopped);
    CHECK(gap.from == 2);
    CHECK(gap.count() == 0);
    CHECK(gap.real_ns == bench.clock.real_ns());
    CHECK(told == 1);
    CHECK(next_run.counters().gaps == 1);
    CHECK(next_run.counters().lost == 0);
    REQUIRE(bench.put(VX_OP_FILE_CREATE, 2));
    bench.run();
    REQUIRE(bench.store.written.size() == 3);
    CHECK(bench.store.written[2].event.view().seq == 2);
}

TEST_CASE("a journal without events has nothing that could have been missed") {
    Bench bench;
    bench.pipeline.not_observed_until_now();
    REQUIRE(bench.put(VX_OP_FILE_CREATE, 1));
    bench.run();
    REQUIRE(bench.store.written.size() == 1);
    CHECK_FALSE(bench.store.written[0].event.empty());
    CHECK(bench.pipeline.counters().gaps == 0);
}
