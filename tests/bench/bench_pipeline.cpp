// SPDX-License-Identifier: Apache-2.0
// Events a second through the daemon's pipeline on one core: drain, paths, translation, store. The
// ring is filled first, then the time of emptying it is taken. The store is a null store (what is
// in front of it alone) or the file store, both without fdatasync; the reference is a plain append
// of the file store's bytes to a file on the same file system.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "../support/temp_directory.hpp"
#include "journal/file_store.hpp"
#include "measure.hpp"
#include "pipeline/pipeline.hpp"
#include "record.h"
#include "ring/memory_ring.hpp"

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
    Status sync() override { return {}; }
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
    explicit Workload(vx_ring* ring) : ring_(ring) {}

    void fill() {
        for (unsigned d = 0; d < kDirectories; d++) {
            announce(d);
        }
        constexpr unsigned kOps[] = {VX_OP_FILE_CREATE, VX_OP_FILE_WRITE, VX_OP_FILE_WRITE,
                                     VX_OP_FILE_CLOSE,  VX_OP_FILE_CHMOD, VX_OP_FILE_RENAME,
                                     VX_OP_FILE_WRITE,  VX_OP_FILE_DELETE};
        for (unsigned i = 0; i < kEvents; i++) {
            event(kOps[i % std::size(kOps)], i / std::size(kOps));
        }
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
};

Rate drain(journal::Store& store) {
    auto ring = MemoryRing::create({.producers = 1, .size_m = kRing, .size_d = kRing}, [] {});
    if (!ring) {
        fail("ring", ring.status());
    }
    auto source = Source::create(
        {.ring = {static_cast<const std::byte*>((*ring)->mapping()), (*ring)->mapping_bytes()},
         .consumer = (*ring)->consumer(),
         .boundary = Boundary::kernel,
         .barrier = [&] {
             vx_ring_flush_loss((*ring)->ring(), 0, VX_CLASS_M);
             vx_ring_flush_loss((*ring)->ring(), 0, VX_CLASS_D);
             return Status();
         }});
    if (!source) {
        fail("reader", source.status());
    }
    DirectoryMap paths;
    paths.anchor({kFs, 2, 0}, "/srv/data");
    const SystemClock clock;
    Pipeline pipeline(store, paths, clock, {});
    pipeline.add_source(std::move(*source));
    Workload((*ring)->ring()).fill();
    const std::uint64_t start = now_ns();
    while (pipeline.turn()) {
    }
    const std::uint64_t took = now_ns() - start;
    const PipelineCounters& c = pipeline.counters();
    if (c.events + c.lost != kEvents || c.no_path != 0) {
        std::fprintf(stderr, "%llu events, %llu lost, %llu without a path, of %u\n",
                     static_cast<unsigned long long>(c.events),
                     static_cast<unsigned long long>(c.lost),
                     static_cast<unsigned long long>(c.no_path), kEvents);
        std::exit(1);
    }
    return {static_cast<double>(c.events) * 1e9 / static_cast<double>(took), c.lost};
}

// As many bytes as the file store wrote, appended in pieces of its batch.
double append_plainly(const std::string& folder, std::uint64_t bytes) {
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
    const std::uint64_t took = now_ns() - start;
    ::unlink((folder + "/plain").c_str());
    return kEvents * 1e9 / static_cast<double>(took);
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv, "Events a second through the pipeline, one core.");
    pin(0);
    Row null{.what = "drain + paths + translation, null store",
             .unit = "M/s",
             .goal = "at least 5 M/s",
             .can_lose = true};
    Row file{.what = "the same + file store, no fdatasync",
             .unit = "M/s",
             .reference = "plain append of the same bytes",
             .goal = "at least 1.5 M/s, with the durable journal",
             .can_lose = true};
    for (unsigned run = 0; run <= arguments.runs; run++) {
        NullStore nothing;
        const Rate a = drain(nothing);
        const test::TempDirectory folder;
        auto store = journal::FileStore::open({.directory = folder.path()});
        if (!store) {
            fail("store", store.status());
        }
        const Rate b = drain(**store);
        const double plain = append_plainly(folder.path(), (*store)->stats().bytes);
        if (run == 0) {
            continue;  // warms up
        }
        null.value.add(a.per_second / 1e6);
        null.lost += a.lost;
        file.value.add(b.per_second / 1e6);
        file.lost += b.lost;
        file.reference_value.add(plain / 1e6);
        file.ratio.add(b.per_second / plain);
    }
    arguments.print(null);
    arguments.print(file);
    return 0;
}
