// SPDX-License-Identifier: Apache-2.0
// How long after its commit a record is seen by the reader on another core, beside the way of a
// bare cache line there. One record at a time: no queue, no wakeup, both sides spin.
#include <atomic>
#include <thread>

#include "measure.hpp"
#include "ring_pair.hpp"

using namespace vexfs::bench;

namespace {

constexpr unsigned kRounds = 200'000;

struct alignas(64) Line {
    std::atomic<std::uint64_t> value{0};
};

struct Transit {
    std::vector<double> ns;
    double at(double share) {
        const auto nth = ns.begin() + static_cast<long>(share * static_cast<double>(ns.size()));
        std::nth_element(ns.begin(), nth, ns.end());
        return *nth;
    }
};

// Rounds in which one side calls send(stamp) and the other one seen(), which gives the stamp back
// when it has come. The next round begins when the answer is there, after a short, uneven pause.
template <class Send, class Seen>
Transit measure(Send send, Seen seen) {
    Line answer;
    Transit transit;
    transit.ns.reserve(kRounds);
    std::thread reader([&] {
        pin(1);
        for (unsigned i = 1; i <= kRounds; i++) {
            const std::uint64_t stamp = seen();
            const std::uint64_t now = ticks();
            transit.ns.push_back(static_cast<double>(now - stamp) * ns_per_tick());
            answer.value.store(i, std::memory_order_release);
        }
    });
    pin(0);
    std::uint32_t random = 1;
    for (unsigned i = 1; i <= kRounds; i++) {
        random = random * 1664525u + 1013904223u;
        for (unsigned spin = 0; spin < 16 + (random >> 27); spin++) {
            relax();
        }
        send();
        while (answer.value.load(std::memory_order_acquire) != i) {
            relax();
        }
    }
    reader.join();
    return transit;
}

Transit bare_line() {
    Line line;
    std::uint64_t last = 0;
    return measure([&] { line.value.store(ticks(), std::memory_order_release); },
                   [&] {
                       std::uint64_t now = last;
                       while ((now = line.value.load(std::memory_order_acquire)) == last) {
                       }
                       return last = now;
                   });
}

Transit ring(unsigned op) {
    RingPair pair({.producers = 1});
    return measure(
        [&] {
            vx_slot slot;
            auto* e =
                static_cast<vx_event*>(vx_ring_begin(pair.get(), 0, op, kRecordBytes, 0, &slot));
            if (e == nullptr) {
                std::fprintf(stderr, "no room in a ring that is empty\n");
                std::exit(1);
            }
            std::memset(&e->fsid, 0, kRecordBytes - sizeof(e->rec));
            e->rec.type = VX_REC_EVENT;
            e->rec.op = static_cast<__u16>(op);
            e->rec.len = kRecordBytes;
            e->size = ticks();
            vx_ring_commit(pair.get(), &slot, kRecordBytes);
        },
        [&] {
            vx_item item;
            while (vx_reader_next(&pair.reader, &item) == VX_ITEM_NONE) {
            }
            const std::uint64_t stamp = reinterpret_cast<const vx_event*>(item.record)->size;
            vx_reader_release(&pair.reader);
            return stamp;
        });
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv,
                              "Ring transit, commit to seen on the other core, beside a bare cache "
                              "line.");
    if (!pin(1)) {
        std::printf("skipped: ring latency: needs two CPUs\n");
        return 0;
    }
    ns_per_tick();
    struct {
        double share;
        const char* name;
        const char* goal;
    } const quantiles[] = {{0.5, "p50", "ratio at most 1.5"},
                           {0.99, "p99", "below 500 ns where the reference's allows it"},
                           {0.999, "p99.9", ""}};
    std::vector<Row> rows;
    for (const char* cls : {"class M", "class D"}) {
        for (const auto& q : quantiles) {
            rows.push_back({.what = std::string("ring transit, ") + cls + ", " + q.name,
                            .unit = "ns",
                            .reference = std::string("bare cache line, one way, ") + q.name,
                            .goal = q.goal});
        }
    }
    for (unsigned run = 0; run < arguments.runs; run++) {
        Transit bare = bare_line();
        Transit both[] = {ring(VX_OP_FILE_CHMOD), ring(VX_OP_FILE_WRITE)};
        for (std::size_t i = 0; i < rows.size(); i++) {
            const double share = quantiles[i % 3].share;
            const double value = both[i / 3].at(share);
            const double reference = bare.at(share);
            rows[i].value.add(value);
            rows[i].reference_value.add(reference);
            rows[i].ratio.add(value / reference);
        }
    }
    for (const Row& row : rows) {
        arguments.print(row);
    }
    return 0;
}
