// SPDX-License-Identifier: Apache-2.0
// Session: one connection to the control socket. Cuts the stream into lines, hands one request at a
// time to the server, and sends what the answers are, within the limits of protocol.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "control/protocol.hpp"
#include "sys/loop.hpp"

namespace vexfs {

class Session;

// What a session needs of its server.
class SessionHost {
  public:
    virtual ~SessionHost() = default;
    // One request line without its newline. Answered through session->finish(), now or later.
    virtual void on_request(const std::shared_ptr<Session>& session, std::string_view line) = 0;
    virtual void on_too_long(const std::shared_ptr<Session>& session) = 0;
    // The loop takes no transfer of this session, which ends.
    virtual void on_refused(const Status& status) = 0;
    // The session has ended; `slow`: because of a limit on time or on unsent bytes.
    virtual void on_closed(const Session& session, bool slow) = 0;
};

class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(Loop& loop, SessionHost& host, const ControlLimits& limits, UniqueFd fd);

    void start();
    // Ends the session now. The memory lives until the kernel has let go of it.
    void close(bool slow = false);
    // Ends the session when all that was appended is sent.
    void close_when_sent();
    // Ends the session if it has kept the daemon waiting for too long.
    void check_stall(std::uint64_t now_ns);

    // Queues text for the client. False: the session is over.
    bool append(std::string_view text);
    // Queues the last line of an answer and goes on with the next request.
    void finish(std::string_view text);

    [[nodiscard]] bool open() const { return host_ != nullptr; }

  private:
    void arm_recv();
    void on_recv(int result);
    void process();
    void arm_send();
    void on_send(int result);
    void refuse(const Status& status);
    void close_if_done();
    [[nodiscard]] bool hung_up() const;

    Loop& loop_;
    SessionHost* host_;  // nullptr: closed
    const ControlLimits limits_;
    UniqueFd fd_;

    std::vector<char> in_;
    std::size_t in_used_ = 0;
    bool receiving_ = false;
    bool eof_ = false;         // the client will send no more
    bool busy_ = false;        // a request is being answered
    bool processing_ = false;  // process() is on the stack
    bool last_words_ = false;  // close when all is sent
    std::string out_;          // to be sent after sending_
    std::string sending_;      // belongs to the kernel while sent_ < size
    std::size_t sent_ = 0;
    bool sending_now_ = false;
    std::uint64_t line_since_ns_ = 0;  // an unfinished request line began to arrive; 0: none
    std::uint64_t send_since_ns_ = 0;  // the client last took something
};

}  // namespace vexfs
