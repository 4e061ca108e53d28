// SPDX-License-Identifier: Apache-2.0
#include "wiring/pusher.hpp"

#include <bit>
#include <vector>

#include "translate/translate.hpp"

namespace vexfs {

namespace {

UserOps ops_of(std::uint32_t uops) {
    UserOps ops;
    for (std::uint16_t uop = 0; uop < VX_UOP_COUNT; uop++) {
        if ((uops >> uop & 1U) != 0) {
            ops.push({uop, Subject::object, Detail::none});
        }
    }
    return ops;
}

}  // namespace

Result<PushAnswer> Pusher::push(const PushRequest& request) {
    Result<Reader> reader = Reader::open(journal_);
    if (!reader) {
        return reader.status();
    }
    const Result<Event> found = find(*reader, request);
    if (!found) {
        return found.status();
    }
    const EventView event = found->view();
    PushAnswer answer{.pushed = request.uops};
    if (request.expect) {
        const Result<pushback::Changes> changes = look(*reader, *found, *request.expect);
        if (!changes) {
            return changes.status();
        }
        const pushback::Strategy strategy =
            request.strategy ? *request.strategy : rules_.choose(request.uops, event.path);
        const pushback::Verdict verdict =
            pushback::decide(strategy, *changes, request.uops, event.op());
        answer.decision = verdict.decision;
        answer.pushed = verdict.push;
        answer.newer = changes->newest();
    }
    const Result<std::uint64_t> receivers = send(event, answer.pushed);
    if (!receivers) {
        return receivers.status();
    }
    answer.receivers = *receivers;
    decisions_[static_cast<std::size_t>(answer.decision)]++;
    const Result<std::uint64_t> seq = note(event, request, answer);
    if (!seq) {
        return seq.status().with_context("it was pushed, but the journal does not say so");
    }
    answer.seq = *seq;
    return answer;
}

// The event that is answered.
Result<Event> Pusher::find(Reader& reader, const PushRequest& request) const {
    const std::string number = std::to_string(request.event);
    if (request.event == 0 || request.uops == 0 ||
        static_cast<unsigned>(std::popcount(request.uops)) > UserOps::kMax) {
        return Status::error(EINVAL, "a push is about an event, and has 1 to " +
                                         std::to_string(UserOps::kMax) + " operations");
    }
    if (Status placed = reader.seek({reader.journal(), request.event - 1}); !placed) {
        return placed;
    }
    for (;;) {
        const Result<Reader::Item> item = reader.next();
        if (!item) {
            return item.status();
        }
        if (*item == Reader::Item::gap && reader.gap().count() == 0) {
            continue;
        }
        if (*item != Reader::Item::event || reader.event().seq != request.event) {
            return Status::error(ENOENT,
                                 "there is no event " + number + ": it is lost, or to come");
        }
        break;
    }
    const EventView& event = reader.event();
    if (event.pushed() || event.event().error != 0) {
        return Status::error(
            EINVAL, "event " + number + " has changed nothing, so there is nothing to answer");
    }
    if (vx_uops_answer(request.uops, event.op()) == 0) {
        return Status::error(EINVAL, std::string("one of the operations can not come of a ") +
                                         event.op_name() + ", which event " + number +
                                         " is (`vexctl ops` says what can)");
    }
    return Event(event);
}

// What has happened to the object since.
Result<pushback::Changes> Pusher::look(Reader& reader, const Event& event,
                                       std::uint64_t expect) const {
    if (Status placed = reader.seek({reader.journal(), expect}); !placed) {
        return placed.with_context("the expected version");
    }
    pushback::Changes changes(event.view().event());
    for (std::uint64_t i = 0; i <= look_max_; i++) {
        const Result<Reader::Item> item = reader.next();
        if (!item || *item == Reader::Item::end) {
            return item ? Result<pushback::Changes>(changes)
                        : Result<pushback::Changes>(item.status());
        }
        *item == Reader::Item::event ? changes.note(reader.event()) : changes.note(reader.gap());
    }
    return Status::error(ERANGE, "there are more than " + std::to_string(look_max_) +
                                     " events since the expected version: look at the object "
                                     "again, and expect what is true now");
}

// Hands it to the kernel, for the channels that have asked for such operations. How many got it.
Result<std::uint64_t> Pusher::send(const EventView& event, std::uint32_t uops) {
    if (ring_ == nullptr || uops == 0) {
        return std::uint64_t{0};
    }
    if (Status sent = ring_->flush(); !sent) {
        return sent;
    }
    EventView unit = event;
    unit.ops = ops_of(uops);
    const PushCounters before = ring_->counters();
    Status status = ring_->add(event.event(), unit);
    status = status ? ring_->flush() : status;
    const PushCounters& now = ring_->counters();
    if (status && now.failed != before.failed) {
        status = Status::from_errno(now.last_error, "the kernel did not take it");
    }
    return status ? Result<std::uint64_t>(now.receivers - before.receivers)
                  : Result<std::uint64_t>(status);
}

// Says it in the stream. What was not pushed has changed nothing: its unit is a query, as that of
// any operation that fails.
Result<std::uint64_t> Pusher::note(const EventView& event, const PushRequest& request,
                                   const PushAnswer& answer) {
    const vx_event& e = event.event();
    std::vector<std::uint64_t> words((sizeof(vx_user) + e.rec.len) / 8);
    auto& user = *reinterpret_cast<vx_user*>(words.data());
    const UserOps asked = ops_of(answer.pushed != 0 ? answer.pushed : request.uops);
    user.rec.len = static_cast<std::uint32_t>(words.size() * 8);
    user.rec.type = VX_REC_USER;
    user.rec.op = translate::principal(asked, event.op());
    user.channel = channel_;
    user.user_data = request.event;
    user.pid = request.pid;
    user.flags = static_cast<std::uint32_t>(answer.decision) << kDecisionShift;
    user.event_len = e.rec.len;
    std::memcpy(&user + 1, &e, e.rec.len);
    EventView view;
    view.record = &user.rec;
    view.path = event.path;
    view.old_path = event.old_path;
    view.cause = answer.newer != 0 ? answer.newer : event.seq;
    view.chain = event.chain != 0 ? event.chain : event.seq;
    view.ops = asked;
    if (answer.pushed == 0) {
        view.ops = UserOps();
        view.ops.push({VX_UOP_GRAPH_NODE_QUERY, Subject::object, Detail::none});
    }
    return pipeline_.append_pushed(user.rec, view);
}

}  // namespace vexfs
