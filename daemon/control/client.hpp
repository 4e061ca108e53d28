// SPDX-License-Identifier: Apache-2.0
// ControlClient: the blocking side of the control socket, for vexctl and tests.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/fd.hpp"
#include "base/status.hpp"
#include "control/protocol.hpp"

namespace vexfs {

// An answer that says "ok":false is an answer, not an error of the connection.
struct ControlAnswer {
    bool ok = false;
    std::string error;  // set when !ok
    std::string hint;   // may be empty
    Json json;          // the whole final line
};

class ControlClient {
  public:
    // No waiting when nobody listens: ENOENT, ECONNREFUSED (the socket of a dead daemon) and EACCES
    // come with a message that says what to do.
    static Result<ControlClient> connect(const std::string& path);

    // Sends `request` and waits for its answer: each line of a streamed one goes to `on_line`, the
    // final one is returned. ETIMEDOUT when no line has come for `timeout_ms` (0: no limit); EPIPE
    // when the daemon goes away.
    Result<ControlAnswer> call(const Json& request, std::uint64_t timeout_ms = 10'000,
                               const std::function<void(const Json&)>& on_line = {});

  private:
    explicit ControlClient(UniqueFd fd) : fd_(std::move(fd)) {}
    Status send_all(const std::string& text, std::uint64_t timeout_ms);
    Result<std::string> read_line(std::uint64_t timeout_ms);
    Status wait(short events, std::uint64_t timeout_ms) const;

    UniqueFd fd_;
    std::string buffer_;
};

}  // namespace vexfs
