// SPDX-License-Identifier: Apache-2.0
// Every sequence of steps of two producers and a reader on a ring with room for two records:
// nothing is lost without an account, the order is right, and the numbers are dense, whatever is
// interleaved with what. A step is what the protocol lets others see: begin (ticket taken, nothing
// published), commit, read one, release, write out a loss, go to sleep (until there is anything,
// until there are two records). A sleeping reader has been woken when there is what it waits for.
// VEXFS_EXHAUSTIVE_DEPTH sets the number of steps (default 7; each further one takes about eight
// times as long).
#include <cstdlib>
#include <cstring>

#include "ring/harness.hpp"

using namespace vexfs;
using vexfs::test::event;
using vexfs::test::Ring;

namespace {

// Two of these and the room for a VX_REC_LOST fill a sub-ring of a page, a third does not fit.
constexpr std::uint32_t kLen = 1112;
static_assert(2 * kLen + VX_LOST_MAX <= VX_PAGE && 3 * kLen + VX_LOST_MAX > VX_PAGE);

enum Step : unsigned {
    kStepM0,
    kStepM1,
    kStepD0,
    kStepD1,
    kStepCommit0,
    kStepCommit1,
    kStepRead,
    kStepRelease,
    kStepFlush,
    kStepSleep,
    kStepSleepLong,
    kSteps
};

class Run {
  public:
    Run() : ring_({.producers = 2, .size_m = VX_PAGE, .size_d = VX_PAGE}) {}

    // The number of steps that could be taken: fewer than `n` when the sequence is not one of its
    // own, because a step cannot be taken there.
    unsigned play(const unsigned* steps, unsigned n) {
        reset();
        for (unsigned i = 0; i < n; i++) {
            if (!take(steps[i])) {
                return i;
            }
            bad_ += overslept();
        }
        finish();
        return n;
    }

    bool good() const {
        return bad_ == 0 && seq_ - 1 == attempts_ && next_ticket_ == tickets_ && gaps_ == losses_ &&
               ring_.reader.lost_by_ticket == ring_.reader.lost_by_record;
    }

  private:
    void reset() {
        ring_.reset();
        open_[0] = open_[1] = false;
        attempts_ = tickets_ = losses_ = gaps_ = bad_ = next_ticket_ = 0;
        seq_ = 1;
        time_ = 0;
        asleep_ = 0;
    }

    bool take(unsigned step) {
        switch (step) {
            case kStepM0:
            case kStepM1:
                return begin(step - kStepM0, VX_OP_FILE_RENAME);
            case kStepD0:
            case kStepD1:
                return begin(step - kStepD0, VX_OP_FILE_WRITE);
            case kStepCommit0:
            case kStepCommit1:
                return commit(step - kStepCommit0);
            case kStepRead:
                wake_up();
                return read();
            case kStepSleep:
                return sleep(1);
            case kStepSleepLong:
                return sleep(kLen + 8);
            case kStepRelease:
                vx_reader_release(&ring_.reader);
                return true;
            default:
                return flush();
        }
    }

    bool begin(unsigned p, unsigned op) {
        if (open_[p]) {
            return false;
        }
        attempts_++;
        tickets_ += op == VX_OP_FILE_RENAME;
        at_[p] = vx_ring_begin(ring_.get(), p, op, kLen, time_++, &slot_[p]);
        op_[p] = op;
        open_[p] = at_[p] != nullptr;
        losses_ += at_[p] == nullptr;
        return true;
    }

    bool commit(unsigned p) {
        if (!open_[p]) {
            return false;
        }
        auto* e = static_cast<vx_event*>(at_[p]);
        e->rec.len = kLen;
        e->rec.type = VX_REC_EVENT;
        e->rec.op = static_cast<__u16>(op_[p]);
        e->name_len = e->name2_len = 0;
        vx_ring_commit(ring_.get(), &slot_[p], kLen);
        open_[p] = false;
        return true;
    }

    // A sub-ring is flushed by its producer: not in the middle of a record of its own.
    bool flush() {
        bool any = false;
        for (unsigned p = 0; p < 2; p++) {
            for (unsigned cls = 0; cls < VX_CLASSES && !open_[p]; cls++) {
                any |= vx_ring_producer(ring_.get(), p, cls)->loss_pending != 0;
                vx_ring_flush_loss(ring_.get(), p, cls);
            }
        }
        return any;
    }

    bool sleep(std::uint64_t wake_bytes) {
        if (asleep_ != 0 || vx_reader_sleep(&ring_.reader, wake_bytes) == 0) {
            return false;
        }
        asleep_ = wake_bytes;
        ring_.wakeups = 0;
        return true;
    }

    void wake_up() {
        if (asleep_ != 0) {
            vx_reader_awake(&ring_.reader);
            asleep_ = 0;
        }
    }

    // There is what the reader waits for, and nobody has woken it; or it has been woken twice.
    bool overslept() {
        if (asleep_ == 0) {
            return false;
        }
        bool due = vx_reader_loss_pending(&ring_.reader) != 0;
        for (unsigned i = 0; i < 2 * VX_CLASSES; i++) {
            due = due || ring_.get()->producers[i].head - ring_.reader.subs[i].pos >= asleep_;
        }
        return (due && ring_.wakeups == 0) || ring_.wakeups > 1;
    }

    bool read() {
        const vx_item item = ring_.next();
        switch (item.kind) {
            case VX_ITEM_NONE:
                return false;
            case VX_ITEM_EVENT:
                bad_ += item.seq != seq_++;
                if (item.cls == VX_CLASS_M) {
                    bad_ += item.record->ticket != next_ticket_++;
                } else {
                    // it saw a ticket that has not come yet
                    bad_ += item.record->ticket > next_ticket_;
                }
                return true;
            case VX_ITEM_GAP:
                bad_ += item.seq != seq_ || item.ticket != next_ticket_;
                next_ticket_ += item.count;
                return count_gap(item);
            case VX_ITEM_LOST:
                return item.cls == VX_CLASS_M || count_gap(item);
            default:
                bad_++;
                return false;
        }
    }

    bool count_gap(const vx_item& item) {
        bad_ += item.seq != seq_;
        seq_ += item.count;
        gaps_ += item.count;
        return true;
    }

    void finish() {
        commit(0);
        commit(1);
        bad_ += overslept();
        wake_up();
        for (int i = 0; i < 3; i++) {
            while (read()) {
            }
            vx_reader_release(&ring_.reader);
            flush();
        }
    }

    Ring ring_;
    void* at_[2] = {};
    vx_slot slot_[2] = {};
    unsigned op_[2] = {};
    bool open_[2] = {};
    std::uint64_t asleep_ = 0;  // 0: awake; else how many bytes it waits for
    std::uint64_t attempts_ = 0, tickets_ = 0, losses_ = 0, gaps_ = 0, bad_ = 0, next_ticket_ = 0,
                  seq_ = 1, time_ = 0;
};

}  // namespace

TEST_CASE("every interleaving of two producers and a reader on a tiny ring") {
    const char* text = std::getenv("VEXFS_EXHAUSTIVE_DEPTH");
    const unsigned depth = text != nullptr ? static_cast<unsigned>(std::atoi(text)) : 7;
    REQUIRE((depth >= 1 && depth <= 10));
    Run run;
    std::vector<unsigned> steps(depth, 0);
    // The prefix makes each sub-ring nearly full, so that short sequences reach losses and reuse.
    const std::vector<unsigned> prefixes[] = {
        {},
        {kStepM0, kStepCommit0, kStepM0, kStepCommit0},
        {kStepM0, kStepCommit0, kStepM0, kStepCommit0, kStepD1, kStepCommit1, kStepD1,
         kStepCommit1},
    };
    std::uint64_t played = 0;
    for (const auto& prefix : prefixes) {
        std::fill(steps.begin(), steps.end(), 0);
        for (bool more = true; more;) {
            std::vector<unsigned> all(prefix);
            all.insert(all.end(), steps.begin(), steps.end());
            const unsigned taken = run.play(all.data(), static_cast<unsigned>(all.size()));
            unsigned digit = depth;
            if (taken == all.size()) {
                played++;
                if (!run.good()) {
                    CAPTURE(all);
                    FAIL("this sequence of steps breaks the ring's promises");
                }
            }
            if (taken < all.size()) {
                // No sequence that begins like this can be played.
                digit = taken + 1 - static_cast<unsigned>(prefix.size());
                std::fill(steps.begin() + digit, steps.end(), 0);
            }
            while (digit > 0 && ++steps[digit - 1] == kSteps) {
                steps[--digit] = 0;
            }
            more = digit > 0;
        }
    }
    INFO("sequences: " << played);
    CHECK(played > 1000);
}
