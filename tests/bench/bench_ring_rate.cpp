// SPDX-License-Identifier: Apache-2.0
// Records that go through the ring in a second, beside a plain ring for one producer and one reader
// that copies records of the same length and does nothing else (no order among producers, no
// losses, no wakeups, no checks).
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

#include "measure.hpp"
#include "ring_pair.hpp"

using namespace vexfs::bench;

namespace {

constexpr std::uint64_t kRecords = 2'000'000;  // of all producers together
constexpr std::uint64_t kBytes = 4u << 20;     // of a ring

struct Rate {
    double per_second = 0;
    std::uint64_t lost = 0;
};

// The reference: slots of one length, positions on cache lines of their own, each side remembers
// the other's position as long as that suffices.
class PlainRing {
  public:
    bool put(const void* record) {
        const std::uint64_t head = head_.load(std::memory_order_relaxed);
        if (head - tail_seen_ == kSlots &&
            head - (tail_seen_ = tail_.load(std::memory_order_acquire)) == kSlots) {
            return false;
        }
        std::memcpy(slots_.get() + head % kSlots * kRecordBytes, record, kRecordBytes);
        head_.store(head + 1, std::memory_order_release);
        return true;
    }
    // Calls fn(record) for what is there.
    template <class Fn>
    std::uint64_t take(Fn fn) {
        const std::uint64_t head = head_.load(std::memory_order_acquire);
        const std::uint64_t from = tail_.load(std::memory_order_relaxed);
        for (std::uint64_t at = from; at != head; at++) {
            fn(slots_.get() + at % kSlots * kRecordBytes);
        }
        tail_.store(head, std::memory_order_release);
        return head - from;
    }

  private:
    static constexpr std::uint64_t kSlots = 16384;
    std::unique_ptr<unsigned char[]> slots_{new unsigned char[kSlots * kRecordBytes]()};
    alignas(64) std::atomic<std::uint64_t> head_{0};
    std::uint64_t tail_seen_ = 0;
    alignas(64) std::atomic<std::uint64_t> tail_{0};
};

struct Body {
    alignas(8) unsigned char bytes[kRecordBytes] = {};
    Body() {
        auto* e = reinterpret_cast<vx_event*>(bytes);
        e->rec.len = kRecordBytes;
        e->rec.type = VX_REC_EVENT;
        e->ino = 7;
    }
};

void look_at(const void* record, std::uint64_t& sum) {
    sum += static_cast<const vx_event*>(record)->ino;
}

// Runs produce(p) on threads of their own and read() here until it has seen everything.
template <class Produce, class Read>
double timed(unsigned producers, Produce produce, Read read) {
    std::atomic<unsigned> ready{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> threads;
    for (unsigned p = 0; p < producers; p++) {
        threads.emplace_back([&, p] {
            pin(producers == 1 ? 0 : p);  // two producers share the cores with the reader
            ready++;
            while (!go.load()) {
                relax();
            }
            produce(p);
        });
    }
    if (producers == 1) {
        pin(1);
    }
    while (ready.load() != producers) {
        std::this_thread::yield();
    }
    const std::uint64_t start = now_ns();
    go.store(true);
    const std::uint64_t seen = read();
    const std::uint64_t end = now_ns();
    for (std::thread& t : threads) {
        t.join();
    }
    return static_cast<double>(seen) * 1e9 / static_cast<double>(end - start);
}

Rate plain(unsigned producers) {
    std::vector<std::unique_ptr<PlainRing>> rings;
    for (unsigned p = 0; p < producers; p++) {
        rings.push_back(std::make_unique<PlainRing>());
    }
    std::uint64_t sum = 0;
    const Body body;
    const double rate = timed(
        producers,
        [&](unsigned p) {
            for (std::uint64_t i = 0; i < kRecords / producers; i++) {
                while (!rings[p]->put(body.bytes)) {
                    std::this_thread::yield();
                }
            }
        },
        [&] {
            std::uint64_t seen = 0;
            while (seen < kRecords / producers * producers) {
                std::uint64_t got = 0;
                for (auto& ring : rings) {
                    got += ring->take([&](const void* record) { look_at(record, sum); });
                }
                seen += got;
                if (got == 0) {
                    std::this_thread::yield();
                }
            }
            return seen;
        });
    keep(sum);
    return {rate, 0};
}

// How a producer that may not lose waits: for room for this record and a report of a loss.
void wait_for_room(vx_ring* r, unsigned p, unsigned cls) {
    const vx_producer* mine = vx_ring_producer(r, p, cls);
    constexpr std::uint64_t kNeed = kRecordBytes + 2 * VX_LOST_MAX;
    // A look at the reader's position only when the known one does not suffice, as the ring has it.
    while (mine->head + kNeed - mine->tail_seen > r->size[cls] &&
           mine->head + kNeed - __atomic_load_n(&r->slots[p].tail[cls], __ATOMIC_ACQUIRE) >
               r->size[cls]) {
        std::this_thread::yield();
    }
}

Rate ring(unsigned producers, unsigned op, bool wait) {
    RingPair pair({.producers = producers, .size_m = kBytes, .size_d = kBytes});
    const Body body;
    const unsigned cls = vx_op_class(op);
    const std::uint64_t each = kRecords / producers;
    std::uint64_t lost = 0;
    std::uint64_t sum = 0;
    const double rate = timed(
        producers,
        [&](unsigned p) {
            constexpr std::size_t kHead = sizeof(vx_record);
            for (std::uint64_t i = 0; i < each; i++) {
                if (wait) {
                    wait_for_room(pair.get(), p, cls);
                }
                vx_slot slot;
                void* at = vx_ring_begin(pair.get(), p, op, kRecordBytes, i, &slot);
                if (at == nullptr) {
                    continue;
                }
                auto* rec = static_cast<vx_record*>(at);
                rec->len = kRecordBytes;
                rec->type = VX_REC_EVENT;
                rec->op = static_cast<__u16>(op);
                std::memcpy(static_cast<unsigned char*>(at) + kHead, body.bytes + kHead,
                            kRecordBytes - kHead);
                vx_ring_commit(pair.get(), &slot, kRecordBytes);
            }
            while (!vx_ring_flush_loss(pair.get(), p, cls)) {
                std::this_thread::yield();
            }
        },
        [&] {
            std::uint64_t seen = 0;
            unsigned unreleased = 0;
            vx_item item;
            while (seen + lost < each * producers) {
                const vx_item_kind kind = vx_reader_next(&pair.reader, &item);
                if (kind == VX_ITEM_EVENT) {
                    look_at(item.record, sum);
                    seen++;
                } else if (kind == VX_ITEM_GAP ||
                           (kind == VX_ITEM_LOST && item.cls == VX_CLASS_D)) {
                    lost += item.count;
                } else if (kind == VX_ITEM_NONE) {
                    vx_reader_release(&pair.reader);
                    std::this_thread::yield();
                }
                if (++unreleased == 256) {
                    unreleased = 0;
                    vx_reader_release(&pair.reader);
                }
            }
            return seen;
        });
    keep(sum);
    return {rate, lost};
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv,
                              "Records a second through the ring, beside a plain ring of copies.");
    if (!pin(1)) {
        std::printf("skipped: ring rate: needs two CPUs\n");
        return 0;
    }
    struct {
        const char* what;
        unsigned producers;
        unsigned op;
        bool wait;
    } const cases[] = {
        {"ring, 1 producer, class D, waits for room", 1, VX_OP_FILE_WRITE, true},
        {"ring, 1 producer, class M, waits for room", 1, VX_OP_FILE_CHMOD, true},
        {"ring, 1 producer, class D, never waits", 1, VX_OP_FILE_WRITE, false},
        {"ring, 2 producers, class D, wait for room", 2, VX_OP_FILE_WRITE, true},
        {"ring, 2 producers, class M, wait for room", 2, VX_OP_FILE_CHMOD, true},
    };
    for (const auto& c : cases) {
        Row row{.what = c.what,
                .unit = "M/s",
                .reference = c.producers == 1 ? "plain ring" : "two plain rings, one reader",
                .can_lose = true};
        for (unsigned run = 0; run < arguments.runs; run++) {
            const Rate reference = plain(c.producers);
            const Rate result = ring(c.producers, c.op, c.wait);
            row.value.add(result.per_second / 1e6);
            row.reference_value.add(reference.per_second / 1e6);
            row.ratio.add(result.per_second / reference.per_second);
            row.lost += result.lost;
        }
        arguments.print(row);
    }
    return 0;
}
