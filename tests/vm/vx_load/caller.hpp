// SPDX-License-Identifier: Apache-2.0
// Caller: makes system calls, in the calling thread or each in a thread of its own; and Uring, the
// same through io_uring.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <functional>
#include <vector>

namespace vexfs::vm {

class Caller {
  public:
    explicit Caller(bool thread_a_call);

    // Returns what `call` returns, and errno is what it has left. A thread of its own is born for
    // it and is gone when this returns; the calling thread stands still meanwhile, so that both
    // may use one thread's memory.
    long operator()(const std::function<long()>& call);

  private:
    std::vector<std::byte> stack_;  // empty: in the calling thread
};

class Uring {
  public:
    Uring();
    ~Uring();
    Uring(const Uring&) = delete;
    Uring& operator=(const Uring&) = delete;

    // One request, done. Negative: what went wrong. A worker thread of the kernel makes it where it
    // may block, and always with `worker`.
    long operator()(const std::function<void(io_uring_sqe*)>& prepare, bool worker = false);

  private:
    io_uring ring_{};
    int error_;
};

}  // namespace vexfs::vm
