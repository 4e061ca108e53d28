// SPDX-License-Identifier: Apache-2.0
#include "pushback/push_ring.hpp"

#include <bit>
#include <cstring>

#include "barrier.h"

namespace vexfs {

PushRing::PushRing(const Mapping& area, PushCall call)
    : header_(static_cast<vx_push_header*>(area.data())),
      results_(reinterpret_cast<const vx_push_result*>(static_cast<std::byte*>(area.data()) +
                                                       VX_PUSH_RESULTS_OFF)),
      entries_(static_cast<std::byte*>(area.data()) + VX_PUSH_ENTRIES_OFF),
      size_((area.size() - VX_PUSH_ENTRIES_OFF) / 2),
      call_(std::move(call)) {}

Status PushRing::add(const vx_event& event, const PushUnit& unit) {
    const auto len = static_cast<std::uint32_t>(sizeof(vx_push)) + event.rec.len;
    if (unit.uop_mask == 0 || event.rec.op >= VX_OP_COUNT || len > size_) {
        return Status::error(EINVAL,
                             "push: no userspace operation, no kernel operation, or too long");
    }
    if (waiting_ == VX_PUSH_BATCH_MAX || tail_ + len - head_ > size_) {
        if (Status sent = flush(); !sent) {
            return sent;
        }
    }
    vx_push entry{};
    entry.len = len;
    entry.uop = static_cast<__u16>(std::countr_zero(unit.uop_mask));
    entry.flags = unit.flags;
    entry.uop_mask = unit.uop_mask;
    entry.user_data = unit.user_data;
    entry.chain = unit.chain;
    std::byte* at = entries_ + (tail_ & (size_ - 1));
    std::memcpy(at, &entry, sizeof(entry));
    std::memcpy(at + sizeof(entry), &event, event.rec.len);
    tail_ += len;
    ops_[waiting_] = event.rec.op;
    uop_masks_[waiting_++] = unit.uop_mask;
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
