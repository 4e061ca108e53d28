// SPDX-License-Identifier: Apache-2.0
#include "pushback/push_ring.hpp"

#include <algorithm>
#include <bit>

#include "barrier.h"
#include "translate/context.hpp"

namespace vexfs {

PushRing::PushRing(const Mapping& area, PushCall call)
    : header_(static_cast<vx_push_header*>(area.data())),
      results_(reinterpret_cast<const vx_push_result*>(static_cast<std::byte*>(area.data()) +
                                                       VX_PUSH_RESULTS_OFF)),
      entries_(static_cast<std::byte*>(area.data()) + VX_PUSH_ENTRIES_OFF),
      size_((area.size() - VX_PUSH_ENTRIES_OFF) / 2),
      call_(std::move(call)),
      tail_(vx_load(&header_->head)),
      head_(tail_),
      handled_(vx_load(&header_->entries)) {
    // What an earlier owner of the channel had put in and not sent is his.
    vx_store_release(&header_->tail, tail_);
}

// The entry, in its place; the ring is sent first if that is not free.
Result<vx_push*> PushRing::put(const EventView& event, std::uint32_t flags) {
    const std::size_t bytes = translate::push_bytes(event.event());
    if (event.ops.empty() || event.event().rec.op >= VX_OP_COUNT || bytes > size_) {
        return Status::error(EINVAL,
                             "push: no userspace operation, no kernel operation, or too long");
    }
    if (waiting_ == VX_PUSH_BATCH_MAX || tail_ + bytes - head_ > size_) {
        if (Status sent = flush(); !sent) {
            return sent;
        }
    }
    std::byte* at = entries_ + (tail_ & (size_ - 1));
    translate::build_push(event, flags, at);
    tail_ += bytes;
    entries_waiting_[waiting_++] = {event.event().rec.op, (flags & VX_PUSH_F_INJECT) != 0,
                                    event.ops.mask()};
    return reinterpret_cast<vx_push*>(at);
}

Status PushRing::add(const vx_event& kernel, const EventView& event, std::uint32_t flags) {
    const Result<vx_push*> entry = put(event, flags);
    if (!entry) {
        return entry.status();
    }
    const auto& sent = *reinterpret_cast<const vx_event*>(*entry + 1);
    counters_.score_min = std::min(counters_.score_min, translate::context_score(kernel, sent));
    return {};
}

Status PushRing::inject(const EventView& event, const InjectPlace& place) {
    const Result<vx_push*> entry = put(event, VX_PUSH_F_INJECT | VX_PUSH_F_NO_EMIT);
    if (!entry) {
        return entry.status();
    }
    (*entry)->inject_fsid = place.dev;
    (*entry)->inject_node = place.directory;
    (*entry)->inject_ino = place.directory_ino;
    (*entry)->inject_object = place.object;
    return {};
}

Status PushRing::flush() {
    if (waiting_ == 0) {
        return {};
    }
    // Release: the entries are whole before the kernel, on whatever CPU it runs the call, can see
    // the tail.
    vx_store_release(&header_->tail, tail_);
    vx_push_call call{};
    const Status status = call_(waiting_, call);
    counters_.calls++;
    collect(call.handled);
    if (!status) {
        counters_.last_error = status.code();
        drop_waiting();
        return status;
    }
    if (waiting_ != 0) {
        counters_.last_error = EIO;
        drop_waiting();
        return Status::error(EIO, "push: the kernel handled fewer entries than it was given");
    }
    head_ = tail_;
    return {};
}

void PushRing::collect(std::uint32_t handled) {
    handled = handled < waiting_ ? handled : waiting_;
    for (std::uint32_t i = 0; i < handled; i++) {
        count(entries_waiting_[i], results_[(handled_ + i) % VX_PUSH_RESULTS]);
    }
    handled_ += handled;
    waiting_ -= handled;
}

void PushRing::count(const Waiting& entry, const vx_push_result& result) {
    if (entry.injects && (result.result == 0 || result.result == -ENOENT)) {
        (result.result == 0 ? counters_.injected : counters_.unwatched)++;
        return;
    }
    if (result.result != 0) {
        counters_.failed++;
        counters_.last_error = -result.result;
        return;
    }
    counters_.pushed++;
    counters_.by_op[entry.op]++;
    for (std::uint32_t mask = entry.uop_mask; mask != 0; mask &= mask - 1) {
        counters_.by_uop[static_cast<unsigned>(std::countr_zero(mask))]++;
    }
    counters_.receivers += result.receivers;
}

// Takes back what the kernel did not handle; it is counted as failed.
void PushRing::drop_waiting() {
    counters_.failed += waiting_;
    waiting_ = 0;
    tail_ = head_ = vx_load(&header_->head);
    vx_store_release(&header_->tail, tail_);
}

}  // namespace vexfs
