// SPDX-License-Identifier: Apache-2.0
// Loop: the daemon's one event loop, on one io_uring.
//
// One thread creates operations and runs the loop; only post() and stop() may be called by others.
// Each operation occupies a slot of a table of fixed size until the kernel has ended it, and its
// handler lives in the slot, so that a running loop does not allocate. When the table is full,
// starting an operation fails with ENOBUFS; nothing is ever queued behind it without a limit.
//
// Rules for callers
// - Handlers run on the loop's thread, one at a time, never from inside the call that starts the
// operation.
// - A handler may start and cancel anything, itself included.
// - Cancel an operation before closing its fd: the kernel keeps the file as long as the operation
// lives.
// - Memory given to recv, send and write belongs to the kernel until the handler was called.
#pragma once

#include <liburing.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.hpp"
#include "base/inline_function.hpp"
#include "base/status.hpp"
#include "sys/file_io.hpp"

namespace vexfs {

struct LoopConfig {
    unsigned sq_entries = 256;  // submission queue; the completion queue is four times as long
    unsigned slots = 1024;      // operations under way at once
    std::size_t post_limit = 65'536;  // functions posted and not yet run
};

// Names one operation; stays harmless after the operation has ended.
struct OpId {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  // 0: none
    explicit operator bool() const { return generation != 0; }
};

struct LoopStats {
    std::uint64_t turns = 0;        // passes through the loop
    std::uint64_t completions = 0;  // results delivered by the kernel
    std::uint64_t rearms = 0;  // multishot operations that the kernel ended and the loop renewed
    unsigned slots_used = 0;   // now
    unsigned slots_peak = 0;   // most at once
};

class Loop final : public FileIo {
  public:
    using Handler = FileIo::Handler;

    // Fails with a message that names the sysctl where the system forbids io_uring.
    static Result<std::unique_ptr<Loop>> create(const LoopConfig& config = {});

    // Cancels what is under way and waits until the kernel has let go of it; no handler is called.
    ~Loop() override;
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    // Calls `handler` with the ready events (POLLIN ...) each time `fd` becomes ready, until
    // cancelled. It reports changes: read until EAGAIN, or what is left waits for the next change.
    // A negative errno is the last call.
    Result<OpId> poll(int fd, unsigned events, Handler handler);

    // Calls `handler` with 0 once, `delay_ns` nanoseconds from now.
    Result<OpId> timer(std::uint64_t delay_ns, Handler handler);
    // Calls `handler` with 0 every `period_ns` nanoseconds (at least 1 microsecond), without drift;
    // periods that were missed are skipped.
    Result<OpId> every(std::uint64_t period_ns, Handler handler);

    // Blocks these signals in the calling thread and calls `handler` with the number of each that
    // arrives. Call it before threads start, so that they inherit the mask. Once per loop.
    Result<OpId> signals(std::initializer_list<int> numbers, Handler handler);

    // Calls `handler` with a new connection's fd (close-on-exec, owned by the handler) each time,
    // until cancelled. A negative errno is the last call: EMFILE, say, would otherwise spin.
    Result<OpId> accept(int listen_fd, Handler handler);

    // One transfer; `handler` is called exactly once, with the number of bytes (0: end of stream)
    // or a negative errno (-ECANCELED after cancel()). SIGPIPE is not raised.
    Result<OpId> recv(int fd, std::span<std::byte> bytes, Handler handler);
    Result<OpId> send(int fd, std::span<const std::byte> bytes, Handler handler);

    Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset, WriteSync sync,
                 Handler done) override;
    Status fdatasync(int fd, Handler done) override;
    Status fsync(int fd, Handler done) override;
    Status allocate(int fd, std::uint64_t bytes, Handler done) override;

    // Ends an operation and clears `id`. The handler of a poll, timer, signal or accept is not
    // called again; that of a transfer is called once more, because only then its memory is free.
    // An operation that has ended already is left alone.
    void cancel(OpId& id);

    // Any thread: runs `fn` on the loop's thread. In the order of the calls. ENOBUFS at the limit.
    Status post(std::function<void()> fn);

    // `fn` is called in each turn before the loop waits, to drain what is not a file descriptor.
    // True means that there is more to do: the loop looks for completions but does not wait.
    void before_wait(std::function<bool()> fn) { before_wait_ = std::move(fn); }

    // Runs until stop(); may be called again afterwards. Fails only when the ring itself fails.
    Status run();
    // One turn: submits, waits for at least one completion if `wait`, and calls handlers.
    Status turn(bool wait);
    // Any thread: run() returns after the handlers of the current turn.
    void stop();

    [[nodiscard]] LoopStats stats() const;

  private:
    enum class Kind : std::uint8_t {
        free,
        poll,
        timer,
        every,
        accept,
        recv,
        send,
        write,
        fdatasync,
        fsync,
        allocate
    };

    struct Slot {
        Kind kind = Kind::free;
        bool in_kernel = false;  // at least one completion will come
        bool running = false;    // its handler is on the stack
        bool closing = false;    // cancelled: the slot goes when the kernel lets go
        bool deferred = false;   // in deferred_
        std::uint32_t generation = 0;
        int fd = -1;
        unsigned events = 0;
        Handler handler;
        const std::byte* data = nullptr;  // transfers: what is left
        std::size_t bytes = 0;
        std::uint64_t offset = 0;  // write: where the rest goes; timers: deadline or period, in ns
        std::uint64_t deadline = 0;  // timers: CLOCK_MONOTONIC in ns
        __kernel_timespec when{};    // timers: must live until submitted
        // Writes only.
        std::size_t done = 0;
        bool sync = false;
        std::uint8_t pending = 0;  // completions to come
        int write_result = 0;
        int sync_result = 0;
    };

    struct Completion {
        std::uint64_t user_data;
        int result;
        unsigned flags;
    };

    explicit Loop(const LoopConfig& config);
    Status open_ring();
    Status open_wakeup();

    Result<std::uint32_t> take_slot(Kind kind, int fd, Handler handler);
    void free_slot(std::uint32_t index);
    Result<OpId> start(std::uint32_t index);
    bool submit_slot(std::uint32_t index);
    bool submit_write(std::uint32_t index);
    void prepare(io_uring_sqe* sqe, Slot& slot);
    io_uring_sqe* get_sqe(unsigned needed = 1);
    bool submit_cancel(std::uint32_t index);
    void defer(std::uint32_t index);
    void retry_deferred();

    void dispatch_ready();
    void dispatch(const Completion& completion);
    void on_repeating(std::uint32_t index, int result, bool more);
    void on_once(std::uint32_t index, int result);
    void on_write(std::uint32_t index, int result, bool is_sync);
    void finish(std::uint32_t index, int result);
    void run_posted();
    void drain_on_exit();

    LoopConfig config_;
    io_uring ring_{};
    bool ring_open_ = false;
    bool draining_ = false;  // in the destructor: handlers are dropped, not called
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::vector<std::uint32_t> deferred_;  // to be re-armed or cancelled when the queue has room
    LoopStats stats_;
    std::function<bool()> before_wait_;
    UniqueFd wakeup_;
    UniqueFd signal_fd_;
    Handler signal_handler_;
    std::atomic<bool> stop_{false};

    std::mutex post_mutex_;
    std::vector<std::function<void()>> posted_;  // guarded by post_mutex_
    std::vector<std::function<void()>> running_posted_;
};

// What to tell the user when io_uring_setup failed with `err` (positive errno) and the sysctl
// kernel.io_uring_disabled has the value `disabled` (nothing: no such sysctl).
Status explain_ring_error(int err, std::optional<int> disabled);
// The same with the sysctl's value on this system.
Status explain_ring_error(int err);

}  // namespace vexfs
