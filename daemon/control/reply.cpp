// SPDX-License-Identifier: Apache-2.0
#include "control/reply.hpp"

#include <cassert>
#include <utility>

#include "control/session.hpp"

namespace vexfs {
namespace {

Json error_line(std::string_view error, std::string_view hint) {
    Json json{{"ok", false}, {"error", error}};
    if (!hint.empty()) {
        json["hint"] = hint;
    }
    return json;
}

}  // namespace

struct Reply::State {
    std::weak_ptr<Session> session;
    bool answered = false;

    explicit State(std::weak_ptr<Session> s) : session(std::move(s)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        finish(error_line("the command ended without an answer",
                          "this is a defect of vexfsd; its log may say more"));
    }

    void finish(const Json& json) {
        if (answered) {
            return;
        }
        answered = true;
        if (const auto s = session.lock()) {
            s->finish(to_line(json));
        }
    }
};

Reply::Reply(std::weak_ptr<Session> session)
    : state_(std::make_shared<State>(std::move(session))) {}

bool Reply::line(const Json& part) const {
    assert(part.is_object() && !part.contains("ok"));
    const auto session = state_->session.lock();
    return session && !state_->answered && session->append(to_line(part));
}

void Reply::done(const Json& members) const {
    Json json{{"ok", true}};
    if (members.is_object()) {
        json.update(members);
        json["ok"] = true;
    }
    state_->finish(json);
}

void Reply::fail(std::string_view error, std::string_view hint) const {
    state_->finish(error_line(error, hint));
}

void Reply::fail(const Status& status, std::string_view hint) const {
    fail(std::string_view(status.message()), hint);
}

bool Reply::wanted() const {
    const auto session = state_->session.lock();
    return session && !state_->answered && session->open();
}

}  // namespace vexfs
