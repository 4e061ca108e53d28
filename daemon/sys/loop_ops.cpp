// SPDX-License-Identifier: Apache-2.0
// The loop's operations: what each of them asks the kernel for.
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "sys/loop.hpp"

namespace vexfs {
namespace {

constexpr std::uint64_t kMinPeriodNs = 1'000;
constexpr std::size_t kMaxWrite = 1U << 30U;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

std::uint64_t user_data(std::uint32_t index, std::uint32_t generation, bool is_sync) {
    return (static_cast<std::uint64_t>(generation) << 32U) |
           (static_cast<std::uint64_t>(index) << 1U) | (is_sync ? 1U : 0U);
}

}  // namespace

// Room for `needed` entries that must reach the kernel together; nullptr when there is none now.
io_uring_sqe* Loop::get_sqe(unsigned needed) {
    if (io_uring_sq_space_left(&ring_) < needed) {
        io_uring_submit(&ring_);
        if (io_uring_sq_space_left(&ring_) < needed) {
            return nullptr;
        }
    }
    return io_uring_get_sqe(&ring_);
}

void Loop::prepare(io_uring_sqe* sqe, Slot& slot) {
    switch (slot.kind) {
        case Kind::poll:
            io_uring_prep_poll_multishot(sqe, slot.fd, slot.events);
            break;
        case Kind::timer:
        case Kind::every:
            slot.when.tv_sec = static_cast<long long>(slot.deadline / kNsPerSecond);
            slot.when.tv_nsec = static_cast<long long>(slot.deadline % kNsPerSecond);
            io_uring_prep_timeout(sqe, &slot.when, 0, IORING_TIMEOUT_ABS);
            break;
        case Kind::accept:
            io_uring_prep_multishot_accept(sqe, slot.fd, nullptr, nullptr, SOCK_CLOEXEC);
            break;
        case Kind::recv:
            io_uring_prep_recv(sqe, slot.fd, const_cast<std::byte*>(slot.data), slot.bytes, 0);
            break;
        case Kind::send:
            io_uring_prep_send(sqe, slot.fd, slot.data, slot.bytes, MSG_NOSIGNAL);
            break;
        case Kind::fdatasync:
            io_uring_prep_fsync(sqe, slot.fd, IORING_FSYNC_DATASYNC);
            break;
        case Kind::fsync:
            io_uring_prep_fsync(sqe, slot.fd, 0);
            break;
        case Kind::allocate:
            io_uring_prep_fallocate(sqe, slot.fd, 0, 0, static_cast<off_t>(slot.bytes));
            break;
        case Kind::write:
        case Kind::free:
            assert(false);
    }
}

// Hands the slot's operation to the kernel (again). False: no room now.
bool Loop::submit_slot(std::uint32_t index) {
    Slot& slot = slots_[index];
    if (slot.kind == Kind::write) {
        return submit_write(index);
    }
    io_uring_sqe* sqe = get_sqe();
    if (sqe == nullptr) {
        return false;
    }
    if (slot.kind == Kind::every) {
        const std::uint64_t now = SystemClock().mono_ns();
        slot.deadline += slot.offset;
        if (slot.deadline <= now) {
            slot.deadline += ((now - slot.deadline) / slot.offset + 1) * slot.offset;
        }
    }
    prepare(sqe, slot);
    io_uring_sqe_set_data64(sqe, user_data(index, slot.generation, false));
    slot.in_kernel = true;
    return true;
}

// The link makes the kernel start the fdatasync only after the whole write; a short or failed write
// cancels it, and both results arrive in any case.
bool Loop::submit_write(std::uint32_t index) {
    Slot& slot = slots_[index];
    io_uring_sqe* sqe = get_sqe(slot.sync ? 2 : 1);
    if (sqe == nullptr) {
        return false;
    }
    io_uring_prep_write(sqe, slot.fd, slot.data, static_cast<unsigned>(slot.bytes), slot.offset);
    io_uring_sqe_set_data64(sqe, user_data(index, slot.generation, false));
    slot.pending = 1;
    if (slot.sync) {
        sqe->flags |= IOSQE_IO_LINK;
        io_uring_sqe* sync = io_uring_get_sqe(&ring_);
        io_uring_prep_fsync(sync, slot.fd, IORING_FSYNC_DATASYNC);
        io_uring_sqe_set_data64(sync, user_data(index, slot.generation, true));
        slot.pending = 2;
    }
    slot.in_kernel = true;
    return true;
}

bool Loop::submit_cancel(std::uint32_t index) {
    io_uring_sqe* sqe = get_sqe();
    if (sqe == nullptr) {
        return false;
    }
    io_uring_prep_cancel64(sqe, user_data(index, slots_[index].generation, false), 0);
    io_uring_sqe_set_data64(sqe, 0);
    return true;
}

Result<OpId> Loop::start(std::uint32_t index) {
    if (!submit_slot(index)) {
        free_slot(index);
        return Status::error(ENOBUFS, "event loop: the submission queue is full");
    }
    return OpId{index, slots_[index].generation};
}

void Loop::cancel(OpId& id) {
    const OpId wanted = std::exchange(id, OpId{});
    if (!wanted || wanted.index >= slots_.size()) {
        return;
    }
    Slot& slot = slots_[wanted.index];
    if (slot.kind == Kind::free || slot.generation != wanted.generation || slot.closing) {
        return;
    }
    slot.closing = true;
    if (slot.in_kernel) {
        if (!submit_cancel(wanted.index)) {
            defer(wanted.index);
        }
    } else if (!slot.running) {
        free_slot(wanted.index);
    }
}

Result<OpId> Loop::poll(int fd, unsigned events, Handler handler) {
    auto index = take_slot(Kind::poll, fd, std::move(handler));
    if (!index) {
        return index.with_context("poll of fd " + std::to_string(fd));
    }
    slots_[*index].events = events;
    return start(*index);
}

Result<OpId> Loop::timer(std::uint64_t delay_ns, Handler handler) {
    auto index = take_slot(Kind::timer, -1, std::move(handler));
    if (!index) {
        return index.with_context("timer");
    }
    const std::uint64_t now = SystemClock().mono_ns();
    slots_[*index].deadline = now + std::min(delay_ns, std::uint64_t{1} << 62U);
    return start(*index);
}

Result<OpId> Loop::every(std::uint64_t period_ns, Handler handler) {
    auto index = take_slot(Kind::every, -1, std::move(handler));
    if (!index) {
        return index.with_context("timer");
    }
    slots_[*index].deadline = SystemClock().mono_ns();
    slots_[*index].offset = std::clamp(period_ns, kMinPeriodNs, std::uint64_t{1} << 62U);
    return start(*index);
}

Result<OpId> Loop::signals(std::initializer_list<int> numbers, Handler handler) {
    if (signal_fd_) {
        return Status::error(EEXIST, "event loop: signals are handled already");
    }
    sigset_t set;
    sigemptyset(&set);
    for (const int number : numbers) {
        sigaddset(&set, number);
    }
    if (const int err = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); err != 0) {
        return Status::from_errno(err, "block signals");
    }
    signal_fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signal_fd_) {
        return Status::from_errno(errno, "signalfd");
    }
    signal_handler_ = std::move(handler);
    return poll(signal_fd_.get(), POLLIN, [this](int) {
        signalfd_siginfo info{};
        while (::read(signal_fd_.get(), &info, sizeof info) == sizeof info) {
            signal_handler_(static_cast<int>(info.ssi_signo));
        }
    });
}

Result<OpId> Loop::accept(int listen_fd, Handler handler) {
    auto index = take_slot(Kind::accept, listen_fd, std::move(handler));
    if (!index) {
        return index.with_context("accept");
    }
    return start(*index);
}

Result<OpId> Loop::recv(int fd, std::span<std::byte> bytes, Handler handler) {
    auto index = take_slot(Kind::recv, fd, std::move(handler));
    if (!index) {
        return index.with_context("recv");
    }
    slots_[*index].data = bytes.data();
    slots_[*index].bytes = bytes.size();
    return start(*index);
}

Result<OpId> Loop::send(int fd, std::span<const std::byte> bytes, Handler handler) {
    auto index = take_slot(Kind::send, fd, std::move(handler));
    if (!index) {
        return index.with_context("send");
    }
    slots_[*index].data = bytes.data();
    slots_[*index].bytes = bytes.size();
    return start(*index);
}

Status Loop::write(int fd, std::span<const std::byte> bytes, std::uint64_t offset, WriteSync sync,
                   Handler done) {
    if (bytes.empty() || bytes.size() > kMaxWrite) {
        return Status::error(EINVAL, "event loop: a write has 1 byte to 1 GiB, not " +
                                         std::to_string(bytes.size()) + " bytes");
    }
    auto index = take_slot(Kind::write, fd, std::move(done));
    if (!index) {
        return index.with_context("write");
    }
    Slot& slot = slots_[*index];
    slot.data = bytes.data();
    slot.bytes = bytes.size();
    slot.offset = offset;
    slot.sync = sync == WriteSync::data;
    return start(*index).status();
}

Status Loop::fdatasync(int fd, Handler done) {
    auto index = take_slot(Kind::fdatasync, fd, std::move(done));
    if (!index) {
        return index.with_context("fdatasync");
    }
    return start(*index).status();
}

Status Loop::fsync(int fd, Handler done) {
    auto index = take_slot(Kind::fsync, fd, std::move(done));
    if (!index) {
        return index.with_context("fsync");
    }
    return start(*index).status();
}

Status Loop::allocate(int fd, std::uint64_t bytes, Handler done) {
    auto index = take_slot(Kind::allocate, fd, std::move(done));
    if (!index) {
        return index.with_context("fallocate");
    }
    slots_[*index].bytes = bytes;
    return start(*index).status();
}

}  // namespace vexfs
