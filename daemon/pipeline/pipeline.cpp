// SPDX-License-Identifier: Apache-2.0
#include "pipeline/pipeline.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace vexfs {

namespace {
constexpr std::size_t kUnreleasedMax = 64;
}  // namespace

Pipeline::Pipeline(journal::Store& store, DirectoryMap& paths, const Clock& clock,
                   const Config& config)
    : store_(store), paths_(paths), clock_(clock), config_(config), correlator_(config.correlate) {
    released_seq_ = store.next_seq() - 1;
    store_.on_progress([this] { release(); });
}

void Pipeline::add_source(std::unique_ptr<Source> source) {
    correlator_.expect(source->boundary());
    sources_.push_back(std::move(source));
}

bool Pipeline::turn() {
    counters_.turns++;
    if (stuck_ || broken_ || (waiting() && !store_held()) || !tell_missed()) {
        return false;
    }
    unsigned read = 0;
    for (auto& source : sources_) {
        source->awake();
        read += drain(*source);
        if (stuck_) {
            return false;
        }
        if (waiting()) {
            break;
        }
    }
    const bool more_found = take_found() == config_.batch;
    const bool more_there = finish_turn() && read != 0;
    return !stuck_ && !broken_ && (more_there || more_found);
}

// Has written what was read, and sends what is pushed; then sleeps if nothing is left. Returns
// whether the loop must come back at once.
bool Pipeline::finish_turn() {
    if (Status status = flush(); !status) {
        get_stuck(status);
        return false;
    }
    get_unstuck();
    if (directories_ != nullptr && store_.written_seq() + 1 == store_.next_seq()) {
        directories_->settle();
    }
    note_places();
    release();
    if (push_ != nullptr) {
        if (Status status = push_->flush(); !status) {
            counters_.push_errors++;
            spdlog::warn("{}", status.message());
        }
    }
    if (waiting()) {
        return false;  // the store's progress is what wakes the loop
    }
    bool idle = true;
    for (auto& source : sources_) {
        if (vx_reader_loss_pending(&source->reader())) {
            // a failure shows as the loss staying pending, and in the kernel's log
            source->barrier().ignore();
        }
        idle = source->sleep() && idle;
    }
    answer_syncs();
    return !idle;
}

// What has been read by now is given back when the store has made all that came of it safe. An
// item that waits in held_ has been read too, but has no number yet.
void Pipeline::note_places() {
    if (waiting()) {
        return;
    }
    if (unreleased_.size() < kUnreleasedMax) {
        unreleased_.emplace_back();
        if (!spare_.empty()) {
            unreleased_.back() = std::move(spare_.back());
            spare_.pop_back();
        }
    }
    Unreleased& now = unreleased_.back();
    now.seq = store_.next_seq() - 1;
    now.items = store_.appended();
    now.missed = counters_.probe_missed;
    now.places.resize(sources_.size());
    for (std::size_t i = 0; i < sources_.size(); i++) {
        sources_[i]->where(now.places[i]);
    }
}

void Pipeline::release() {
    Unreleased* last = nullptr;
    while (!unreleased_.empty() && unreleased_.front().items <= store_.safe()) {
        spare_.push_back(std::move(unreleased_.front()));
        unreleased_.pop_front();
        last = &spare_.back();
        released_seq_ = last->seq;
    }
    bool crowded = false;
    for (std::size_t i = 0; i < sources_.size(); i++) {
        if (last != nullptr && i < last->places.size()) {
            sources_[i]->release_to(last->places[i], last->seq + 1, last->missed);
        }
        crowded = crowded || sources_[i]->crowded();
    }
    if (crowded) {
        store_.hurry();
    }
}

// Where directories are goes first: it is needed by who reads the events behind these.
Status Pipeline::flush() {
    if (directories_ != nullptr) {
        if (Status status = directories_->flush(); !status) {
            return status;
        }
    }
    return store_.flush();
}

bool Pipeline::passed(const Barrier& barrier) const {
    for (std::size_t i = 0; i < barrier.marks.size(); i++) {
        if (!sources_[i]->passed(barrier.marks[i])) {
            return false;
        }
    }
    return true;
}

// The oldest first: no barrier is passed before an earlier one.
void Pipeline::answer_syncs() {
    std::vector<std::function<void(const Status&)>> ready;
    while (!syncs_.empty() && passed(syncs_.front())) {
        ready.push_back(std::move(syncs_.front().done));
        syncs_.pop_front();
    }
    if (ready.empty()) {
        return;
    }
    store_.sync([ready = std::move(ready)](const Status& status) {
        for (const auto& done : ready) {
            done(status);
        }
    });
}

unsigned Pipeline::drain(Source& source) {
    vx_item item;
    unsigned n = 0;
    while (n < config_.batch && !stuck_ &&
           vx_reader_next(&source.reader(), &item) != VX_ITEM_NONE) {
        if (item.kind == VX_ITEM_BROKEN) {
            broken_ = true;
            spdlog::critical(
                "the ring holds something that cannot be; reading stops. Restart vexfsd");
            break;
        }
        n++;
        if (!take(source, item)) {
            break;
        }
    }
    return n;
}

bool Pipeline::take(Source& source, const vx_item& item) {
    if (directories_ != nullptr) {
        directories_->set_seq(store_.next_seq());
    }
    switch (item.kind) {
        case VX_ITEM_EVENT:
            return take_event(source, *item.record, item.producer);
        case VX_ITEM_DIR:
            counters_.directories++;
            paths_.announce(*reinterpret_cast<const vx_dir*>(item.record));
            return true;
        default:
            return take_gap(source, item);
    }
}

// A loss of class M comes as two items, in any order: its numbers, and its account, which has none.
bool Pipeline::take_gap(Source& source, const vx_item& item) {
    const bool numbers = item.kind == VX_ITEM_GAP || item.cls == VX_CLASS_D;
    const std::uint64_t count = numbers ? item.count : 0;
    Gap gap;
    gap.from = store_.next_seq();
    gap.to = gap.from + count - 1;
    gap.mono_ns = item.record != nullptr ? item.record->mono_ns : clock_.mono_ns();
    gap.real_ns = gap.mono_ns + static_cast<std::uint64_t>(source.real_offset_ns());
    gap.reason = GapReason::ring_full;
    gap.producer = static_cast<std::uint16_t>(item.producer);
    gap.class_d = item.cls == VX_CLASS_D;
    gap.next_ticket = item.kind == VX_ITEM_GAP ? item.ticket + item.count : 0;
    std::string scope = item.cls == VX_CLASS_M ? "class M" : "class D";
    if (item.kind == VX_ITEM_LOST) {
        fmt::format_to(std::back_inserter(scope), ", producer {}", item.producer);
        take_account(*reinterpret_cast<const vx_lost*>(item.record), gap);
    }
    hold_gap(gap, std::move(scope));
    return store_held();
}

void Pipeline::note_probe_missed(std::uint64_t total) {
    missed_ = std::max(missed_, total);
    tell_missed();
}

// False: the store has no room for it now.
bool Pipeline::tell_missed() {
    if (missed_ <= counters_.probe_missed) {
        return true;
    }
    if (stuck_ || waiting()) {
        return false;
    }
    Gap gap = gap_of_none(GapReason::probe_missed);
    gap.next_count = missed_;
    hold_gap(gap, fmt::format("at most {} calls", missed_ - counters_.probe_missed));
    counters_.probe_missed = missed_;
    return store_held();
}

void Pipeline::take_account(const vx_lost& lost, Gap& gap) {
    gap.account = true;
    gap.next_count = lost.rec.count + lost.lost;
    gap.dirty_overflow = (lost.flags & VX_LOST_F_OVERFLOW) != 0;
    gap.last_ns = lost.last_ns;
    for (std::uint16_t op = 0; op < VX_OP_SLOTS; op++) {
        if (lost.per_op[op] != 0) {
            gap.ops.push_back({.op = op, .reserved = 0, .count = lost.per_op[op]});
        }
    }
    for (std::size_t i = 0; i < lost.dirty; i++) {
        const vx_dirty& dir = vx_lost_dirs(&lost)[i];
        paths_.path({dir.fsid, dir.ino, dir.gen}, {}, dirty_paths_[i]);
        const auto mount = mounts_.find(dir.fsid);
        gap.dirty.push_back({.fsid = mount == mounts_.end() ? dir.fsid : mount->second,
                             .ino = dir.ino,
                             .gen = dir.gen,
                             .path = dirty_paths_[i]});
    }
}

// A gap whose numbers are not known.
Gap Pipeline::gap_of_none(GapReason reason) const {
    Gap gap;
    gap.from = store_.next_seq();
    gap.to = gap.from - 1;
    gap.mono_ns = clock_.mono_ns();
    gap.real_ns = clock_.real_ns();
    gap.reason = reason;
    return gap;
}

void Pipeline::hold_gap(const Gap& gap, std::string scope) {
    scope_ = std::move(scope);
    held_.lost = gap;
    held_.lost.scope = scope_;
    held_.gap = true;
    // An account alone tells more of a gap that has been counted.
    counters_.gaps += gap.account && gap.count() == 0 ? 0 : 1;
    counters_.lost += gap.count();
    correlator_.on_gap(held_.lost);
    if (on_gap_) {
        on_gap_(held_.lost);
    }
}

void Pipeline::not_observed_until_now(GapReason reason) {
    if (store_.next_seq() == 1) {
        return;
    }
    hold_gap(gap_of_none(reason), "vexfsd was not running");
}

const vx_record& Pipeline::under_backing(const vx_record& record, Boundary& boundary) {
    if (mounts_.empty() || record.type != VX_REC_EVENT) {
        return record;
    }
    auto it = mounts_.find(reinterpret_cast<const vx_event&>(record).fsid);
    if (it == mounts_.end()) {
        return record;
    }
    copy_.resize(record.len / sizeof(std::uint64_t));
    std::memcpy(copy_.data(), &record, record.len);
    reinterpret_cast<vx_event*>(copy_.data())->fsid = it->second;
    boundary = Boundary::fuse;
    return *reinterpret_cast<const vx_record*>(copy_.data());
}

// The way back: copy_ gets the fsid that the kernel had written.
void Pipeline::under_mount(const EventView& view) {
    for (const auto& [mount, backing] : mounts_) {
        if (view.boundary == Boundary::fuse && backing == view.event().fsid) {
            reinterpret_cast<vx_event*>(copy_.data())->fsid = mount;
            return;
        }
    }
}

bool Pipeline::take_event(Source& source, const vx_record& record, std::uint32_t producer) {
    EventView& view = held_.view;
    view = EventView{};
    Boundary boundary = source.boundary();
    const vx_record& stored = under_backing(record, boundary);
    correlator_.prepare(stored, boundary);
    translator_.translate(stored, boundary, view);
    view.seq = store_.next_seq();
    view.producer = static_cast<std::uint16_t>(producer);
    view.real_ns = record.mono_ns + static_cast<std::uint64_t>(source.real_offset_ns());
    if (record.type == VX_REC_EVENT) {
        // Paths and directories by the file system that the event came from: a mount has paths of
        // its own.
        place_event(reinterpret_cast<const vx_event&>(record), record.ticket, view);
    }
    correlator_.on_event(view);
    held_.kernel = &record;
    held_.event = true;
    return store_held();
}

// As if it had just happened: all tickets that were read are before it.
unsigned Pipeline::take_found() {
    unsigned n = 0;
    while (found_ != nullptr && n < config_.batch && !stuck_ && !waiting()) {
        const FoundEvent found = found_->next();
        if (found.record == nullptr) {
            break;
        }
        n++;
        if (directories_ != nullptr) {
            directories_->set_seq(store_.next_seq());
        }
        EventView& view = held_.view;
        view = EventView{};
        translator_.translate(*found.record, Boundary::system, view);
        view.seq = store_.next_seq();
        view.real_ns = clock_.real_ns();
        const std::uint64_t tickets =
            sources_.empty() ? 0 : sources_.front()->reader().next_ticket;
        place_event(view.event(), tickets - (tickets != 0), view);
        view.path = view.path.empty() ? found.path : view.path;
        view.old_path = view.old_path.empty() ? found.old_path : view.old_path;
        held_.kernel = found.record;
        held_.event = true;
        store_held();
    }
    return n;
}

// A directory that goes is looked up first.
void Pipeline::place_event(const vx_event& event, std::uint64_t ticket, EventView& view) {
    if (event.rec.op != VX_OP_DIR_DELETE) {
        follow_directories(event, ticket);
    }
    find_path(event, view);
    if (event.rec.op == VX_OP_DIR_DELETE) {
        follow_directories(event, ticket);
    }
}

// The old path of a directory's rename is looked up by its old parent and name, so it does not
// matter that the map holds the new place already.
void Pipeline::find_path(const vx_event& event, EventView& view) {
    const ObjectKey parent{event.fsid, event.parent_ino, event.parent_gen};
    const ObjectKey self{event.fsid, event.ino, event.gen};
    const std::string_view name(vx_event_name(&event), event.name_len);
    const bool known =
        event.parent_ino != 0 ? paths_.path(parent, name, path_) : paths_.path(self, {}, path_);
    counters_.no_path += !known && event.ino != 0;
    view.path = path_;
    if (const vx_rename* rename = vx_event_rename_const(&event); rename != nullptr) {
        const ObjectKey old_parent{event.fsid, rename->old_parent_ino, rename->old_parent_gen};
        paths_.path(old_parent, {vx_event_name2(&event), event.name2_len}, old_path_);
        view.old_path = old_path_;
    }
}

void Pipeline::follow_directories(const vx_event& event, std::uint64_t ticket) {
    if ((event.flags & VX_F_DIRECTORY) == 0 || event.error != 0) {
        return;
    }
    const ObjectKey self{event.fsid, event.ino, event.gen};
    const ObjectKey parent{event.fsid, event.parent_ino, event.parent_gen};
    const std::string_view name(vx_event_name(&event), event.name_len);
    if (event.rec.op == VX_OP_DIR_CREATE || event.rec.op == VX_OP_FILE_RENAME) {
        paths_.place(self, parent, name, ticket);
    } else if (event.rec.op == VX_OP_DIR_DELETE) {
        paths_.forget(self);
    }
}

// Appends what was read last. False: the store is stuck, or has no room now, and the item waits in
// held_ (its record stays in the ring, which is not released before it is stored).
bool Pipeline::store_held() {
    for (int attempt = 0; attempt < 2; attempt++) {
        const Status status = held_.event ? store_.append(held_.view) : store_.append(held_.lost);
        if (status) {
            if (held_.event) {
                publish(held_.view);
            }
            held_.event = held_.gap = false;
            return true;
        }
        if (status.code() != ENOBUFS) {
            get_stuck(status);
            return false;
        }
        if (Status flushed = flush(); !flushed) {
            get_stuck(flushed);
            return false;
        }
    }
    store_.hurry();
    return false;
}

Result<std::uint64_t> Pipeline::append_pushed(vx_record& record, const EventView& view) {
    if (waiting() || stuck_) {
        return Status::error(EAGAIN, "the journal has no room at this moment: try again");
    }
    record.mono_ns = clock_.mono_ns();
    EventView event;
    translator_.translate(record, Boundary::agent, event);
    event.ops = view.ops;
    event.path = view.path;
    event.old_path = view.old_path;
    event.cause = view.cause;
    event.chain = view.chain;
    event.seq = store_.next_seq();
    event.real_ns = clock_.real_ns();
    Status status = store_.append(event);
    if (status.code() == ENOBUFS) {
        status = flush();
        status = status ? store_.append(event) : status;
    }
    if (!status) {
        return status;
    }
    publish(event);
    return event.seq;
}

void Pipeline::publish(const EventView& view) {
    counters_.events++;
    for (const UserOp& op : view.ops) {
        counters_.by_uop[op.op]++;
    }
    if (view.boundary == Boundary::system) {
        counters_.found++;
    } else if (!view.pushed()) {
        counters_.by_op[view.op()]++;
        counters_.units[view.op()] += view.ops.size();
    }
    for (auto& subscriber : subscribers_) {
        subscriber(view);
    }
    // What a duplicate tells has been pushed.
    if (push_ != nullptr && !view.pushed() && !view.duplicate) {
        push_back(view);
    }
}

// The last that is done with an event: afterwards a copied record is the kernel's again.
void Pipeline::push_back(const EventView& view) {
    const UserOps ops = view.ops.only(config_.pushback);
    if (ops.empty()) {
        return;
    }
    EventView unit = view;
    unit.ops = ops;
    if (view.record != held_.kernel) {
        under_mount(view);
    }
    const auto& kernel = *reinterpret_cast<const vx_event*>(held_.kernel);
    if (Status status = push_->add(kernel, unit); !status) {
        counters_.push_errors++;
    }
}

void Pipeline::get_stuck(const Status& status) {
    if (stuck_reason_ != status.message()) {  // once, not at every retry
        spdlog::error(
            "{}: reading stops until it can be written; what the ring cannot hold will be lost and "
            "counted",
            status.message());
    }
    stuck_ = true;
    stuck_reason_ = status.message();
    counters_.store_errors++;
}

void Pipeline::get_unstuck() {
    if (!stuck_reason_.empty()) {
        spdlog::info("the journal can be written again");
        stuck_reason_.clear();
    }
}

std::uint64_t Pipeline::abandon() {
    std::uint64_t count = store_.next_seq() - 1 - store_.written_seq();
    count += held_.event ? 1 : held_.gap ? held_.lost.count() : 0;
    held_.event = held_.gap = false;
    for (auto& source : sources_) {
        source->barrier().ignore();  // what it could not write out is not told of, here neither
        vx_item item;
        while (vx_reader_next(&source->reader(), &item) != VX_ITEM_NONE &&
               item.kind != VX_ITEM_BROKEN) {
            const bool lost = item.kind == VX_ITEM_GAP ||
                              (item.kind == VX_ITEM_LOST && item.cls != VX_CLASS_M);
            count += item.kind == VX_ITEM_EVENT ? 1 : lost ? item.count : 0;
        }
    }
    return count;
}

void Pipeline::sync(std::function<void(const Status&)> done) {
    if (on_sync_) {
        on_sync_();
    }
    if (broken_) {
        done(Status::error(EIO, "the ring is broken"));
        return;
    }
    if (stuck_) {
        if (Status status = flush(); !status) {
            done(status);
            return;
        }
        stuck_ = false;
    }
    Barrier barrier;
    for (auto& source : sources_) {
        if (Status status = source->barrier(); !status) {
            done(status);
            return;
        }
        barrier.marks.push_back(source->mark());
        source->awake();
    }
    barrier.done = std::move(done);
    syncs_.push_back(std::move(barrier));
}

std::uint64_t Pipeline::backlog_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& source : sources_) {
        sum += vx_reader_backlog(&source->reader());
    }
    return sum;
}

}  // namespace vexfs
