// SPDX-License-Identifier: Apache-2.0
// Reply: the way to answer one request, now or later.
//
// Copies answer the same request. Only the first final answer counts. When the last copy goes
// without one, the client is told so, and never waits for ever. When the client has gone,
// everything here does nothing. Loop thread only: others go through Loop::post.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.hpp"
#include "control/protocol.hpp"

namespace vexfs {

class Session;

class Reply {
  public:
    explicit Reply(std::weak_ptr<Session> session);

    // One line of a streamed answer; must be an object without the member "ok". False: the client
    // has gone, or has been dropped because it does not read; stop.
    bool line(const Json& part) const;

    // The final answer: `members` (an object, or null) beside "ok":true.
    void done(const Json& members = nullptr) const;

    // The final answer: an error, and what the user can do about it.
    void fail(std::string_view error, std::string_view hint = {}) const;
    void fail(const Status& status, std::string_view hint = {}) const;

    // False when nobody waits for this answer any more.
    [[nodiscard]] bool wanted() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace vexfs
