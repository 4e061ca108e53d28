// SPDX-License-Identifier: Apache-2.0
// Many producers on real threads against one reader. VEXFS_STRESS_RECORDS sets the number of
// attempts of each run (default 1,000,000); VEXFS_STRESS_SEED replays a run's choices.
#include <sched.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <thread>

#include "ring/harness.hpp"

using namespace vexfs;
using vexfs::test::event;
using vexfs::test::Ring;

namespace {

constexpr unsigned kDirs = 8;

std::uint64_t env(const char* name, std::uint64_t fallback) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
}

std::uint64_t now_ns() {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(ts.tv_nsec);
}

// A directory as the VFS has it: who changes it holds its lock, and counts what he does.
struct Dir {
    std::mutex lock;
    std::uint64_t changes[VX_CLASSES] = {0, 0};
};

struct Load {
    unsigned producers;
    std::uint64_t size_m;
    std::uint64_t size_d;
    unsigned reader_pause;  // the reader spins so often after each burst
    bool one_core = false;  // all threads share one
};

// While it lives this thread, and those that it starts, run on one core.
class OneCore {
  public:
    explicit OneCore(bool wanted) {
        ::sched_getaffinity(0, sizeof(before_), &before_);
        if (wanted) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
            REQUIRE(::sched_setaffinity(0, sizeof(one), &one) == 0);
        }
    }
    ~OneCore() { ::sched_setaffinity(0, sizeof(before_), &before_); }
    OneCore(const OneCore&) = delete;
    OneCore& operator=(const OneCore&) = delete;

  private:
    cpu_set_t before_{};
};

class Stress {
  public:
    Stress(const Load& load, std::uint64_t total, std::uint64_t seed)
        : load_(load),
          total_(total),
          seed_(seed),
          ring_({.producers = load.producers, .size_m = load.size_m, .size_d = load.size_d}) {}

    void run() {
        const OneCore cores(load_.one_core);
        std::vector<std::thread> threads;
        for (unsigned p = 0; p < load_.producers; p++) {
            threads.emplace_back([this, p] { produce(p); });
        }
        std::uint64_t bursts = 0;
        while (running_.load() != 0) {
            read_burst();
            bursts++;
            for (unsigned i = 0; i < load_.reader_pause * (bursts & 7); i++) {
                __asm__("" ::: "memory");
            }
        }
        for (std::thread& t : threads) {
            t.join();
        }
        finish();
    }

  private:
    void produce(unsigned p) {
        std::uint64_t random = seed_ * 6364136223846793005ull + p;
        for (std::uint64_t i = 0; i < total_ / load_.producers; i++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            const auto bits = static_cast<std::uint32_t>(random >> 33);
            const unsigned op = bits % VX_OP_COUNT;
            const std::uint32_t len = Ring::kUserMin + ((bits >> 8) & 31) * 8;
            const unsigned cls = vx_op_class(op);
            const unsigned d = (bits >> 16) % kDirs;
            std::lock_guard hold(dirs_[d].lock);
            const std::uint64_t nth = dirs_[d].changes[cls]++;
            vx_slot slot;
            void* at = vx_ring_begin(ring_.get(), p, op, len, now_ns(), &slot);
            if (at != nullptr) {
                Ring::fill(at, p, op, nth, len);
                static_cast<vx_event*>(at)->parent_ino = d;
                vx_ring_commit(ring_.get(), &slot, len);
            }
        }
        running_.fetch_sub(1);
    }

    void read_burst() {
        for (vx_item item = ring_.next(); item.kind != VX_ITEM_NONE; item = ring_.next()) {
            check(item);
            if (item.kind == VX_ITEM_BROKEN || ++items_ % 4096 == 0) {
                break;
            }
        }
        vx_reader_release(&ring_.reader);
    }

    void read_rest() {
        do {
            read_burst();
        } while (vx_reader_backlog(&ring_.reader) != 0 && broken_ == 0);
    }

    // Plain comparisons: Catch's own bookkeeping would be most of the run.
    void check(const vx_item& item) {
        if (item.kind == VX_ITEM_BROKEN) {
            broken_++;
        } else if (item.kind == VX_ITEM_EVENT) {
            const vx_event* e = event(item);
            const unsigned cls = vx_op_class(e->rec.op);
            std::uint64_t& expected = expected_[e->parent_ino % kDirs][cls];
            wrong_order_ += e->ino < expected;
            skipped_ += e->ino - expected;
            expected = e->ino + 1;
            torn_ += !Ring::intact(item.record);
            wrong_seq_ += item.seq != seq_;
            seq_++;
            delivered_++;
        } else if (item.kind == VX_ITEM_GAP ||
                   (item.kind == VX_ITEM_LOST && item.cls == VX_CLASS_D)) {
            wrong_seq_ += item.seq != seq_;
            seq_ += item.count;
            gaps_ += item.count;
        }
    }

    void finish() {
        read_rest();
        for (unsigned p = 0; p < load_.producers; p++) {
            for (unsigned cls = 0; cls < VX_CLASSES; cls++) {
                vx_ring_flush_loss(ring_.get(), p, cls);
            }
        }
        read_rest();
        std::uint64_t attempted = 0;
        std::uint64_t lost = 0;
        std::uint64_t delivered = 0;
        for (unsigned i = 0; i < load_.producers * VX_CLASSES; i++) {
            const vx_producer& p = ring_.get()->producers[i];
            attempted += p.attempted;
            for (unsigned op = 0; op < VX_OP_SLOTS; op++) {
                lost += p.lost[op];
                delivered += p.delivered[op];
            }
        }
        std::uint64_t lost_at_end = 0;
        for (unsigned d = 0; d < kDirs; d++) {
            for (unsigned cls = 0; cls < VX_CLASSES; cls++) {
                lost_at_end += dirs_[d].changes[cls] - expected_[d][cls];
            }
        }
        CAPTURE(load_.producers, load_.size_m, seed_, lost);
        CHECK(attempted == total_ / load_.producers * load_.producers);
        CHECK(delivered + lost == attempted);
        CHECK(delivered_ == delivered);
        CHECK(gaps_ == lost);
        CHECK(seq_ - 1 == attempted);
        CHECK(skipped_ + lost_at_end == lost);
        CHECK(wrong_order_ == 0);
        CHECK(wrong_seq_ == 0);
        CHECK(torn_ == 0);
        CHECK(broken_ == 0);
        CHECK(ring_.reader.lost_by_ticket == ring_.reader.lost_by_record);
    }

    Load load_;
    std::uint64_t total_;
    std::uint64_t seed_;
    Ring ring_;
    Dir dirs_[kDirs];
    std::atomic<unsigned> running_{load_.producers};
    std::uint64_t expected_[kDirs][VX_CLASSES] = {};
    std::uint64_t seq_ = 1;
    std::uint64_t items_ = 0;
    std::uint64_t delivered_ = 0;
    std::uint64_t gaps_ = 0;
    std::uint64_t skipped_ = 0;
    std::uint64_t wrong_order_ = 0;
    std::uint64_t wrong_seq_ = 0;
    std::uint64_t torn_ = 0;
    std::uint64_t broken_ = 0;
};

}  // namespace

TEST_CASE("many producers: order, numbers and losses are exact") {
    const std::uint64_t total = env("VEXFS_STRESS_RECORDS", 1'000'000);
    const std::uint64_t seed = env("VEXFS_STRESS_SEED", now_ns());
    const Load loads[] = {
        {.producers = 1, .size_m = 1u << 20, .size_d = 1u << 20, .reader_pause = 0},
        {.producers = 2, .size_m = 1u << 20, .size_d = 1u << 20, .reader_pause = 0},
        {.producers = 2, .size_m = VX_PAGE, .size_d = VX_PAGE, .reader_pause = 1000},
        {.producers = 8, .size_m = 1u << 16, .size_d = VX_PAGE, .reader_pause = 10},
        {.producers = 64, .size_m = 1u << 16, .size_d = 1u << 16, .reader_pause = 0},
        {.producers = 8, .size_m = 1u << 16, .size_d = 1u << 16, .reader_pause = 0,
         .one_core = true},
    };
    for (const Load& load : loads) {
        INFO("VEXFS_STRESS_SEED=" << seed << " replays this run's choices");
        Stress(load, total, seed).run();
    }
}
