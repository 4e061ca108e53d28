// SPDX-License-Identifier: Apache-2.0
// The command `push` of the control socket: its arguments, and its answer.
#include <charconv>

#include "config/name_list.hpp"
#include "vexfs/cursor.hpp"
#include "wiring/commands.hpp"
#include "wiring/daemon.hpp"

namespace vexfs {

namespace {

// "42", or "vx1:<journal>:42" of this journal.
Result<std::uint64_t> event_number(const std::string& text, const JournalId& journal) {
    std::uint64_t seq = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, seq);
    if (error == std::errc() && stop == end && !text.empty()) {
        return seq;
    }
    const Result<Cursor> cursor = Cursor::parse(text);
    if (!cursor) {
        return Status::error(EINVAL,
                             "\"" + text + "\" is not the number or the cursor of an event");
    }
    return cursor->journal == journal
               ? Result<std::uint64_t>(cursor->seq)
               : Result<std::uint64_t>(Status::error(
                     kEpochChanged, "EPOCH_CHANGED: \"" + text + "\" is of another journal"));
}

Result<PushRequest> request_of(const Json& json, const JournalId& journal) {
    PushRequest request;
    const Result<std::uint64_t> event = event_number(json.at("event").get<std::string>(), journal);
    const Result<std::uint32_t> uops = parse_user_ops(json.at("ops").get<std::string>());
    if (!event || !uops) {
        return event ? uops.status() : event.status();
    }
    request.event = *event;
    request.uops = *uops;
    request.pid = json.value("pid", std::uint32_t{0});
    if (json.contains("expect")) {
        const Result<std::uint64_t> expect =
            event_number(json.at("expect").get<std::string>(), journal);
        if (!expect) {
            return expect.status().with_context("the expected version");
        }
        request.expect = *expect;
    }
    if (json.contains("strategy")) {
        const auto strategy = pushback::parse_strategy(json.at("strategy").get<std::string>());
        if (!strategy) {
            return strategy.status();
        }
        request.strategy = *strategy;
    }
    return request;
}

}  // namespace

Json Commands::conflicts() const {
    Json out;
    const auto& decisions = daemon_.pusher_->decisions();
    for (unsigned i = 0; i < kDecisions; i++) {
        out[std::string(decision_name(static_cast<Decision>(i)))] = decisions[i];
    }
    return out;
}

// Behind a barrier: what happened before the command is known to be newer, or not.
void Commands::push(const Json& json, const Reply& reply) {
    const Result<PushRequest> request = request_of(json, daemon_.store_->id());
    if (!request) {
        reply.fail(request.status());
        return;
    }
    daemon_.pipeline_->sync([this, reply, request = *request](const Status& status) {
        if (!status) {
            reply.fail(status, "`vexctl status` says what is wrong");
            return;
        }
        const Result<PushAnswer> answer = daemon_.pusher_->push(request);
        if (!answer) {
            reply.fail(answer.status());
            return;
        }
        Json out{{"decision", decision_name(answer->decision)},
                 {"pushed", format_user_ops(answer->pushed)},
                 {"seq", answer->seq},
                 {"receivers", answer->receivers}};
        if (answer->newer != 0) {
            out["newer"] = answer->newer;
        }
        reply.done(out);
    });
}

}  // namespace vexfs
