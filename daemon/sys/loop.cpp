// SPDX-License-Identifier: Apache-2.0
// The loop itself: set-up, slots, turns and the dispatch of completions. loop_ops.cpp has the
// operations.
#include "sys/loop.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <string>
#include <utility>

namespace vexfs {
namespace {

// user_data: generation (32 bits), slot (31 bits), 1 for the fdatasync half of a write. A
// generation is never 0, so 0 is free to mark what nobody waits for.
constexpr std::uint64_t kNobody = 0;

}  // namespace

Result<std::unique_ptr<Loop>> Loop::create(const LoopConfig& config) {
    if (config.slots < 2 || config.slots > (1U << 20) || config.sq_entries < 4) {
        return Status::error(EINVAL, "event loop: needs 2 to 1048576 slots and at least 4 entries");
    }
    std::unique_ptr<Loop> loop(new Loop(config));
    if (Status s = loop->open_ring(); !s) {
        return s;
    }
    if (Status s = loop->open_wakeup(); !s) {
        return s;
    }
    return loop;
}

Loop::Loop(const LoopConfig& config) : config_(config), slots_(config.slots) {
    free_.reserve(config.slots);
    deferred_.reserve(config.slots);
    for (std::uint32_t i = config.slots; i > 0; --i) {
        free_.push_back(i - 1);
    }
}

Loop::~Loop() {
    if (ring_open_) {
        drain_on_exit();
        io_uring_queue_exit(&ring_);
    }
}

Status Loop::open_ring() {
    io_uring_params params{};
    // The CPU is not interrupted to run completions; they run when this thread enters the kernel.
    params.flags = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL |
                   IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    params.cq_entries = config_.sq_entries * 4;
    const int rc = io_uring_queue_init_params(config_.sq_entries, &ring_, &params);
    if (rc < 0) {
        return explain_ring_error(-rc);
    }
    ring_open_ = true;
    if ((params.features & IORING_FEAT_NODROP) == 0) {
        return Status::error(ENOSYS,
                             "this kernel's io_uring drops completions; Linux 6.1 is needed");
    }
    return {};
}

Status Loop::open_wakeup() {
    wakeup_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wakeup_) {
        return Status::from_errno(errno, "eventfd");
    }
    return poll(wakeup_.get(), POLLIN, [this](int) { run_posted(); }).status();
}

// --- slots ---

Result<std::uint32_t> Loop::take_slot(Kind kind, int fd, Handler handler) {
    if (free_.empty()) {
        return Status::error(ENOBUFS, "event loop: all " + std::to_string(config_.slots) +
                                          " operation slots are in use");
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Slot& slot = slots_[index];
    const std::uint32_t generation = slot.generation + 1 != 0 ? slot.generation + 1 : 1;
    slot = Slot{};
    slot.generation = generation;
    slot.kind = kind;
    slot.fd = fd;
    slot.handler = std::move(handler);
    ++stats_.slots_used;
    stats_.slots_peak = std::max(stats_.slots_peak, stats_.slots_used);
    return index;
}

void Loop::free_slot(std::uint32_t index) {
    Slot& slot = slots_[index];
    assert(slot.kind != Kind::free && !slot.in_kernel && !slot.running);
    slot.kind = Kind::free;
    slot.handler.reset();
    if (!slot.deferred) {  // else retry_deferred() gives it back
        free_.push_back(index);
    }
    --stats_.slots_used;
}

void Loop::defer(std::uint32_t index) {
    if (!slots_[index].deferred) {
        slots_[index].deferred = true;
        deferred_.push_back(index);
    }
}

void Loop::retry_deferred() {
    const std::size_t count = deferred_.size();
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t index = deferred_[i];
        Slot& slot = slots_[index];
        slot.deferred = false;
        if (slot.kind == Kind::free) {
            free_.push_back(index);
        } else if (slot.closing && slot.in_kernel) {
            if (!submit_cancel(index)) {
                defer(index);
            }
        } else if (!slot.in_kernel && !submit_slot(index)) {
            defer(index);
        }
    }
    deferred_.erase(deferred_.begin(), deferred_.begin() + static_cast<std::ptrdiff_t>(count));
}

// --- turns ---

Status Loop::run() {
    while (!stop_.load(std::memory_order_acquire)) {
        if (Status s = turn(true); !s) {
            return s;
        }
    }
    stop_.store(false, std::memory_order_release);
    return {};
}

Status Loop::turn(bool wait) {
    ++stats_.turns;
    retry_deferred();
    const bool more = before_wait_ && before_wait_();
    wait = wait && !more && deferred_.empty() && !stop_.load(std::memory_order_acquire);
    const int rc =
        wait ? io_uring_submit_and_wait(&ring_, 1) : io_uring_submit_and_get_events(&ring_);
    // Interrupted, or the completion queue must be emptied first: both are mended by going on.
    if (rc < 0 && rc != -EINTR && rc != -EBUSY && rc != -EAGAIN && rc != -ETIME) {
        return Status::from_errno(rc, "io_uring_enter");
    }
    dispatch_ready();
    return {};
}

void Loop::dispatch_ready() {
    std::array<io_uring_cqe*, 64> ready{};
    std::array<Completion, 64> batch;
    // Bounded, so that before_wait() has its turn also while completions keep coming.
    for (int round = 0; round < 16; ++round) {
        const unsigned count = io_uring_peek_batch_cqe(&ring_, ready.data(), ready.size());
        for (unsigned i = 0; i < count; ++i) {
            batch[i] = {ready[i]->user_data, ready[i]->res, ready[i]->flags};
        }
        io_uring_cq_advance(&ring_, count);
        for (unsigned i = 0; i < count; ++i) {
            dispatch(batch[i]);
        }
        if (count < ready.size()) {
            return;
        }
    }
}

void Loop::dispatch(const Completion& completion) {
    if (completion.user_data == kNobody) {
        return;
    }
    ++stats_.completions;
    const auto index = static_cast<std::uint32_t>(completion.user_data & 0xFFFF'FFFFU) >> 1U;
    const auto generation = static_cast<std::uint32_t>(completion.user_data >> 32U);
    Slot& slot = slots_[index];
    assert(slot.generation == generation && slot.kind != Kind::free);
    if (slot.generation != generation || slot.kind == Kind::free) {
        return;
    }
    const bool more = (completion.flags & IORING_CQE_F_MORE) != 0;
    switch (slot.kind) {
        case Kind::poll:
        case Kind::accept:
        case Kind::every:
            on_repeating(index, completion.result, more);
            break;
        case Kind::write:
            on_write(index, completion.result, (completion.user_data & 1U) != 0);
            break;
        default:
            on_once(index, completion.result);
    }
}

void Loop::on_repeating(std::uint32_t index, int result, bool more) {
    Slot& slot = slots_[index];
    slot.in_kernel = more;
    if (slot.kind == Kind::every && result == -ETIME) {
        result = 0;
    }
    if (slot.closing) {
        if (slot.kind == Kind::accept && result >= 0) {
            ::close(result);
        }
    } else if (result < 0) {
        finish(index, result);
        return;
    } else {
        slot.running = true;
        slot.handler(result);
        slot.running = false;
    }
    if (slot.in_kernel) {
        return;
    }
    if (slot.closing) {
        free_slot(index);
        return;
    }
    ++stats_.rearms;
    if (!submit_slot(index)) {
        defer(index);
    }
}

void Loop::on_once(std::uint32_t index, int result) {
    Slot& slot = slots_[index];
    slot.in_kernel = false;
    if (slot.kind == Kind::timer) {
        if (slot.closing) {
            free_slot(index);
            return;
        }
        result = result == -ETIME ? 0 : result;
    }
    finish(index, result);
}

void Loop::on_write(std::uint32_t index, int result, bool is_sync) {
    Slot& slot = slots_[index];
    (is_sync ? slot.sync_result : slot.write_result) = result;
    if (--slot.pending > 0) {
        return;
    }
    slot.in_kernel = false;
    if (slot.write_result == -EINTR || slot.write_result == -EAGAIN) {
        slot.write_result = 0;
    } else if (slot.write_result <= 0) {
        finish(index, slot.write_result < 0 ? slot.write_result : -EIO);
        return;
    }
    const auto written = static_cast<std::size_t>(slot.write_result);
    slot.done += written;
    slot.data += written;
    slot.bytes -= written;
    slot.offset += written;
    if (slot.bytes > 0) {
        if (!submit_slot(index)) {
            defer(index);
        }
        return;
    }
    finish(index,
           slot.sync && slot.sync_result < 0 ? slot.sync_result : static_cast<int>(slot.done));
}

// The last call of a handler. The slot is free before it, so that the handler can start the next
// operation even when the table is full.
void Loop::finish(std::uint32_t index, int result) {
    Slot& slot = slots_[index];
    slot.in_kernel = false;
    Handler handler = std::move(slot.handler);
    free_slot(index);
    if (!draining_) {
        handler(result);
    }
}

// Handlers are not called any more but live until the kernel has let go: they may own the memory of
// their transfer.
void Loop::drain_on_exit() {
    draining_ = true;
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        if (slot.kind == Kind::free) {
            continue;
        }
        slot.closing = true;
        if (slot.in_kernel) {
            if (!submit_cancel(i)) {
                defer(i);
            }
        } else {
            free_slot(i);
        }
    }
    before_wait_ = nullptr;
    stop_ = false;
    while (stats_.slots_used > 0) {
        if (Status s = turn(true); !s) {
            spdlog::error("event loop: {} operations left at exit: {}", stats_.slots_used,
                          s.message());
            return;
        }
    }
}

LoopStats Loop::stats() const {
    return stats_;
}

// --- other threads ---

Status Loop::post(std::function<void()> fn) {
    {
        const std::lock_guard lock(post_mutex_);
        if (posted_.size() >= config_.post_limit) {
            return Status::error(ENOBUFS, "event loop: " + std::to_string(config_.post_limit) +
                                              " posted functions are waiting already");
        }
        posted_.push_back(std::move(fn));
        if (posted_.size() > 1) {
            return {};  // whoever posted the first has rung the bell
        }
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto rc = ::write(wakeup_.get(), &one, sizeof one);
    return {};
}

void Loop::run_posted() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto rc = ::read(wakeup_.get(), &count, sizeof count);
    {
        const std::lock_guard lock(post_mutex_);
        running_posted_.swap(posted_);
    }
    for (std::function<void()>& fn : running_posted_) {
        fn();
    }
    running_posted_.clear();
}

void Loop::stop() {
    stop_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto rc = ::write(wakeup_.get(), &one, sizeof one);
}

}  // namespace vexfs
