// SPDX-License-Identifier: Apache-2.0
#include "control/session.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.hpp"

namespace vexfs {

Session::Session(Loop& loop, SessionHost& host, const ControlLimits& limits, UniqueFd fd)
    : loop_(loop), host_(&host), limits_(limits), fd_(std::move(fd)) {
    in_.resize(limits.request_bytes + 1);
}

void Session::start() {
    arm_recv();
}

void Session::close(bool slow) {
    if (host_ == nullptr) {
        return;
    }
    SessionHost* host = std::exchange(host_, nullptr);
    // Makes transfers that are under way return; their handlers hold the last references to this.
    ::shutdown(fd_.get(), SHUT_RDWR);
    host->on_closed(*this, slow);
}

void Session::refuse(const Status& status) {
    host_->on_refused(status);
    close();
}

void Session::close_when_sent() {
    last_words_ = true;
    close_if_done();
}

void Session::close_if_done() {
    const bool all_sent = !sending_now_ && out_.empty();
    if (all_sent && (last_words_ || (eof_ && !busy_))) {
        close();
    }
}

void Session::check_stall(std::uint64_t now_ns) {
    const std::uint64_t limit_ns = limits_.stall_ms * 1'000'000;
    const bool sending = sending_now_ && now_ns > send_since_ns_ + limit_ns;
    const bool typing = line_since_ns_ != 0 && !busy_ && now_ns > line_since_ns_ + limit_ns;
    if (sending || typing) {
        close(true);
    }
}

// --- receiving ---

void Session::arm_recv() {
    if (!open() || receiving_ || eof_ || last_words_ || in_used_ == in_.size()) {
        return;
    }
    const std::span<char> room = std::span(in_).subspan(in_used_);
    const auto op = loop_.recv(fd_.get(), std::as_writable_bytes(room),
                               [self = shared_from_this()](int result) { self->on_recv(result); });
    if (!op) {
        refuse(op.status());
        return;
    }
    receiving_ = true;
}

bool Session::hung_up() const {
    pollfd state{.fd = fd_.get(), .events = 0, .revents = 0};
    return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

void Session::on_recv(int result) {
    receiving_ = false;
    if (!open()) {
        return;
    }
    if (result < 0) {
        close();
        return;
    }
    if (result == 0) {
        // A client that only shut down its sending side still gets its answers.
        eof_ = true;
        if (hung_up()) {
            close();
            return;
        }
    }
    in_used_ += static_cast<std::size_t>(result);
    process();
}

void Session::process() {
    if (processing_) {
        return;
    }
    processing_ = true;
    const auto self = shared_from_this();
    while (open() && !busy_ && !last_words_) {
        const auto* end = static_cast<const char*>(std::memchr(in_.data(), '\n', in_used_));
        if (end == nullptr) {
            break;
        }
        const auto size = static_cast<std::size_t>(end - in_.data());
        const std::string line(in_.data(), size);
        std::memmove(in_.data(), end + 1, in_used_ - size - 1);
        in_used_ -= size + 1;
        line_since_ns_ = 0;
        if (line.find_first_not_of(" \t\r") != std::string::npos) {
            busy_ = true;
            host_->on_request(self, line);
        }
    }
    processing_ = false;
    if (!open()) {
        return;
    }
    if (!busy_ && !last_words_ && in_used_ == in_.size()) {
        host_->on_too_long(self);
    }
    if (busy_ || in_used_ == 0) {
        line_since_ns_ = 0;
    } else if (line_since_ns_ == 0) {
        line_since_ns_ = SystemClock().mono_ns();
    }
    arm_recv();
    close_if_done();
}

// --- sending ---

bool Session::append(std::string_view text) {
    if (!open()) {
        return false;
    }
    if (out_.size() + sending_.size() - sent_ + text.size() > limits_.unsent_bytes) {
        close(true);
        return false;
    }
    out_ += text;
    arm_send();
    return open();
}

void Session::finish(std::string_view text) {
    if (!append(text)) {
        return;
    }
    busy_ = false;
    process();
}

void Session::arm_send() {
    if (!open() || sending_now_) {
        return;
    }
    if (sent_ == sending_.size()) {
        sending_.clear();
        sent_ = 0;
        sending_.swap(out_);
    }
    if (sending_.empty()) {
        return;
    }
    const auto rest = std::as_bytes(std::span(sending_).subspan(sent_));
    const auto op = loop_.send(fd_.get(), rest,
                               [self = shared_from_this()](int result) { self->on_send(result); });
    if (!op) {
        refuse(op.status());
        return;
    }
    sending_now_ = true;
    send_since_ns_ = SystemClock().mono_ns();
}

void Session::on_send(int result) {
    sending_now_ = false;
    if (!open()) {
        return;
    }
    if (result <= 0) {
        close();
        return;
    }
    sent_ += static_cast<std::size_t>(result);
    arm_send();
    close_if_done();
}

}  // namespace vexfs
