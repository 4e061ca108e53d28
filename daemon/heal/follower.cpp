// SPDX-License-Identifier: Apache-2.0
#include "heal/follower.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace vexfs::heal {

namespace {

// How far the clock that file systems take their times from may be behind: it goes in ticks, which
// come late where the machine is a busy virtual one.
constexpr std::uint64_t kBehindNs = 1'000'000'000;

// Losses of these change nothing that is looked at.
constexpr bool changes_nothing(unsigned op) {
    return op == VX_OP_FILE_OPEN || op == VX_OP_FILE_READ || op == VX_OP_DIR_READ ||
           op == VX_OP_SYNC || op == VX_OP_MOUNT || op == VX_OP_UNMOUNT || op == VX_OP_USER;
}

}  // namespace

void Pending::add(const Pending& more) {
    everywhere |= more.everywhere;
    directories.insert(more.directories.begin(), more.directories.end());
    trees.insert(more.trees.begin(), more.trees.end());
    since_seq = std::min(since_seq, more.since_seq);
    since_ns = std::min(since_ns, more.since_ns);
    gaps += more.gaps;
}

Follower::Follower(Reader reader, std::unique_ptr<Catalogue> catalogue, const Clock& clock)
    : reader_(std::make_unique<Reader>(std::move(reader))),
      catalogue_(std::move(catalogue)),
      clock_(clock) {}

Result<std::unique_ptr<Follower>> Follower::open(const std::string& journal, const Clock& clock) {
    Result<Reader> reader = Reader::open(journal);
    if (!reader) {
        return reader.status();
    }
    Result<std::unique_ptr<Catalogue>> catalogue = Catalogue::open(journal, reader->journal());
    if (!catalogue) {
        return catalogue.status();
    }
    std::unique_ptr<Follower> self(
        new Follower(std::move(*reader), std::move(*catalogue), clock));
    const Status status = self->start();
    return status ? Result<std::unique_ptr<Follower>>(std::move(self)) : status;
}

// Behind what is applied. What is no longer kept, or not there any more after a power cut, has to
// be found by looking; and what was to be found when the last daemon ended.
Status Follower::start() {
    applied_ = catalogue_->applied_seq();
    last_ns_ = catalogue_->applied_ns();
    catalogue_->set_on_unknown(
        [this](const ObjectKey& directory) { look_in(directory); });
    if (const std::optional<Catalogue::Unhealed> left = catalogue_->unhealed()) {
        pending_.everywhere = true;
        suspect(left->since_seq, left->since_ns);
    }
    Status status = reader_->seek({reader_->journal(), applied_}, Reader::Expired::gap);
    if (status.code() == EINVAL) {  // ahead of the journal
        pending_.everywhere = true;
        suspect(0, 0);
        status = reader_->seek_end();
        applied_ = reader_->cursor().seq;
    }
    return status;
}

// The earlier of two answers: an event's time is of the clock as it was when its ring was made, and
// what counts here is the clock of the file systems; the other way, it may be of another boot.
std::uint64_t Follower::when(std::uint64_t mono_ns, std::uint64_t real_ns) const {
    const std::uint64_t now = clock_.mono_ns();
    return mono_ns > now ? real_ns : std::min(real_ns, clock_.real_ns() - (now - mono_ns));
}

void Follower::suspect(std::uint64_t seq, std::uint64_t real_ns) {
    pending_.since_seq = std::min(pending_.since_seq, seq);
    pending_.since_ns = std::min(pending_.since_ns, real_ns - std::min(real_ns, kBehindNs));
}

void Follower::look_in(const ObjectKey& directory) {
    pending_.directories.insert(directory);
    if (pending_.directories.size() > kDirectoriesMax) {
        pending_.directories.clear();
        pending_.everywhere = true;
    }
}

void Follower::on_gap(const Gap& gap) {
    if (gap.reason != GapReason::ring_full) {
        // From the last event on nothing is certain.
        suspect(gap.from, last_ns_);
        pending_.everywhere = true;
        ++pending_.gaps;
        return;
    }
    const auto harmless = [](const LostOp& lost) { return changes_nothing(lost.op); };
    if (!gap.account || std::all_of(gap.ops.begin(), gap.ops.end(), harmless)) {
        return;  // the account of the same loss says what it is
    }
    suspect(gap.from, when(gap.mono_ns, gap.real_ns));
    pending_.everywhere |= gap.class_d || gap.dirty_overflow || gap.dirty.empty();
    for (const DirtyDirectory& directory : gap.dirty) {
        look_in({directory.fsid, directory.ino, directory.gen});
    }
    ++pending_.gaps;
}

// False: nothing more is written.
Result<bool> Follower::step() {
    const Result<Reader::Item> item = reader_->next();
    if (!item || *item == Reader::Item::end) {
        return item ? Result<bool>(false) : item.status();
    }
    if (Status status = begin(); !status) {
        return status;
    }
    if (*item == Reader::Item::gap) {
        on_gap(reader_->gap());
    } else {
        const EventView& event = reader_->event();
        if (Status status = catalogue_->apply(event); !status) {
            return status;
        }
        if (touched_ != nullptr) {
            touched_->note(event);
        }
        last_ns_ = when(event.record->mono_ns, event.real_ns);
    }
    applied_ = reader_->cursor().seq;
    return true;
}

Status Follower::begin() {
    const Status status = begun_ ? Status() : catalogue_->begin();
    begun_ = status.ok();
    return status;
}

Status Follower::commit() {
    if (!begun_) {
        return {};
    }
    Status status;
    if (pending_.any()) {
        const Catalogue::Unhealed before = catalogue_->unhealed().value_or(
            Catalogue::Unhealed{pending_.since_seq, pending_.since_ns});
        status = catalogue_->set_unhealed(
            Catalogue::Unhealed{std::min(before.since_seq, pending_.since_seq),
                                std::min(before.since_ns, pending_.since_ns)});
    }
    if (status) {
        status = catalogue_->commit(applied_, last_ns_);
    }
    begun_ = !status;
    return status;
}

// What was read since the last commit will be read again.
Status Follower::roll_back(const Status& why) {
    if (begun_) {
        catalogue_->roll_back().ignore();  // `why` is told
        begun_ = false;
    }
    applied_ = catalogue_->applied_seq();
    last_ns_ = catalogue_->applied_ns();
    const Status back = reader_->seek({reader_->journal(), applied_}, Reader::Expired::gap);
    return back ? why : back;
}

Result<bool> Follower::turn() {
    bool more = true;
    Status status;
    for (unsigned n = 0; n < kBatch && more && status; ++n) {
        const Result<bool> one = step();
        status = one.status();
        more = one.value_or(false);
    }
    if (status) {
        status = commit();
    }
    return status ? Result<bool>(more) : roll_back(status);
}

Status Follower::catch_up(std::uint64_t seq) {
    for (bool there = false; !there;) {
        there = applied_ >= seq;  // then once more: a loss behind the last event has no number
        const Result<bool> more = turn();
        if (!more) {
            return more.status();
        }
        if (!*more && applied_ < seq) {
            return Status::error(EIO, "the journal ends before event " + std::to_string(seq));
        }
    }
    return {};
}

Pending Follower::take_pending() { return std::exchange(pending_, {}); }

Status Follower::change(const std::function<Status(Catalogue&)>& fn) {
    Status status = catalogue_->begin();
    if (!status) {
        return status;
    }
    status = fn(*catalogue_);
    if (status) {
        status = catalogue_->commit(applied_, last_ns_);
    }
    if (!status) {
        catalogue_->roll_back().ignore();  // what failed is told
    }
    return status;
}

Status Follower::settle() {
    return change([](Catalogue& catalogue) { return catalogue.set_unhealed({}); });
}

}  // namespace vexfs::heal
