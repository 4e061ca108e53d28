// SPDX-License-Identifier: Apache-2.0
// Attempts that are half done while the reader looks: two producers begin and commit, each at any
// of the looks of a snapshot, on sub-rings with and without room. What has room is delivered, what
// has none is a gap at its ticket, and what was done before the other began comes before it.
#include <algorithm>
#include <array>

#include "ring/harness.hpp"

using namespace vexfs;
using vexfs::test::event;
using vexfs::test::Ring;

extern "C" void (*vx_test_between_looks)(void);

namespace {

// Two of these and the room for a VX_REC_LOST fill a sub-ring of a page.
constexpr std::uint32_t kLen = 1112;
// Of two snapshots: limit, busy, head, visible of two producers. Two, because the tickets are read
// before the looks: what begins during the first snapshot is half done for the second.
constexpr unsigned kLooks = 2 * 4 * 2;
constexpr unsigned kAttempts = 2;
constexpr std::uint64_t kFirstMark = 100;  // of the attempts; what fills the ring has smaller ones

// One attempt: who, what, and where its sub-ring stands.
struct Attempt {
    unsigned producer;
    unsigned op;
    bool full;
};

// Begin and commit of both attempts, in the order in which they happen; 0 and 1 are the halves of
// attempt 0.
using Order = std::array<unsigned, 4>;

class Halves {
  public:
    // `ring` is as it was made. Half i of `order` is taken at look `looks[i]`.
    Halves(Ring& ring, const std::array<Attempt, kAttempts>& attempts, const Order& order,
           const std::array<unsigned, 4>& looks)
        : ring_(ring), attempts_(attempts), order_(order), looks_(looks) {}

    // True when the stream is right.
    bool play() {
        for (const Attempt& a : attempts_) {
            const vx_producer* p = vx_ring_producer(ring_.get(), a.producer, vx_op_class(a.op));
            for (unsigned i = 0; a.full && p->head < 2 * kLen; i++) {
                filled_ += ring_.attempt(a.producer, a.op, i, kLen);
            }
        }
        self = this;
        vx_test_between_looks = [] { self->run_due(); };
        read();
        vx_test_between_looks = nullptr;
        return right();
    }

  private:

    void run_due() {
        while (next_ < 4 && looks_[next_] <= look_) {
            const unsigned half = order_[next_++];
            half % 2 == 0 ? begin(half / 2) : commit(half / 2);
        }
        look_++;
    }

    void begin(unsigned i) {
        const Attempt& a = attempts_[i];
        if (vx_op_class(a.op) == VX_CLASS_M) {
            ticket_[i] = ring_.get()->header->tickets;
        }
        at_[i] = vx_ring_begin(ring_.get(), a.producer, a.op, kLen, next_, &slot_[i]);
    }

    // What was lost is written out instead.
    void commit(unsigned i) {
        const Attempt& a = attempts_[i];
        if (at_[i] == nullptr) {
            vx_ring_flush_loss(ring_.get(), a.producer, vx_op_class(a.op));
            return;
        }
        Ring::fill(at_[i], a.producer, a.op, kFirstMark + i, kLen);
        vx_ring_commit(ring_.get(), &slot_[i], kLen);
    }

    // Reads, without releasing, until the halves are all taken and nothing more is there.
    void read() {
        for (unsigned idle = 0; idle < 2;) {
            const vx_item item = ring_.next();
            switch (item.kind) {
                case VX_ITEM_NONE:
                    idle += next_ == 4;
                    break;
                case VX_ITEM_EVENT:
                    bad_ += item.seq != seq_++ || !Ring::intact(item.record);
                    place(event(item)->ino);
                    break;
                case VX_ITEM_GAP:
                    bad_ += item.seq != seq_;
                    seq_ += item.count;
                    for (std::uint64_t t = item.ticket; t < item.ticket + item.count; t++) {
                        place_gap(t);
                    }
                    break;
                case VX_ITEM_LOST:
                    accounted_ += item.count;
                    seq_ += item.cls == VX_CLASS_D ? item.count : 0;
                    break;
                default:
                    bad_++;
                    return;
            }
        }
    }

    void place(std::uint64_t mark) {
        position_++;
        if (mark >= kFirstMark) {
            bad_ += place_[mark - kFirstMark] != 0;
            place_[mark - kFirstMark] = position_;
        }
    }

    void place_gap(std::uint64_t ticket) {
        for (unsigned i = 0; i < kAttempts; i++) {
            if (ticket_[i] == ticket) {
                bad_ += at_[i] != nullptr;
                place(kFirstMark + i);
                return;
            }
        }
        bad_++;  // a gap that nobody made
    }

    [[nodiscard]] bool right() const {
        std::uint64_t lost = 0;
        for (unsigned i = 0; i < kAttempts; i++) {
            const bool d = vx_op_class(attempts_[i].op) == VX_CLASS_D;
            const bool gone = at_[i] == nullptr;
            lost += gone;
            // A lost class D attempt has its place in the account of its run only.
            if (gone != attempts_[i].full || (place_[i] == 0) != (gone && d)) {
                return false;
            }
        }
        if (place_[0] != 0 && place_[1] != 0 && sequential() &&
            (place_[0] < place_[1]) != (order_[0] == 0)) {
            return false;
        }
        return bad_ == 0 && accounted_ == lost && seq_ - 1 == filled_ + kAttempts &&
               ring_.reader.lost_by_ticket == ring_.reader.lost_by_record;
    }

    // One attempt was done before the other began.
    [[nodiscard]] bool sequential() const { return order_[0] / 2 == order_[1] / 2; }

    static inline Halves* self = nullptr;

    Ring& ring_;
    std::array<Attempt, kAttempts> attempts_;
    Order order_;
    std::array<unsigned, 4> looks_;
    std::uint64_t filled_ = 0, position_ = 0, bad_ = 0, accounted_ = 0, seq_ = 1;
    unsigned look_ = 0, next_ = 0;
    std::uint64_t ticket_[kAttempts] = {~0ull, ~0ull};
    std::uint64_t place_[kAttempts] = {};  // in the stream, from 1
    void* at_[kAttempts] = {};
    vx_slot slot_[kAttempts] = {};
};

// Every choice of two attempts: who, which class, whose sub-ring is full.
std::vector<std::array<Attempt, kAttempts>> all_attempts() {
    const unsigned ops[] = {VX_OP_FILE_RENAME, VX_OP_FILE_WRITE};
    std::vector<std::array<Attempt, kAttempts>> all;
    for (unsigned bits = 0; bits < 64; bits++) {
        const std::array<Attempt, kAttempts> a = {
            Attempt{bits & 1, ops[bits >> 1 & 1], (bits >> 2 & 1) != 0},
            Attempt{bits >> 3 & 1, ops[bits >> 4 & 1], (bits >> 5 & 1) != 0}};
        const bool same = a[0].producer == a[1].producer && a[0].op == a[1].op;
        if (!same || a[0].full == a[1].full) {
            all.push_back(a);
        }
    }
    return all;
}

std::vector<Order> all_orders() {
    std::vector<Order> all;
    Order order = {0, 1, 2, 3};
    do {
        const auto at = [&](unsigned half) {
            return std::find(order.begin(), order.end(), half) - order.begin();
        };
        if (at(0) < at(1) && at(2) < at(3)) {
            all.push_back(order);
        }
    } while (std::next_permutation(order.begin(), order.end()));
    return all;
}

std::vector<std::array<unsigned, 4>> all_looks() {
    std::vector<std::array<unsigned, 4>> all;
    for (unsigned a = 0; a <= kLooks; a++) {
        for (unsigned b = a; b <= kLooks; b++) {
            for (unsigned c = b; c <= kLooks; c++) {
                for (unsigned d = c; d <= kLooks; d++) {
                    all.push_back({a, b, c, d});
                }
            }
        }
    }
    return all;
}

}  // namespace

TEST_CASE("attempts that are half done at any look are delivered, or lost at their place") {
    Ring ring({.producers = 2, .size_m = VX_PAGE, .size_d = VX_PAGE});
    const std::vector<Order> orders = all_orders();
    const auto looks = all_looks();
    std::uint64_t runs = 0;
    for (const auto& attempts : all_attempts()) {
        for (const Order& order : orders) {
            // A producer commits before it begins again.
            const bool sequential = order[0] / 2 == order[1] / 2;
            if (attempts[0].producer == attempts[1].producer && !sequential) {
                continue;
            }
            for (const auto& at : looks) {
                ring.reset();
                runs++;
                if (!Halves(ring, attempts, order, at).play()) {
                    CAPTURE(attempts[0].producer, attempts[0].op, attempts[0].full);
                    CAPTURE(attempts[1].producer, attempts[1].op, attempts[1].full);
                    CAPTURE(order, at);
                    FAIL("the reader's stream is not what happened");
                }
            }
        }
    }
    CHECK(runs > 100'000);
}
