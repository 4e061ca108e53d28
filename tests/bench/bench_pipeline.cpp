// SPDX-License-Identifier: Apache-2.0
// Events a second through the daemon's pipeline on one core: drain, paths, translation,
// correlation, store. The ring is filled first, then the time of emptying it is taken. The store is
// a null store (what is in front of it alone; also with two rings, of which the second reports what
// the first does), or the journal in the daemon's event loop, until all is written, or until all is
// durable; the reference is a plain append of the journal's bytes to a file on the same file
// system.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../support/temp_directory.hpp"
#include "journal/directory.hpp"
#include "journal/segment_store.hpp"
#include "measure.hpp"
#include "pipeline/pipeline.hpp"
#include "record.h"
#include "ring/memory_ring.hpp"
#include "sys/loop.hpp"

using namespace vexfs;  // NOLINT: a program
using namespace vexfs::bench;

namespace {

constexpr unsigned kEvents = 200'000;
constexpr std::uint64_t kRing = 64u << 20;
constexpr unsigned kDirectories = 64;
constexpr std::uint64_t kFs = 9;

class NullStore final : public journal::Store {
  public:
    [[nodiscard]] const JournalId& id() const override { return id_; }
    [[nodiscard]] std::uint64_t next_seq() const override { return next_; }
    Status append(const EventView& event) override {
        keep(event.hash);
        stats_.events++;
        next_++;
        return {};
    }
    Status append(const Gap& gap) override {
        stats_.lost += gap.count();
        next_ = gap.to + 1;
        return {};
    }
    Status flush() override { return {}; }
    void sync(Done done) override { done({}); }
    void hurry() override {}
    void on_progress(std::function<void()>) override {}
    [[nodiscard]] std::uint64_t appended() const override { return next_; }
    [[nodiscard]] std::uint64_t safe() const override { return next_; }
    [[nodiscard]] std::uint64_t written_seq() const override { return next_ - 1; }
    [[nodiscard]] std::uint64_t durable_seq() const override { return next_ - 1; }
    [[nodiscard]] const journal::StoreStats& stats() const override { return stats_; }

  private:
    JournalId id_;
    std::uint64_t next_ = 1;
    journal::StoreStats stats_;
};

void fail(const char* what, const Status& status) {
    std::fprintf(stderr, "%s: %s\n", what, status.message().c_str());
    std::exit(1);
}

// What a program that makes, writes, closes, changes and removes files leaves in the ring.
class Workload {
  public:
    explicit Workload(vx_ring* ring) : ring_(ring) {
        for (unsigned d = 0; d < kDirectories; d++) {
            announce(d);
        }
    }

    // The n-th of kEvents.
    void happens(unsigned n) {
        constexpr unsigned kOps[] = {VX_OP_FILE_CREATE, VX_OP_FILE_WRITE, VX_OP_FILE_WRITE,
                                     VX_OP_FILE_CLOSE,  VX_OP_FILE_CHMOD, VX_OP_FILE_RENAME,
                                     VX_OP_FILE_WRITE,  VX_OP_FILE_DELETE};
        event(kOps[n % std::size(kOps)], n / std::size(kOps));
    }

  private:
    void announce(unsigned d) {
        const std::string name = "directory-" + std::to_string(d);
        for (const unsigned cls : {VX_CLASS_M, VX_CLASS_D}) {
            vx_slot slot;
            auto* dir = static_cast<vx_dir*>(vx_ring_begin_dir(ring_, 0, cls, 0, &slot));
            const auto len = static_cast<std::uint32_t>(sizeof(*dir) + VX_ALIGN8(name.size()));
            std::memset(&dir->fsid, 0, len - sizeof(dir->rec));
            dir->rec.len = len;
            dir->rec.type = VX_REC_DIR;
            dir->rec.op = 0;
            dir->fsid = kFs;
            dir->ino = 1000 + d;
            // Chains of eight directories below the root, which is 2.
            dir->parent_ino = d % 8 == 0 ? 2 : 1000 + d - 1;
            dir->name_len = static_cast<__u16>(name.size());
            std::memcpy(dir + 1, name.data(), name.size());
            vx_ring_commit(ring_, &slot, len);
        }
    }

    void event(unsigned op, unsigned file) {
        char name[24];
        const auto len = static_cast<unsigned>(std::snprintf(name, sizeof(name), "f-%07u", file));
        vx_slot slot;
        auto* e = static_cast<vx_event*>(
            vx_ring_begin(ring_, 0, op, vx_event_len(op, len, len), now_ns(), &slot));
        if (e == nullptr) {
            return;  // a loss: the pipeline counts it
        }
        std::memset(&e->fsid, 0, vx_event_fixed(op) - sizeof(e->rec));
        e->rec.type = VX_REC_EVENT;
        e->rec.op = static_cast<__u16>(op);
        e->fsid = kFs;
        e->ino = 1'000'000 + file;
        e->parent_ino = 1000 + file % kDirectories;
        e->flags = op == VX_OP_FILE_CLOSE ? VX_F_WROTE : 0;
        e->mode = 0100644;
        e->nlink = op == VX_OP_FILE_DELETE ? 0 : 1;
        e->pid = e->tid = 4711;
        std::memcpy(e->comm, "program", 8);
        if (vx_rename* rename = vx_event_rename(e); rename != nullptr) {
            rename->old_parent_ino = e->parent_ino;
        }
        vx_ring_commit(ring_, &slot,
                       vx_event_strings(e, name, len, name, op == VX_OP_FILE_RENAME ? len : 0));
    }

    vx_ring* ring_;
};

struct Rate {
    double per_second = 0;
    std::uint64_t lost = 0;
    std::uint64_t evicted = 0;
};

std::unique_ptr<Source> source_of(MemoryRing& ring, Boundary boundary) {
    auto source = Source::create(
        {.ring = {static_cast<const std::byte*>(ring.mapping()), ring.mapping_bytes()},
         .consumer = ring.consumer(),
         .boundary = boundary,
         .barrier = [&ring] {
             vx_ring_flush_loss(ring.ring(), 0, VX_CLASS_M);
             vx_ring_flush_loss(ring.ring(), 0, VX_CLASS_D);
             return Status();
         }});
    if (!source) {
        fail("reader", source.status());
    }
    return std::move(*source);
}

// Every boundary reports the same, from a ring of its own.
Rate drain(journal::Store& store, const std::function<void(Pipeline&)>& finish,
           const std::vector<Boundary>& boundaries = {Boundary::kernel}) {
    DirectoryMap paths;
    paths.anchor({kFs, 2, 0}, "/srv/data");
    const SystemClock clock;
    Pipeline pipeline(store, paths, clock, {.correlate = {.answers = false}});
    std::vector<std::unique_ptr<MemoryRing>> rings;
    for (const Boundary boundary : boundaries) {
        auto ring = MemoryRing::create({.producers = 1, .size_m = kRing, .size_d = kRing}, [] {});
        if (!ring) {
            fail("ring", ring.status());
        }
        rings.push_back(std::move(*ring));
        pipeline.add_source(source_of(*rings.back(), boundary));
    }
    std::vector<Workload> workloads;
    for (auto& ring : rings) {
        workloads.emplace_back(ring->ring());
    }
    for (unsigned n = 0; n < kEvents; n++) {
        for (Workload& workload : workloads) {
            workload.happens(n);
        }
    }
    const std::uint64_t start = now_ns();
    finish(pipeline);
    const std::uint64_t took = now_ns() - start;
    const PipelineCounters& c = pipeline.counters();
    const correlate::Counters correlation = pipeline.correlation();
    if (c.events + c.lost != kEvents * rings.size() || c.no_path != 0 ||
        (c.lost == 0 && correlation.duplicates != kEvents * (rings.size() - 1))) {
        std::fprintf(stderr,
                     "%llu events, %llu lost, %llu without a path, %llu duplicates, of %u\n",
                     static_cast<unsigned long long>(c.events),
                     static_cast<unsigned long long>(c.lost),
                     static_cast<unsigned long long>(c.no_path),
                     static_cast<unsigned long long>(correlation.duplicates), kEvents);
        std::exit(1);
    }
    return {static_cast<double>(c.events) * 1e9 / static_cast<double>(took), c.lost,
            correlation.echoes_evicted + correlation.sessions.evicted};
}

// As many bytes as the journal wrote, appended in pieces of 1 MiB.
double append_plainly(const std::string& folder, std::uint64_t bytes, bool sync) {
    constexpr std::size_t kBatch = std::size_t{1} << 20;
    const std::vector<char> batch(kBatch, 'x');
    std::vector<char> copy(kBatch);
    const UniqueFd fd(::open((folder + "/plain").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600));
    const std::uint64_t start = now_ns();
    for (std::uint64_t at = 0; at < bytes; at += kBatch) {
        const std::size_t n = std::min<std::uint64_t>(kBatch, bytes - at);
        std::memcpy(copy.data(), batch.data(), n);
        if (::pwrite(fd.get(), copy.data(), n, static_cast<off_t>(at)) != static_cast<ssize_t>(n)) {
            fail("append", Status::from_errno(errno, "write"));
        }
    }
    if (sync && ::fdatasync(fd.get()) != 0) {
        fail("append", Status::from_errno(errno, "fdatasync"));
    }
    const std::uint64_t took = now_ns() - start;
    ::unlink((folder + "/plain").c_str());
    return kEvents * 1e9 / static_cast<double>(took);
}

// With the journal of the daemon, in its event loop. `row` gets the figures.
Rate drain_to_journal(journal::Durability durability, Row* row) {
    const test::TempDirectory folder;
    const bool to_disk = durability != journal::Durability::none;
    auto directory = journal::OwnedDirectory::open(folder.path());
    auto loop = Loop::create();
    if (!directory || !loop) {
        fail("journal", directory ? loop.status() : directory.status());
    }
    journal::DirectoryDisk disk(directory->fd(), **loop);
    auto store = journal::SegmentStore::open({.durability = durability}, disk);
    if (!store) {
        fail("journal", store.status());
    }
    auto tick = (*loop)->every(100'000'000, [&](int) { (*store)->tick(); });
    const Rate rate = drain(**store, [&](Pipeline& pipeline) {
        (*loop)->before_wait([&] { return pipeline.turn(); });
        while (pipeline.counters().events == 0 || pipeline.backlog_bytes() != 0 ||
               (to_disk ? (*store)->durable_seq() : (*store)->written_seq()) + 1 !=
                   (*store)->next_seq()) {
            if (to_disk && pipeline.backlog_bytes() == 0) {
                (*store)->hurry();
            }
            if (Status status = (*loop)->turn(true); !status) {
                fail("event loop", status);
            }
        }
        (*loop)->before_wait([] { return false; });
    });
    const double plain = append_plainly(folder.path(), (*store)->stats().bytes, to_disk);
    if (row != nullptr) {
        row->value.add(rate.per_second / 1e6);
        row->reference_value.add(plain / 1e6);
        row->ratio.add(rate.per_second / plain);
    }
    (*loop)->cancel(*tick);
    return rate;
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv, "Events a second through the pipeline, one core.");
    pin(0);
    Row null{.what = "drain + translation + correlation, null store",
             .unit = "M/s",
             .goal = "at least 5 M/s",
             .can_lose = true};
    Row twice{.what = "the same, two boundaries, half duplicates",
              .unit = "M/s",
              .can_lose = true,
              .can_evict = true};
    Row written{.what = "the same + journal, until all is written",
                .unit = "M/s",
                .reference = "plain append of the same bytes",
                .can_lose = true};
    Row durable{.what = "the same + journal, until all is durable",
                .unit = "M/s",
                .reference = "plain append of the same bytes, one fdatasync",
                .goal = "at least 1.5 M/s",
                .can_lose = true};
    for (unsigned run = 0; run <= arguments.runs; run++) {
        NullStore nothing;
        const auto to_the_end = [](Pipeline& pipeline) {
            while (pipeline.turn()) {
            }
        };
        const Rate a = drain(nothing, to_the_end);
        NullStore nothing_either;
        const Rate a2 = drain(nothing_either, to_the_end, {Boundary::kernel, Boundary::fuse});
        const Rate b = drain_to_journal(journal::Durability::none, run != 0 ? &written : nullptr);
        const Rate c =
            drain_to_journal(journal::Durability::interval, run != 0 ? &durable : nullptr);
        if (run == 0) {
            continue;  // warms up
        }
        null.value.add(a.per_second / 1e6);
        null.lost += a.lost;
        twice.value.add(a2.per_second / 1e6);
        twice.lost += a2.lost;
        twice.evicted += a2.evicted;
        written.lost += b.lost;
        durable.lost += c.lost;
    }
    arguments.print(null);
    arguments.print(twice);
    arguments.print(written);
    arguments.print(durable);
    return 0;
}
