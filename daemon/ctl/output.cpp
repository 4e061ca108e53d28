// SPDX-License-Identifier: Apache-2.0
#include "ctl/output.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string_view>

namespace vexfs::ctl {

namespace {

constexpr std::size_t kFlushBytes = std::size_t{64} << 10U;

// What the signal handler touches.
std::atomic<bool> g_signalled{false};
std::atomic<int> g_eventfd{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int) {
    const int saved = errno;
    g_signalled = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(g_eventfd.load(), &one, sizeof(one));
    errno = saved;
}

}  // namespace

Result<Output> Output::create() {
    UniqueFd stop(::epoll_create1(EPOLL_CLOEXEC));
    const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);  // lives as long as the handler
    if (!stop || event < 0) {
        return Status::from_errno(errno, "prepare for signals");
    }
    g_eventfd = event;
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    ::epoll_ctl(stop.get(), EPOLL_CTL_ADD, event, &wanted);
    // Errors and hang-ups are always reported. Files have none (EPERM), and need none.
    wanted.events = 0;
    ::epoll_ctl(stop.get(), EPOLL_CTL_ADD, STDOUT_FILENO, &wanted);

    struct sigaction action {};
    action.sa_handler = on_signal;  // no SA_RESTART: a write that waits must end
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    action.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &action, nullptr);
    return Output(std::move(stop));
}

bool Output::stopped() const {
    return g_signalled || closed_ || !status_.ok();
}

bool Output::flush(bool always) {
    if (!always && buffer_.size() < kFlushBytes) {
        return !stopped();
    }
    std::string_view rest = buffer_;
    while (!rest.empty() && !stopped()) {
        const ssize_t n = ::write(STDOUT_FILENO, rest.data(), rest.size());
        if (n >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) {
            pollfd fd{STDOUT_FILENO, POLLOUT, 0};
            ::poll(&fd, 1, -1);
        } else if (errno == EPIPE) {
            closed_ = true;
        } else if (errno != EINTR) {
            status_ = Status::from_errno(errno, "write to standard output");
        }
    }
    buffer_.clear();
    return !stopped();
}

}  // namespace vexfs::ctl
