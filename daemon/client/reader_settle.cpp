// SPDX-License-Identifier: Apache-2.0
// A Reader that lets events settle.
#include <algorithm>
#include <climits>

#include "client/reader_impl.hpp"

namespace vexfs {

namespace {

constexpr std::uint64_t kMs = 1'000'000;  // nanoseconds

}  // namespace

Status Reader::Impl::settle(std::uint32_t window_ms) {
    if (window_ms == 0 || window_ms > kSettleMaxMs) {
        return Status::error(EINVAL,
                             "events can settle for 1 to " + std::to_string(kSettleMaxMs) + " ms");
    }
    if (settler_) {
        return Status::error(EBUSY, "the reader lets events settle already");
    }
    settler_.emplace(
        settle::Limits{.window_ns = window_ms * kMs, .hold_ns = window_ms * kMs * kSettleHold});
    exact_ = expected_ - 1;
    return {};
}

void Reader::Impl::let_go() {
    if (settler_) {
        settler_->let_go();
    }
}

void Reader::Impl::placed(bool by_cursor) {
    careful_ = by_cursor;
    pending_ = Item::end;
    ended_at_ns_ = 0;
    exact_ = expected_ - 1;
    if (settler_) {
        settler_->clear();
    }
}

// The stream's own time, and at its end the clock's: an object that nothing is written about is
// quiet. By the clock that nobody sets.
std::uint64_t Reader::Impl::stream_ns() const {
    return ended_at_ns_ == 0 ? settler_->now_ns() : ended_ns_ + clock_.mono_ns() - ended_at_ns_;
}

int Reader::Impl::due_ms() const {
    if (!settler_ || (settler_->held() == 0 && pending_ == Item::end)) {
        return -1;
    }
    const std::uint64_t due = settler_->due_ns();
    const std::uint64_t now = stream_ns();
    if (due <= now || pending_ != Item::end) {
        return 0;
    }
    return static_cast<int>(std::min<std::uint64_t>((due - now + kMs - 1) / kMs, INT_MAX));
}

Result<Reader::Item> Reader::Impl::next_settled() {
    for (;;) {
        if (settler_->next()) {
            return tell_held();
        }
        if (pending_ != Item::end) {
            return tell_pending();
        }
        reached_ = expected_ - 1;
        const Result<Item> item = next_written();
        if (!item) {
            return item;
        }
        if (*item == Item::end) {
            careful_ = false;
            if (ended_at_ns_ == 0) {
                ended_ns_ = settler_->now_ns();
                ended_at_ns_ = clock_.mono_ns();
            }
            settler_->advance(stream_ns());
            return settler_->next() ? tell_held() : Item::end;
        }
        ended_at_ns_ = 0;
        if (*item == Item::gap) {
            settler_->let_go();
            pending_ = Item::gap;
            continue;
        }
        settler_->advance(event.real_ns);
        if (!settler_->take(event, careful_)) {
            pending_ = Item::event;
            pending_event_ = event;
        } else if (settler_->held() == 0) {
            exact_ = expected_ - 1;  // it came to nothing
        }
    }
}

Reader::Item Reader::Impl::tell_held() {
    if (settler_->held() == 0) {
        exact_ = pending_ == Item::end ? expected_ - 1 : reached_;
    }
    settled_ = settler_->told().settled();
    settled_.cursor = exact_;
    settled_.held = settler_->held();
    settled_.vanished = settler_->take_vanished();
    event = settler_->told().view();
    event.settled = &settled_;
    return Item::event;
}

// What no window holds: everything that was held back before it has been told.
Reader::Item Reader::Impl::tell_pending() {
    const Item item = std::exchange(pending_, Item::end);
    if (settler_->held() == 0) {
        exact_ = expected_ - 1;
    }
    if (item == Item::event) {
        settled_ = Settled{.cursor = exact_,
                           .held = settler_->held(),
                           .events = 1,
                           .first_seq = pending_event_.seq};
        settled_.vanished = settler_->take_vanished();
        if (!pending_event_.pushed()) {
            settled_.ops[pending_event_.op()] = 1;
        }
        event = pending_event_;
        event.settled = &settled_;
    }
    return item;
}

}  // namespace vexfs
