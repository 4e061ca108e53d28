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
    void sync(Done done) override {
        durable_ = written_;
        durable_items_ = written.size();
        done({});
    }
    void hurry() override { ++hurries; }
    void on_progress(std::function<void()> fn) override { progress_ = std::move(fn); }
    [[nodiscard]] std::uint64_t appended() const override {
        return written.size() + batch_.size();
    }
    [[nodiscard]] std::uint64_t safe() const override {
        return unsafe ? durable_items_ : written.size();
    }
    // What was written is durable.
    void settle() {
        durable_ = written_;
        durable_items_ = written.size();
        progress_();
    }
    [[nodiscard]] std::uint64_t written_seq() const override { return written_; }
    [[nodiscard]] std::uint64_t durable_seq() const override { return durable_; }
    [[nodiscard]] const journal::StoreStats& stats() const override { return stats_; }

    bool full = false;
    bool unsafe = false;  // only what is durable is safe
    unsigned hurries = 0;
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
    std::function<void()> progress_;
    std::vector<Kept> batch_;
    std::uint64_t next_ = 1;
    std::uint64_t written_ = 0;
    std::uint64_t durable_ = 0;
    std::size_t durable_items_ = 0;
    journal::StoreStats stats_;
};

class Bench {
  public:
    explicit Bench(std::uint64_t ring_bytes = std::uint64_t{1} << 16, unsigned batch = 4096)
        : pipeline(store, paths, clock, {.batch = batch, .pushback = ~0U}) {
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
            const vx_dirty dir{
                .fsid = e.fsid, .ino = e.parent_ino, .gen = e.parent_gen, .reserved = 0};
            if (vx_op_class(e.rec.op) == VX_CLASS_M) {
                vx_ring_dirty(ring->ring(), 0, &dir, 1);
            }
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
    // The numbers, the account behind them, and the event.
    REQUIRE(bench.store.written.size() == delivered + 3);
    CHECK(bench.store.written[delivered + 1].gap.count() == 0);
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

TEST_CASE("the account of lost names says what, when and in which directories") {
    Bench bench(VX_PAGE);
    bench.pipeline.map_mount(50, 7);
    bench.paths.anchor({50, 2, 0}, "/mnt");
    std::uint64_t attempts = 0;
    while (bench.put(VX_OP_FILE_WRITE, 1)) {
        attempts++;
    }
    Record made(VX_OP_FILE_CREATE);
    made->fsid = 50;
    made->parent_ino = 2;
    while (bench.put(made)) {
        attempts++;
    }
    Record elsewhere(VX_OP_DIR_CREATE);
    elsewhere->fsid = 9;
    elsewhere->parent_ino = 77;
    elsewhere->parent_gen = 3;
    CHECK_FALSE(bench.put(elsewhere));
    CHECK_FALSE(bench.put(made));
    attempts += 4;
    unsigned m = 0;
    unsigned d = 0;
    bench.pipeline.on_gap([&](const Gap& gap) {
        if (!gap.account) {
            CHECK(gap.count() == 3);
            return;
        }
        if (gap.count() != 0) {
            d++;
            CHECK(gap.scope == "class D, producer 0");
            CHECK(gap.ops == std::vector<LostOp>{{VX_OP_FILE_WRITE, 0, 1}});
            CHECK(gap.dirty.empty());
            CHECK_FALSE(gap.dirty_overflow);
            return;
        }
        m++;
        CHECK(gap.scope == "class M, producer 0");
        CHECK(gap.ops ==
              std::vector<LostOp>{{VX_OP_FILE_CREATE, 0, 2}, {VX_OP_DIR_CREATE, 0, 1}});
        CHECK(gap.last_ns == gap.mono_ns + 2);
        CHECK_FALSE(gap.dirty_overflow);
        REQUIRE(gap.dirty.size() == 2);
        CHECK(gap.dirty[0].fsid == 7);  // as its events name it
        CHECK(gap.dirty[0].ino == 2);
        CHECK(gap.dirty[0].path == "/mnt");
        CHECK(gap.dirty[1].fsid == 9);
        CHECK(gap.dirty[1].ino == 77);
        CHECK(gap.dirty[1].gen == 3);
        CHECK(gap.dirty[1].path.empty());
    });
    bench.run();
    CHECK(m == 1);
    CHECK(d == 1);
    CHECK(bench.pipeline.counters().lost == 4);
    CHECK(bench.store.written_seq() == attempts);
}

TEST_CASE("lost names without a place overflow the set of directories") {
    Bench bench(VX_PAGE);
    while (bench.put(VX_OP_FILE_CREATE, 1)) {  // its parent is not known
    }
    unsigned accounts = 0;
    bench.pipeline.on_gap([&](const Gap& gap) {
        accounts += gap.account ? 1 : 0;
        CHECK(gap.dirty_overflow == gap.account);
    });
    bench.run();
    CHECK(accounts == 1);
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

TEST_CASE("what a full store never takes is counted at the end, wherever it is") {
    Bench bench(VX_PAGE);
    std::uint64_t attempts = 0;
    bench.store.full = true;
    bool lost = false;
    while (!lost) {  // the batch, the item that does not fit it, the ring, and what that lost
        lost = !bench.put(VX_OP_FILE_CREATE, ++attempts);
        bench.put(VX_OP_FILE_WRITE, ++attempts);
        if (attempts == 6) {
            bench.run();
            bench.pipeline.retry();
        }
    }
    bench.run();
    CHECK(bench.pipeline.stuck());
    CHECK(bench.pipeline.abandon() == attempts);
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

TEST_CASE("the ring's room is given back when the store has made safe what was in it") {
    Bench bench(4096);
    bench.store.unsafe = true;
    std::uint64_t put = 0;
    while (bench.put(VX_OP_FILE_CREATE, put + 1)) {
        ++put;
        bench.run();
    }
    REQUIRE(bench.store.written.size() == put);  // it was read, and the ring is full all the same
    CHECK(bench.store.hurries > 0);
    bench.store.settle();
    CHECK(bench.put(VX_OP_FILE_CREATE, put + 1));
    bench.run();
    CHECK(bench.pipeline.counters().lost == 1);
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

TEST_CASE("sync is answered while things go on happening, and not before its barrier is passed") {
    Bench bench(std::uint64_t{1} << 16, 4);
    for (std::uint64_t i = 1; i <= 20; i++) {
        REQUIRE(bench.put(i % 2 != 0 ? VX_OP_FILE_CREATE : VX_OP_FILE_WRITE, i));
    }
    bench.pipeline.subscribe([&](const EventView& view) {  // for each that is read, another one
        REQUIRE(bench.put(view.op(), view.seq));
    });
    std::vector<std::uint64_t> durable;
    const auto note = [&](const Status& status) {
        CHECK(status.ok());
        durable.push_back(bench.store.durable_seq());
    };
    bench.pipeline.sync(note);
    for (int turn = 1; turn <= 4; turn++) {
        CHECK(bench.pipeline.turn());
        CHECK(durable.empty());
    }
    CHECK(bench.pipeline.turn());
    REQUIRE(durable == std::vector<std::uint64_t>{20});
    bench.pipeline.sync(note);  // the 20 that came in the meantime
    for (int turn = 1; turn <= 6; turn++) {
        CHECK(bench.pipeline.turn());
    }
    REQUIRE(durable.size() == 2);
    CHECK(durable[1] >= 40);
}

TEST_CASE("sync waits for the losses before it too") {
    Bench bench(VX_PAGE, 4);
    std::uint64_t attempts = 0;
    for (int i = 0; i < 40; i++) {
        bench.put(VX_OP_FILE_CREATE, ++attempts);
        bench.put(VX_OP_FILE_WRITE, ++attempts);
    }
    std::uint64_t durable = 0;
    bench.pipeline.sync([&](const Status&) { durable = bench.store.durable_seq(); });
    bench.run();
    CHECK(bench.pipeline.counters().lost > 0);
    CHECK(durable == attempts);
}

TEST_CASE("calls that the kernel could not follow become a gap without numbers, once each") {
    Bench bench;
    REQUIRE(bench.put(VX_OP_FILE_CREATE, 1));
    bench.run();
    std::uint64_t told = 0;
    bench.pipeline.on_gap([&](const Gap&) { told++; });
    for (const std::uint64_t total : {0, 3, 3, 10}) {
        bench.pipeline.note_probe_missed(total);
    }
    REQUIRE(bench.put(VX_OP_FILE_CREATE, 2));
    bench.run();
    CHECK(told == 2);
    CHECK(bench.pipeline.counters().probe_missed == 10);
    REQUIRE(bench.store.written.size() == 4);
    const Gap& first = bench.store.written[1].gap;
    CHECK(first.reason == GapReason::probe_missed);
    CHECK(first.from == 2);
    CHECK(first.count() == 0);
    CHECK(bench.store.written[2].gap.reason == GapReason::probe_missed);
    CHECK(bench.store.written[3].event.view().seq == 2);

    bench.store.full = true;
    REQUIRE(bench.put(VX_OP_FILE_CREATE, 3));
    bench.run();
    bench.pipeline.on_sync([&] { bench.pipeline.note_probe_missed(11); });
    bool synced = false;
    bench.pipeline.sync([&](const Status&) { synced = true; });
    CHECK(told == 2);
    bench.store.full = false;
    bench.pipeline.retry();
    bench.pipeline.sync([&](const Status&) { synced = told == 3; });
    bench.run();
    CHECK(synced);
    CHECK(told == 3);
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
        next_run.not_observed_until_now(GapReason::stopped);
        while (next_run.turn()) {
        }
    }
    SECTION("as soon as it can be written") {
        bench.store.full = true;
        next_run.not_observed_until_now(GapReason::stopped);
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
    bench.pipeline.not_observed_until_now(GapReason::stopped);
    REQUIRE(bench.put(VX_OP_FILE_CREATE, 1));
    bench.run();
    REQUIRE(bench.store.written.size() == 1);
    CHECK_FALSE(bench.store.written[0].event.empty());
    CHECK(bench.pipeline.counters().gaps == 0);
}
