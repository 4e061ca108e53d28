// SPDX-License-Identifier: Apache-2.0
// Output: lines to stdout for as long as somebody reads them and nobody has pressed Ctrl-C.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/status.hpp"

namespace vexfs::ctl {

// From its creation on, SIGINT and SIGTERM end the command in its own way instead of killing it,
// and a reader that goes away (| head) is an end and not an error. One at a time.
class Output {
  public:
    static Result<Output> create();

    // Where the caller appends lines.
    std::string& buffer() { return buffer_; }
    // Writes the buffer when it has grown (or always); false: stop, see status().
    bool flush(bool always);

    // Somebody asked to stop, or nobody reads any more.
    [[nodiscard]] bool stopped() const;
    // Becomes readable when stopped() becomes true.
    [[nodiscard]] int stop_fd() const { return stop_.get(); }
    // Why writing failed; ok when it did not, or when the reader has gone.
    [[nodiscard]] const Status& status() const { return status_; }

  private:
    explicit Output(UniqueFd stop) : stop_(std::move(stop)) {}

    UniqueFd stop_;  // an epoll: the signal's eventfd, and stdout's other end
    std::string buffer_;
    bool closed_ = false;
    Status status_;
};

}  // namespace vexfs::ctl
