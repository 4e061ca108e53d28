// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_load/caller.hpp"

#include <cerrno>
#include <sched.h>

namespace vexfs::vm {

namespace {

constexpr std::size_t kStackBytes = 256 * 1024;

struct Errand {
    const std::function<long()>& call;
    long result = 0;
};

int run(void* argument) {
    auto* errand = static_cast<Errand*>(argument);
    errand->result = errand->call();
    return 0;
}

}  // namespace

Caller::Caller(bool thread_a_call) : stack_(thread_a_call ? kStackBytes : 0) {}

long Caller::operator()(const std::function<long()>& call) {
    if (stack_.empty()) {
        return call();
    }
    // As vfork does: this thread waits until the new one is gone.
    constexpr int kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                           CLONE_SYSVSEM | CLONE_VFORK;
    Errand errand{call};
    if (::clone(run, stack_.data() + stack_.size(), kFlags, &errand) < 0) {
        return -1;
    }
    return errand.result;
}

Uring::Uring() : error_(::io_uring_queue_init(4, &ring_, 0)) {}

Uring::~Uring() {
    if (error_ == 0) {
        ::io_uring_queue_exit(&ring_);
    }
}

long Uring::operator()(const std::function<void(io_uring_sqe*)>& prepare, bool worker) {
    if (error_ != 0) {
        return error_;
    }
    io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
    prepare(sqe);
    if (worker) {
        ::io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
    }
    ::io_uring_submit_and_wait(&ring_, 1);
    io_uring_cqe* done = nullptr;
    // A signal ends the wait early; the request goes on.
    while (::io_uring_wait_cqe(&ring_, &done) == -EINTR) {
    }
    const long result = done != nullptr ? done->res : -EIO;
    if (done != nullptr) {
        ::io_uring_cqe_seen(&ring_, done);
    }
    return result;
}

}  // namespace vexfs::vm
