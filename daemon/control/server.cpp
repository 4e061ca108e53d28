// SPDX-License-Identifier: Apache-2.0
#include "control/server.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/clock.hpp"

namespace vexfs {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::uint64_t kAcceptRetryNs = 100 * kNsPerMs;
constexpr std::uint64_t kRefusalLogNs = 10'000 * kNsPerMs;

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::create(Loop& loop, const std::string& path,
                                                             const ControlLimits& limits,
                                                             const std::string& command) {
    auto listener = Listener::open(path, command);
    if (!listener) {
        return listener.with_context("control socket");
    }
    std::unique_ptr<ControlServer> server(new ControlServer(loop, *std::move(listener), limits));
    if (Status s = server->arm_accept(); !s) {
        return s.with_context("control socket");
    }
    return server;
}

ControlServer::ControlServer(Loop& loop, Listener listener, const ControlLimits& limits)
    : loop_(loop), listener_(std::move(listener)), limits_(limits) {}

ControlServer::~ControlServer() {
    loop_.cancel(accept_);
    loop_.cancel(retry_);
    while (!sessions_.empty()) {
        const auto session = sessions_.back();
        session->close();
    }
    loop_.cancel(stall_);
}

void ControlServer::add(std::string name, Command command) {
    commands_.insert_or_assign(std::move(name), std::move(command));
}

ControlStats ControlServer::stats() const {
    ControlStats stats = stats_;
    stats.clients = static_cast<unsigned>(sessions_.size());
    return stats;
}

// --- connections ---

Status ControlServer::arm_accept() {
    auto op = loop_.accept(listener_.fd(), [this](int result) { on_accept(result); });
    if (op) {
        accept_ = *op;
    }
    return op.status();
}

void ControlServer::on_accept(int result) {
    if (result < 0) {
        // Out of fds or memory: the waiting client stays in the backlog until there is room.
        spdlog::warn("control socket: accept: {}", Status::describe(-result));
        auto op = loop_.timer(kAcceptRetryNs, [this](int) {
            if (Status s = arm_accept(); !s) {
                spdlog::error("control socket: no more clients: {}", s.message());
            }
        });
        retry_ = op.value_or(OpId{});
        return;
    }
    UniqueFd fd(result);
    if (sessions_.size() >= limits_.clients) {
        refuse(std::move(fd));
        return;
    }
    ++stats_.accepted;
    SessionHost& host = *this;
    sessions_.push_back(std::make_shared<Session>(loop_, host, limits_, std::move(fd)));
    watch_stalls();
    const auto session = sessions_.back();
    session->start();
}

void ControlServer::refuse(UniqueFd fd) {
    ++stats_.refused;
    const std::string text = to_line(
        {{"ok", false},
         {"error", "vexfsd has " + std::to_string(limits_.clients) + " control clients already"},
         {"hint", "end some of them (`ss -xp | grep vexfsd` shows who they are) and try again"}});
    // Best effort: a new socket's buffer takes a line this short.
    [[maybe_unused]] const auto rc =
        ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

// The timer runs only while there are clients: an idle daemon sleeps.
void ControlServer::watch_stalls() {
    if (stall_) {
        return;
    }
    const std::uint64_t period_ns = std::max<std::uint64_t>(limits_.stall_ms / 4, 1) * kNsPerMs;
    auto op = loop_.every(period_ns, [this](int) {
        const std::uint64_t now = SystemClock().mono_ns();
        const auto sessions = sessions_;
        for (const auto& session : sessions) {
            session->check_stall(now);
        }
    });
    stall_ = op.value_or(OpId{});
}

void ControlServer::on_refused(const Status& status) {
    ++stats_.refused;
    const std::uint64_t now = SystemClock().mono_ns();
    if (refusal_logged_ns_ == 0 || now - refusal_logged_ns_ > kRefusalLogNs) {
        refusal_logged_ns_ = now;
        spdlog::error("control socket: a client was turned away ({} so far): {}", stats_.refused,
                      status.message());
    }
}

void ControlServer::on_closed(const Session& session, bool slow) {
    if (slow) {
        ++stats_.dropped_slow;
        spdlog::warn("control socket: dropped a client that was too slow");
    }
    std::erase_if(sessions_, [&](const auto& s) { return s.get() == &session; });
    if (sessions_.empty()) {
        loop_.cancel(stall_);
    }
}

// --- requests ---

void ControlServer::reject(const std::shared_ptr<Session>& session, std::string_view error,
                           std::string_view hint) {
    ++stats_.bad_requests;
    Reply(session).fail(error, hint);
}

std::string ControlServer::command_names() const {
    std::string names;
    for (const auto& [name, command] : commands_) {
        names += (names.empty() ? "" : ", ") + name;
    }
    return names;
}

void ControlServer::on_too_long(const std::shared_ptr<Session>& session) {
    ++stats_.bad_requests;
    session->append(to_line({{"ok", false},
                             {"error", "the request is longer than " +
                                           std::to_string(limits_.request_bytes) + " bytes"},
                             {"hint", "a request is one line; the connection is closed"}}));
    session->close_when_sent();
}

void ControlServer::on_request(const std::shared_ptr<Session>& session, std::string_view line) {
    ++stats_.requests;
    const Json request = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (request.is_discarded()) {
        reject(session, "the request is not JSON",
               R"(send one object a line, like {"cmd":"status"})");
        return;
    }
    const auto name = request.is_object() ? request.find("cmd") : request.end();
    if (!request.is_object() || name == request.end() || !name->is_string()) {
        reject(session, "the request has no \"cmd\"",
               R"(send one object a line, like {"cmd":"status"})");
        return;
    }
    const auto command = commands_.find(name->get_ref<const std::string&>());
    if (command == commands_.end()) {
        reject(session, "there is no command \"" + name->get<std::string>() + "\"",
               "this vexfsd knows: " + command_names());
        return;
    }
    const Reply reply(session);
    try {
        command->second(request, reply);
    } catch (const Json::exception& error) {
        ++stats_.bad_requests;
        reply.fail(std::string("the request's members are wrong: ") + error.what());
    }
}

}  // namespace vexfs
