// SPDX-License-Identifier: Apache-2.0
// UniqueFd: the one owner of a file descriptor. Move-only; closes when it goes.
#pragma once

#include <unistd.h>

#include <utility>

namespace vexfs {

class [[nodiscard]] UniqueFd {
  public:
    UniqueFd() = default;
    // Takes ownership; -1 means none.
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) {
            reset(std::exchange(other.fd_, -1));
        }
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }
    explicit operator bool() const { return valid(); }

    // Gives ownership away.
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }

    // Closes what is held, then holds `fd`. The result of close() is of no use here: the number is
    // free on Linux whatever it says, and who needs durable data has called fsync before.
    void reset(int fd = -1) {
        const int old = std::exchange(fd_, fd);
        if (old >= 0) {
            ::close(old);
        }
    }

  private:
    int fd_ = -1;
};

}  // namespace vexfs
