// SPDX-License-Identifier: Apache-2.0
#include "correlate/correlator.hpp"

#include <bit>
#include <random>

#include "correlate/content.hpp"
#include "translate/translate.hpp"

namespace vexfs::correlate {

namespace {

std::uint64_t draw_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
}

}  // namespace

Correlator::Correlator(const Config& config)
    : config_(config),
      seed_(config.seed ? *config.seed : draw_seed()),
      sessions_(config.session_sets, seed_),
      recent_(config.answers ? kAnswerable : 0) {}

void Correlator::expect(Boundary boundary) {
    boundaries_ |= 1U << static_cast<unsigned>(boundary);
    if (std::popcount(boundaries_) < 2) {
        return;
    }
    if (echoes_ == nullptr) {
        echoes_ = std::make_unique<EchoTable>(config_.echo_entries, config_.echo_window_ns);
    }
    for (unsigned b = 0; b < kBoundaries; b++) {
        if ((boundaries_ >> b & 1U) != 0) {
            echoes_->expect(static_cast<Boundary>(b));
        }
    }
}

void Correlator::prepare(const vx_record& record, Boundary boundary) {
    prepared_.session = prepared_.comparable = false;
    if (record.type != VX_REC_EVENT) {
        return;
    }
    const auto& event = reinterpret_cast<const vx_event&>(record);
    prepared_.session = sessions_.concerned(record.op);
    if (prepared_.session) {
        prepared_.key = sessions_.key_of(event, boundary);
        sessions_.prepare(prepared_.key);
    }
    // Not what one source tells apart as of two boundaries: it does not report it twice.
    const bool reports = (boundaries_ >> static_cast<unsigned>(boundary) & 1U) != 0;
    prepared_.comparable = echoes_ != nullptr && reports && comparable(event);
    if (prepared_.comparable) {
        prepared_.content = content_hash(event, seed_);
        echoes_->prepare(prepared_.content);
    }
}

void Correlator::on_event(EventView& view) {
    if (view.pushed()) {
        answer(view);
    }
    Session* opened = prepared_.session ? sessions_.on_event(view, prepared_.key) : nullptr;
    if (prepared_.comparable) {
        find_echo(view, opened);
    }
    counters_.caused += view.cause != 0 ? 1 : 0;
    if (!recent_.empty()) {
        recent_[view.seq % kAnswerable] = {view.seq, view.hash, view.chain};
    }
}

// A session that begins with a duplicate belongs to the chain of the first.
void Correlator::find_echo(EventView& view, Session* opened) {
    const vx_event& e = view.event();
    const std::optional<EchoTable::Origin> first = echoes_->match({.content = prepared_.content,
                                                                   .mono_ns = e.rec.mono_ns,
                                                                   .range = range_print(e),
                                                                   .boundary = view.boundary,
                                                                   .seq = view.seq,
                                                                   .chain = view.chain});
    if (!first) {
        return;
    }
    view.duplicate = true;
    view.cause = first->seq;
    view.chain = first->chain != 0 ? first->chain : first->seq;
    counters_.duplicates++;
    if (opened != nullptr) {
        opened->chain = view.chain;
    }
}

// Who answers an event gives its number along. That anybody can; so the record has to be the one
// that the event had, byte for byte.
void Correlator::answer(EventView& view) {
    const std::uint64_t seq = view.user().user_data;
    if (recent_.empty()) {
        return;
    }
    const Recent& event = recent_[seq % kAnswerable];
    if (seq == 0 || event.seq != seq || event.hash != translate::context_hash(view.event().rec)) {
        return;
    }
    view.cause = seq;
    view.chain = event.chain != 0 ? event.chain : seq;
    counters_.answers++;
}

void Correlator::on_gap(const Gap& gap) {
    for (const LostOp& lost : gap.ops) {
        if (lost.op == VX_OP_FILE_OPEN) {
            sessions_.on_lost_opens();
        }
    }
}

Counters Correlator::counters() const {
    Counters all = counters_;
    all.echoes_evicted = echoes_ != nullptr ? echoes_->evicted() : 0;
    all.sessions = sessions_.counters();
    return all;
}

}  // namespace vexfs::correlate
