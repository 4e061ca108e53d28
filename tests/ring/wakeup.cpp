// SPDX-License-Identifier: Apache-2.0
// A reader that sleeps is woken, however a commit and its falling asleep meet. Each round: the
// producers have one record each, the reader falls asleep as soon as it has nothing to read. A
// wakeup that is lost leaves a record behind a sleeping reader for ever, because the producers wait
// for it. VEXFS_WAKEUP_ROUNDS sets the number of rounds (default 100,000).
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "base/fd.hpp"
#include "ring/harness.hpp"

using namespace vexfs;
using vexfs::test::Ring;

namespace {

// Only a failed run waits so long.
constexpr int kWatchdogMs = 10'000;

class Rounds {
  public:
    Rounds(unsigned producers, unsigned op, std::uint64_t rounds)
        : producers_(producers),
          op_(op),
          rounds_(rounds),
          ring_({.producers = producers, .size_m = 1u << 16, .size_d = 1u << 16},
                [this] { wake(); }) {
        REQUIRE(wakeup_.get() >= 0);
    }

    void run() {
        std::vector<std::thread> threads;
        for (unsigned p = 0; p < producers_; p++) {
            threads.emplace_back([this, p] { produce(p); });
        }
        const std::uint64_t total = rounds_ * producers_;
        while (read_.load() != total && !lost_) {
            read_all();
            // An uneven way into sleep, so that every distance to the commit occurs.
            pause(random_ = random_ * 1664525u + 1013904223u);
            if (read_.load() != total && vx_reader_sleep(&ring_.reader, 1) != 0) {
                sleep();
            }
        }
        stop_.store(lost_);
        for (std::thread& t : threads) {
            t.join();
        }
        CAPTURE(read_.load(), total, slept_);
        REQUIRE_FALSE(lost_);
        // It did sleep, or nothing was tested.
        CHECK(slept_ > rounds_ / 100);
    }

  private:
    static void pause(std::uint32_t random) {
        for (std::uint32_t i = 0; i < random >> 25; i++) {
            __asm__("" ::: "memory");
        }
    }

    void wake() {
        const std::uint64_t one = 1;
        if (::write(wakeup_.get(), &one, sizeof(one)) != sizeof(one)) {
            std::abort();
        }
    }

    void produce(unsigned p) {
        std::uint32_t random = p + 1;
        for (std::uint64_t round = 0; round < rounds_ && !stop_.load(); round++) {
            while (read_.load(std::memory_order_acquire) < round * producers_ && !stop_.load()) {
                if (producers_ > 1) {
                    std::this_thread::yield();
                }
            }
            pause(random = random * 1664525u + 1013904223u);
            vx_slot slot;
            void* at = vx_ring_begin(ring_.get(), p, op_, sizeof(vx_event), 0, &slot);
            if (at == nullptr) {
                std::abort();  // the reader has released all before this round
            }
            Ring::fill(at, p, op_, round, sizeof(vx_event));
            vx_ring_commit(ring_.get(), &slot, sizeof(vx_event));
            committed_.fetch_add(1, std::memory_order_release);
        }
    }

    void read_all() {
        std::uint64_t n = 0;
        while (ring_.next().kind == VX_ITEM_EVENT) {
            n++;
        }
        vx_reader_release(&ring_.reader);
        read_.fetch_add(n, std::memory_order_release);
    }

    // Until it is woken, or a record that was committed long ago did not wake it.
    void sleep() {
        slept_++;
        pollfd fd{.fd = wakeup_.get(), .events = POLLIN, .revents = 0};
        for (;;) {
            const std::uint64_t committed = committed_.load(std::memory_order_acquire);
            const int ready = ::poll(&fd, 1, kWatchdogMs);
            if (ready > 0) {
                std::uint64_t count = 0;
                if (::read(wakeup_.get(), &count, sizeof(count)) != sizeof(count)) {
                    std::abort();
                }
                vx_reader_awake(&ring_.reader);
                return;
            }
            if (ready == 0 && committed > read_.load()) {
                lost_ = true;
                return;
            }
        }
    }

    unsigned producers_;
    unsigned op_;
    std::uint64_t rounds_;
    UniqueFd wakeup_{::eventfd(0, EFD_CLOEXEC)};
    Ring ring_;
    std::atomic<std::uint64_t> read_{0};
    std::atomic<std::uint64_t> committed_{0};
    std::atomic<bool> stop_{false};
    std::uint64_t slept_ = 0;
    std::uint32_t random_ = 7;
    bool lost_ = false;
};

}  // namespace

TEST_CASE("a reader that falls asleep while records are committed is woken") {
    const char* text = std::getenv("VEXFS_WAKEUP_ROUNDS");
    const std::uint64_t rounds = text != nullptr ? std::strtoull(text, nullptr, 10) : 100'000;
    for (const unsigned producers : {1u, 2u}) {
        for (const unsigned op : {+VX_OP_FILE_WRITE, +VX_OP_FILE_CHMOD}) {
            CAPTURE(producers, op);
            Rounds(producers, op, rounds).run();
        }
    }
}
