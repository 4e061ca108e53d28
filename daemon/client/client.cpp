// SPDX-License-Identifier: Apache-2.0
#include "vexfs/client.hpp"

#include "control/client.hpp"

namespace vexfs {

class Client::Impl {
  public:
    explicit Impl(ControlClient connection) : connection_(std::move(connection)) {}

    Result<Json> ask(const Json& request, std::uint64_t timeout_ms) {
        Result<ControlAnswer> answer = connection_.call(request, timeout_ms);
        if (!answer) {
            return answer.status();
        }
        if (!answer->ok) {
            return Status::error(EIO, answer->error);
        }
        return std::move(answer->json);
    }

  private:
    ControlClient connection_;
};

namespace {

// The member of `json` at `path`, or null: an answer of another version may have other members.
Json member(const Json& json, std::initializer_list<const char*> path) {
    const Json* at = &json;
    for (const char* name : path) {
        if (!at->is_object() || !at->contains(name)) {
            return nullptr;
        }
        at = &(*at)[name];
    }
    return *at;
}

std::string text(const Json& json) {
    return json.is_string() ? json.get<std::string>() : std::string();
}

std::uint64_t number(const Json& json) {
    return json.is_number_unsigned() ? json.get<std::uint64_t>() : 0;
}

}  // namespace

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const std::string& socket) {
    Result<ControlClient> connection =
        ControlClient::connect(socket.empty() ? kDefaultSocketPath : socket);
    if (!connection) {
        return connection.status();
    }
    return Client(std::make_unique<Impl>(std::move(*connection)));
}

Result<DaemonStatus> Client::daemon_status(std::uint64_t timeout_ms) {
    const Result<Json> answer = impl_->ask({{"cmd", "status"}}, timeout_ms);
    if (!answer) {
        return answer.status();
    }
    DaemonStatus status;
    status.version = text(member(*answer, {"daemon", "version"}));
    for (const Json& reason : member(*answer, {"degraded"})) {
        status.degraded.push_back(text(reason));
    }
    status.journal_directory = text(member(*answer, {"journal", "directory"}));
    const Result<Cursor> cursor = Cursor::parse(text(member(*answer, {"stream", "cursor"})));
    if (!cursor || status.journal_directory.empty()) {
        return Status::error(EPROTO, "the daemon's status does not say where its journal is");
    }
    status.written = *cursor;
    status.durable_seq = number(member(*answer, {"journal", "durable_seq"}));
    status.lost = number(member(*answer, {"stream", "lost"}));
    status.json = answer->dump(-1, ' ', false, Json::error_handler_t::replace);
    return status;
}

Status Client::sync(std::uint64_t timeout_ms) {
    const Result<Json> answer =
        impl_->ask({{"cmd", "sync"}, {"timeout_ms", timeout_ms}}, timeout_ms);
    return answer ? Status() : answer.status();
}

}  // namespace vexfs
