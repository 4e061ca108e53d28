// SPDX-License-Identifier: Apache-2.0
// What the ring's tests share: a ring in memory with its reader, and records that can be told
// apart.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "ring/memory_ring.hpp"
#include "ring_reader.h"
#include "support/catch.hpp"

namespace vexfs::test {

// An attempt as its producer made it: who, the how-many-eth of that producer and class, how long.
struct Mark {
    std::uint32_t producer = 0;
    std::uint32_t cls = 0;
    std::uint64_t nth = 0;
};

class Ring {
  public:
    explicit Ring(const MemoryRingConfig& config) {
        auto made = MemoryRing::create(
            config, [this] { __atomic_fetch_add(&wakeups, 1, __ATOMIC_RELAXED); });
        REQUIRE(made.ok());
        ring_ = std::move(made).value();
        scratch_.resize(vx_reader_scratch(config.producers) / 8 + 1);
        REQUIRE(vx_reader_init(&reader, ring_->mapping(), ring_->mapping_bytes(), ring_->consumer(),
                               scratch_.data(), 1) == 0);
    }

    vx_ring* get() { return ring_->ring(); }
    MemoryRing& memory() { return *ring_; }

    // One attempt of `op`: a record of `len` bytes that carries its mark. False when it was lost.
    bool attempt(std::uint32_t producer, std::uint32_t op, std::uint64_t nth,
                 std::uint32_t len = sizeof(vx_event), std::uint64_t now_ns = 0) {
        vx_slot slot;
        void* at = vx_ring_begin(get(), producer, op, len, now_ns, &slot);
        if (at == nullptr) {
            return false;
        }
        fill(at, producer, op, nth, len);
        vx_ring_commit(get(), &slot, len);
        return true;
    }

    static void fill(void* at, std::uint32_t producer, std::uint32_t op, std::uint64_t nth,
                     std::uint32_t len) {
        auto* e = static_cast<vx_event*>(at);
        e->rec.len = len;
        e->rec.type = VX_REC_EVENT;
        e->rec.op = static_cast<__u16>(op);
        e->ino = nth;
        e->pid = producer;
        // The rest of the record repeats the mark, so that a torn or overwritten record shows.
        auto* words = reinterpret_cast<std::uint64_t*>(e + 1);
        for (std::uint32_t i = 0; i < (len - sizeof(vx_event)) / 8; i++) {
            words[i] = nth ^ i;
        }
    }

    static bool intact(const vx_record* r) {
        const auto* e = reinterpret_cast<const vx_event*>(r);
        const auto* words = reinterpret_cast<const std::uint64_t*>(e + 1);
        for (std::uint32_t i = 0; i < (r->len - sizeof(vx_event)) / 8; i++) {
            if (words[i] != (e->ino ^ i)) {
                return false;
            }
        }
        return true;
    }

    vx_item next() {
        vx_item item{};
        vx_reader_next(&reader, &item);
        return item;
    }

    vx_reader reader{};
    std::uint64_t wakeups = 0;

  private:
    std::unique_ptr<MemoryRing> ring_;
    std::vector<std::uint64_t> scratch_;
};

inline const vx_event* event(const vx_item& item) {
    return reinterpret_cast<const vx_event*>(item.record);
}

}  // namespace vexfs::test
