// SPDX-License-Identifier: Apache-2.0
// What the ring's tests share: a ring in memory with its reader, and records that can be told
// apart.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "ring/memory_ring.hpp"
#include "record.h"
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
    // `woken` is called by the producer that wakes the reader.
    explicit Ring(const MemoryRingConfig& config, const std::function<void()>& woken = [] {}) {
        auto made = MemoryRing::create(config, [this, woken] {
            __atomic_fetch_add(&wakeups, 1, __ATOMIC_RELAXED);
            woken();
        });
        REQUIRE(made.ok());
        ring_ = std::move(made).value();
        image_ = *get()->header;
        REQUIRE(start_reader() == 0);
    }

    // Ring and reader as they were made, but for what is in the data.
    void reset() {
        *get()->header = image_;
        std::memset(get()->producers, 0, get()->n * VX_CLASSES * sizeof(vx_producer));
        std::memset(get()->consumer, 0,
                    sizeof(vx_consumer) + get()->n * sizeof(vx_consumer_slot));
        start_reader();
        wakeups = 0;
    }

    // A reader of the ring from its beginning; the error of vx_reader_init.
    int start_reader() {
        scratch_.assign(vx_reader_scratch(get()->n) / 8 + 1, 0);
        return vx_reader_init(&reader, ring_->mapping(), ring_->mapping_bytes(), ring_->consumer(),
                              scratch_.data(), 1);
    }

    vx_ring* get() { return ring_->ring(); }
    MemoryRing& memory() { return *ring_; }

    // One attempt of `op`: a record of `len` bytes (0: the shortest) that carries its mark. False
    // when it was lost.
    bool attempt(std::uint32_t producer, std::uint32_t op, std::uint64_t nth,
                 std::uint32_t len = 0, std::uint64_t now_ns = 0) {
        vx_slot slot;
        len = len != 0 ? len : op == VX_OP_USER ? kUserMin : vx_event_len(op, 0, 0);
        void* at = vx_ring_begin(get(), producer, op, len, now_ns, &slot);
        if (at == nullptr) {
            return false;
        }
        fill(at, producer, op, nth, len);
        vx_ring_commit(get(), &slot, len);
        return true;
    }

    // Shortest record of VX_OP_USER; one of any operation can be as long.
    static constexpr std::uint32_t kUserMin = sizeof(vx_user) + sizeof(vx_event);

    // An event, or for VX_OP_USER a pushed one around it.
    static void fill(void* at, std::uint32_t producer, std::uint32_t op, std::uint64_t nth,
                     std::uint32_t len) {
        auto* e = static_cast<vx_event*>(at);
        if (op == VX_OP_USER) {
            auto* user = static_cast<vx_user*>(at);
            user->rec.len = len;
            user->rec.type = VX_REC_USER;
            user->rec.op = VX_UOP_GRAPH_NODE_CREATE;
            user->event_len = len - static_cast<std::uint32_t>(sizeof(vx_user));
            e = reinterpret_cast<vx_event*>(user + 1);
        }
        e->rec.len = op == VX_OP_USER ? len - static_cast<std::uint32_t>(sizeof(vx_user)) : len;
        e->rec.type = VX_REC_EVENT;
        e->rec.op = static_cast<__u16>(op == VX_OP_USER ? +VX_OP_FILE_CREATE : op);
        e->ino = nth;
        e->pid = producer;
        e->name_len = e->name2_len = 0;
        // The rest of the record repeats the mark, so that a torn or overwritten record shows.
        auto* words = reinterpret_cast<std::uint64_t*>(e + 1);
        for (std::uint32_t i = 0; i < (e->rec.len - sizeof(vx_event)) / 8; i++) {
            words[i] = nth ^ i;
        }
    }

    static const vx_event* inner(const vx_record* r) {
        return reinterpret_cast<const vx_event*>(
            r->type == VX_REC_USER
                ? static_cast<const void*>(reinterpret_cast<const vx_user*>(r) + 1)
                : r);
    }
    static std::uint64_t mark(const vx_record* r) { return inner(r)->ino; }

    static bool intact(const vx_record* r) {
        const vx_event* e = inner(r);
        const auto* words = reinterpret_cast<const std::uint64_t*>(e + 1);
        for (std::uint32_t i = 0; i < (e->rec.len - sizeof(vx_event)) / 8; i++) {
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
    vx_ring_header image_{};
};

inline const vx_event* event(const vx_item& item) {
    return reinterpret_cast<const vx_event*>(item.record);
}

}  // namespace vexfs::test
