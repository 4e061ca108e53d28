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
      call_(std::move(call)) {}

Status PushRing::make_room(std::uint64_t bytes) {
    return waiting_ == VX_PUSH_BATCH_MAX || tail_ + bytes - head_ > size_ ? flush() : Status();
}

Status PushRing::add(const vx_event& kernel, const EventView& event, std::uint32_t flags) {
    const std::size_t bytes = translate::push_bytes(event.event());
    if (event.ops.empty() || event.event().rec.op >= VX_OP_COUNT || bytes > size_) {
        return Status::error(EINVAL,
                             "push: no userspace operation, no kernel operation, or too long");
    }
    if (Status room = make_room(bytes); !room) {
        return room;
    }
    std::byte* at = entries_ + (tail_ & (size_ - 1));
    translate::build_push(event, flags, at);
    const auto& sent = *reinterpret_cast<const vx_event*>(at + sizeof(vx_push));
    counters_.score_min = std::min(counters_.score_min, translate::context_score(kernel, sent));
    tail_ += bytes;
    ops_[waiting_] = event.event().rec.op;
    uop_masks_[waiting_++] = event.ops.mask();
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
        const vx_push_result& result = results_[(handled_ + i) % VX_PUSH_RESULTS];
        if (result.result == 0) {
            counters_.pushed++;
            counters_.by_op[ops_[i]]++;
            for (std::uint32_t mask = uop_masks_[i]; mask != 0; mask &= mask - 1) {
                counters_.by_uop[static_cast<unsigned>(std::countr_zero(mask))]++;
            }
            counters_.receivers += result.receivers;
        } else {
            counters_.failed++;
            counters_.last_error = -result.result;
        }
    }
    handled_ += handled;
    waiting_ -= handled;
}

// Takes back what the kernel did not handle; it is counted as failed.
void PushRing::drop_waiting() {
    counters_.failed += waiting_;
    waiting_ = 0;
    tail_ = head_ = vx_load(&header_->head);
    vx_store_release(&header_->tail, tail_);
}

}  // namespace vexfs
