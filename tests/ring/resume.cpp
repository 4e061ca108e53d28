// SPDX-License-Identifier: Apache-2.0
// A reader that dies at any moment is followed by one that goes on where it had come to: what was
// kept is kept once, whatever of it had been released, and nothing is passed over.
#include <algorithm>
#include <random>
#include <set>

#include "ring/harness.hpp"

using namespace vexfs;
using vexfs::test::Ring;

namespace {

const MemoryRingConfig kSmall{.producers = 3, .size_m = VX_PAGE, .size_d = VX_PAGE};
constexpr std::uint32_t kSubs = 3 * VX_CLASSES;

// What a reader keeps of an item, as the journal does.
struct Kept {
    std::uint64_t seq = 0;   // of the first number that it takes
    std::uint64_t took = 0;  // numbers
    std::uint32_t sub = 0;
    std::uint64_t next_count = 0;
    std::uint64_t next_ticket = 0;
    bool event = false;
    std::uint64_t mark = 0;
};

class Reading {
  public:
    explicit Reading(std::uint64_t seed) : random_(seed), ring_(kSmall) {
        vx_reader_note(&ring_.reader, where().data(), 1, 0);
    }

    void attempt() {
        const std::uint32_t op = below(2) != 0 ? +VX_OP_FILE_RENAME : +VX_OP_FILE_READ;
        const auto len = static_cast<std::uint32_t>(sizeof(vx_event) + 48 + 8 * below(8));
        if (!ring_.attempt(static_cast<std::uint32_t>(below(3)), op, made_, len, made_)) {
            lost_.insert(made_);
        }
        made_++;
    }

    // Reads up to `most` items, keeps and releases them; or dies on the way.
    void read(std::uint64_t most, bool dies) {
        std::vector<Kept> batch;
        std::uint64_t seq = next_seq_;
        for (vx_item item; batch.size() < most && (item = ring_.next()).kind != VX_ITEM_NONE;) {
            REQUIRE(item.kind != VX_ITEM_BROKEN);
            batch.push_back(keep(item, seq));
            seq += batch.back().took;
        }
        const std::uint64_t step = dies ? below(4) : 4;
        kept(batch, step == 0 ? below(batch.size() + 1) : batch.size());
        if (step >= 1) {
            release(step == 1 ? static_cast<std::uint32_t>(below(kSubs)) : kSubs);
        }
        if (step >= 3) {
            note(step == 3 ? static_cast<std::uint32_t>(below(kSubs)) : kSubs, step == 4);
        }
        if (dies) {
            take_over();
        }
    }

    void finish() {
        for (std::uint32_t p = 0; p < 3; p++) {
            for (std::uint32_t cls = 0; cls < VX_CLASSES; cls++) {
                REQUIRE(vx_ring_flush_loss(ring_.get(), p, cls) == 1);
            }
        }
        read(~std::uint64_t{0}, false);
        std::set<std::uint64_t> seen;
        std::uint64_t gaps = 0;
        std::uint64_t last_m = 0;
        for (const Kept& k : kept_) {
            gaps += k.event ? 0 : k.took;
            if (k.event) {
                INFO("attempt " << k.mark);
                CHECK(seen.insert(k.mark).second);
                CHECK(lost_.count(k.mark) == 0);
                if (k.sub % VX_CLASSES == VX_CLASS_M) {
                    CHECK(k.mark + 1 > last_m);
                    last_m = k.mark + 1;
                }
            }
        }
        CHECK(seen.size() + lost_.size() == made_);
        CHECK(gaps == lost_.size());
        CHECK(next_seq_ == made_ + 1);
    }

    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    [[nodiscard]] std::uint64_t lost() const { return lost_.size(); }

  private:
    static Kept keep(const vx_item& item, std::uint64_t seq) {
        Kept k{.seq = seq, .sub = item.producer * VX_CLASSES + item.cls};
        if (item.kind == VX_ITEM_EVENT) {
            k.took = 1;
            k.event = true;
            k.mark = Ring::mark(item.record);
            k.next_count = item.record->count + 1;
            k.next_ticket = item.cls == VX_CLASS_M ? item.record->ticket + 1 : 0;
        } else if (item.kind == VX_ITEM_GAP) {
            k.took = item.count;
            k.next_ticket = item.ticket + item.count;
        } else if (item.kind == VX_ITEM_LOST) {
            k.took = item.cls == VX_CLASS_M ? 0 : item.count;
            k.next_count = item.record->count + item.count;
        }
        return k;
    }

    void kept(const std::vector<Kept>& batch, std::uint64_t n) {
        for (std::uint64_t i = 0; i < n; i++) {
            kept_.push_back(batch[i]);
            next_seq_ += batch[i].took;
        }
    }

    [[nodiscard]] std::vector<__u64> where() const {
        std::vector<__u64> at(vx_reader_places(kSubs / VX_CLASSES));
        vx_reader_where(&ring_.reader, at.data());
        return at;
    }

    void release(std::uint32_t subs) {
        std::vector<__u64> pos = where();
        for (std::uint32_t i = subs; i < kSubs; i++) {
            pos[i] = ring_.get()->slots[i / VX_CLASSES].tail[i % VX_CLASSES];
        }
        vx_reader_release_to(&ring_.reader, pos.data());
    }

    // vx_reader_note(), or its first stores.
    void note(std::uint32_t subs, bool whole) {
        if (whole) {
            vx_reader_note(&ring_.reader, where().data(), next_seq_, 0);
            return;
        }
        for (std::uint32_t i = 0; i < subs; i++) {
            ring_.get()->slots[i / VX_CLASSES].next_count[i % VX_CLASSES] =
                ring_.reader.subs[i].next_count;
        }
    }

    void take_over() {
        std::vector<__u64> counts(kSubs);
        __u64 ticket = 0;
        for (const Kept& k : kept_) {
            if (k.seq >= ring_.get()->consumer->next_seq) {
                counts[k.sub] = std::max<__u64>(counts[k.sub], k.next_count);
                ticket = std::max<__u64>(ticket, k.next_ticket);
            }
        }
        REQUIRE(ring_.start_reader() == 0);
        REQUIRE(vx_reader_resume(&ring_.reader, counts.data(), ticket) == 0);
    }

    std::mt19937_64 random_;
    Ring ring_;
    std::vector<Kept> kept_;
    std::set<std::uint64_t> lost_;
    std::uint64_t made_ = 0;
    std::uint64_t next_seq_ = 1;
};

}  // namespace

TEST_CASE("a reader that dies anywhere is followed by one that keeps the rest, once") {
    std::uint64_t lost = 0;
    for (std::uint64_t seed = 1; seed <= 300; seed++) {
        INFO("seed " << seed);
        Reading reading(seed);
        for (int step = 0; step < 400; step++) {
            const std::uint64_t what = reading.below(16);
            if (what < 13) {
                reading.attempt();
            } else {
                reading.read(1 + reading.below(12), what == 15);
            }
        }
        reading.finish();
        lost += reading.lost();
    }
    CHECK(lost > 300);
}

TEST_CASE("a position that cannot be is no place to go on from") {
    Ring ring(kSmall);
    REQUIRE(ring.attempt(0, VX_OP_FILE_RENAME, 0));
    const std::vector<__u64> nothing(kSubs);
    const auto resume = [&](std::uint64_t tail) {
        REQUIRE(ring.start_reader() == 0);
        ring.get()->slots[0].tail[VX_CLASS_M] = tail;
        return vx_reader_resume(&ring.reader, nothing.data(), 0);
    };
    const std::uint64_t head = ring.get()->producers[0].head;
    CHECK(resume(head + 8) == -EINVAL);
    CHECK(resume(4) == -EINVAL);
    CHECK(resume(8) == -EINVAL);  // not where a record begins
    CHECK(resume(head) == 0);
    CHECK(resume(0) == 0);
}
