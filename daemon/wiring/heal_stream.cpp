// SPDX-License-Identifier: Apache-2.0
#include "wiring/heal_stream.hpp"

#include <utility>

namespace vexfs {

HealStream::HealStream(Loop& loop, Pipeline& pipeline, const journal::Store& store,
                       const Clock& clock)
    : loop_(loop), pipeline_(pipeline), store_(store), clock_(clock) {
    pipeline_.subscribe([this](const EventView& event) {
        if (active_ && event.boundary != Boundary::system) {
            touched_.note(event);
        }
    });
}

void HealStream::stop() {
    const std::lock_guard hold(mutex_);
    stopped_ = true;
    answered_.notify_all();
}

// Runs `fn` on the loop's thread and waits until the answer is given.
Status HealStream::ask(const AnswerPtr& answer, std::function<void()> fn) {
    if (Status status = loop_.post(std::move(fn)); !status) {
        return status;
    }
    std::unique_lock hold(mutex_);
    answered_.wait(hold, [&] { return answer->there || stopped_; });
    return answer->there ? answer->status : Status::error(ECANCELED, "vexfsd ends");
}

void HealStream::give(const AnswerPtr& answer, const Status& status, std::uint64_t seq) {
    const std::lock_guard hold(mutex_);
    answer->there = true;
    answer->status = status;
    answer->seq = seq;
    answered_.notify_all();
}

Result<std::uint64_t> HealStream::sync() {
    const auto answer = std::make_shared<Answer>();
    const Status status = ask(answer, [this, answer] {
        pipeline_.sync([this, answer](const Status& synced) {
            give(answer, synced, store_.written_seq());
        });
    });
    return status ? Result<std::uint64_t>(answer->seq) : Result<std::uint64_t>(status);
}

Status HealStream::begin() {
    const auto answer = std::make_shared<Answer>();
    return ask(answer, [this, answer] {
        touched_.clear();
        active_ = true;
        give(answer, {});
    });
}

Result<heal::StreamPort::Told> HealStream::tell(std::vector<heal::Finding> findings) {
    const auto answer = std::make_shared<Answer>();
    const auto held = std::make_shared<heal::Telling>(std::move(findings));
    const Status status = ask(answer, [this, answer, held] {
        to_tell_ = std::move(*held);
        telling_ = answer;
    });
    return status ? Result<Told>(std::move(told_)) : Result<Told>(status);
}

FoundEvent HealStream::next() {
    if (const heal::Finding* finding = to_tell_.next(touched_); finding != nullptr) {
        record_ = heal::record_of(*finding, clock_.mono_ns());
        return {reinterpret_cast<const vx_record*>(record_.data()), finding->path,
                finding->old_path};
    }
    if (telling_ != nullptr) {
        active_ = false;
        told_ = {to_tell_.told(), to_tell_.again()};
        to_tell_ = {};
        give(std::exchange(telling_, nullptr), {});
    }
    return {};
}

}  // namespace vexfs
