// SPDX-License-Identifier: Apache-2.0
// ControlServer: the daemon's side of the control socket. Knows no command: the wiring adds them.
//
//   auto control = ControlServer::create(loop, options.socket);
//   (*control)->add("status", [&](const Json& request, Reply reply) { reply.done(status_json());
//   });
//
// A handler runs on the loop's thread and must not block. It answers through `reply`, at once or
// later (keep a copy). A request whose members have the wrong type may be read carelessly: what the
// JSON library throws for that becomes an error answer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.hpp"
#include "control/listener.hpp"
#include "control/protocol.hpp"
#include "control/reply.hpp"
#include "control/session.hpp"
#include "sys/loop.hpp"

namespace vexfs {

class ControlServer final : private SessionHost {
  public:
    using Command = std::function<void(const Json& request, Reply reply)>;

    // Binds `path` (see Listener::open) and serves it on `loop`, which must outlive the server.
    // `command` starts this daemon again; kept beside the socket for the doctor.
    static Result<std::unique_ptr<ControlServer>> create(Loop& loop, const std::string& path,
                                                         const ControlLimits& limits = {},
                                                         const std::string& command = {});
    // Ends all connections and removes the socket. Replies that are still held do nothing from now
    // on.
    ~ControlServer() override;
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    // Registers a command; a second one of the same name replaces the first.
    void add(std::string name, Command command);

    [[nodiscard]] ControlStats stats() const;
    [[nodiscard]] const std::string& path() const { return listener_.path(); }

  private:
    ControlServer(Loop& loop, Listener listener, const ControlLimits& limits);

    Status arm_accept();
    void on_accept(int result);
    void refuse(UniqueFd fd);
    void watch_stalls();
    void on_request(const std::shared_ptr<Session>& session, std::string_view line) override;
    void on_too_long(const std::shared_ptr<Session>& session) override;
    void on_refused(const Status& status) override;
    void on_closed(const Session& session, bool slow) override;
    void reject(const std::shared_ptr<Session>& session, std::string_view error,
                std::string_view hint);
    [[nodiscard]] std::string command_names() const;

    Loop& loop_;
    Listener listener_;
    const ControlLimits limits_;
    std::map<std::string, Command, std::less<>> commands_;
    std::vector<std::shared_ptr<Session>> sessions_;
    ControlStats stats_;
    OpId accept_;
    OpId retry_;
    OpId stall_;
    std::uint64_t refusal_logged_ns_ = 0;  // 0: never
};

}  // namespace vexfs
