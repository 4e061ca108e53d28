// SPDX-License-Identifier: Apache-2.0
#include "journal/segment_store.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace vexfs::journal {

namespace {

constexpr std::size_t kWriteBytes = std::size_t{1} << 20U;  // begun without waiting for a flush

}  // namespace

SegmentStore::SegmentStore(const StoreConfig& config, Disk& disk, const Clock* clock,
                           LogBuffer buffer)
    : config_(config),
      disk_(disk),
      clock_(clock != nullptr ? clock : &own_clock_),
      buffer_(std::move(buffer)) {}

Result<std::unique_ptr<SegmentStore>> SegmentStore::open(const StoreConfig& config, Disk& disk,
                                                         const Clock* clock) {
    Result<LogBuffer> buffer = LogBuffer::create(config.buffer_bytes);
    if (!buffer) {
        return buffer.status();
    }
    std::unique_ptr<SegmentStore> store(
        new SegmentStore(config, disk, clock, std::move(*buffer)));
    Result<std::optional<LastSegment>> last = recover(disk, config.boot_id, *store->clock_);
    Status opened = last.status();
    if (opened) {
        opened = last->has_value() ? store->go_on(std::move(**last)) : store->begin();
    }
    return opened ? Result<std::unique_ptr<SegmentStore>>(std::move(store)) : opened;
}

Status SegmentStore::begin() {
    id_ = random_journal_id();
    codec_ = std::make_unique<EntryCodec>(id_);
    return next_segment();
}

Status SegmentStore::go_on(LastSegment last) {
    id_ = {last.header.journal};
    codec_ = std::make_unique<EntryCodec>(id_);
    end_.seq = last.next_seq - 1;
    started_ = written_ = durable_ = end_;
    written_seq_ = end_.seq;
    limit_ = durable_limit_ = last.limit;
    rebooted_ = last.rebooted;
    stats_.segments = last.segments;
    if (last.torn != 0) {
        spdlog::warn("journal: segment {}: {} bytes behind event {} are not whole: cut off",
                     segment_name(last.header.first_seq), last.torn, end_.seq);
    }
    // Times of another boot do not compare with those of this one.
    const bool usable = last.header.boot_id == config_.boot_id && !last.sealed;
    const Status status = usable ? continue_segment(last) : close_old(last);
    return status && !usable ? next_segment() : status;
}

Status SegmentStore::continue_segment(LastSegment& last) {
    Result<UniqueFd> fd = disk_.open(segment_name(last.header.first_seq));
    if (!fd) {
        return fd.status();
    }
    segment_ = Segment{.fd = std::move(*fd),
                       .first_seq = last.header.first_seq,
                       .capacity = config_.segment_bytes,
                       .start = end_,
                       .start_offset = last.end,
                       .entries = last.entries,
                       .hash = std::move(last.hash)};
    const int file = segment_.fd.get();
    Status status = last.torn != 0 ? disk_.truncate(file, last.end) : Status();
    if (status) {
        status = make_room(file, segment_.capacity);
    }
    return status ? disk_.sync(file) : status;
}

// A segment that is not written any more gives its room back.
Status SegmentStore::close_old(const LastSegment& last) {
    const Result<UniqueFd> fd = disk_.open(segment_name(last.header.first_seq));
    if (!fd) {
        return fd.status();
    }
    const Status cut = last.sealed ? Status() : disk_.truncate(fd->get(), last.end);
    return cut ? disk_.sync(fd->get()) : cut;
}

// ---- appending

Result<std::byte*> SegmentStore::reserve(std::uint64_t seq, std::uint64_t last_seq,
                                         std::size_t bytes) {
    if (seq != next_seq()) {
        return Status::error(EINVAL, "journal: number " + std::to_string(seq) + " where " +
                                         std::to_string(next_seq()) +
                                         " must come: a jump is a gap");
    }
    if (buffer_.room() < bytes + kLimitBytes) {
        return Status::error(ENOBUFS, "journal: its buffer is full");
    }
    if (last_seq + kLimitStep / 2 >= limit_) {
        raise_limit(last_seq);
    }
    return buffer_.tail();
}

void SegmentStore::raise_limit(std::uint64_t last_seq) {
    limit_ = last_seq + kLimitStep;
    codec_->encode(LimitBody{.limit = limit_, .closed = 0, .durable = durable_.seq}, next_seq(),
                   buffer_.tail());
    buffer_.add(kLimitBytes);
    end_.pos = buffer_.end();
    limits_.push_back({.at = end_, .limit = limit_});
}

void SegmentStore::accept(std::uint64_t last_seq, std::size_t bytes) {
    buffer_.add(bytes);
    end_ = {.pos = buffer_.end(), .seq = last_seq, .entries = end_.entries + 1};
    if (end_.pos - started_.pos >= kWriteBytes && !writing_ && health_) {
        start().ignore();  // health_ keeps it, and flush() says it
    }
}

Status SegmentStore::append(const EventView& event) {
    const std::size_t bytes = EntryCodec::size_of(event);
    const Result<std::byte*> at = reserve(event.seq, event.seq, bytes);
    if (!at) {
        return at.status();
    }
    codec_->encode(event, *at);
    ++stats_.events;
    accept(event.seq, bytes);
    return {};
}

Status SegmentStore::append(const Gap& gap) {
    if (gap.to < gap.from - 1 || gap.from == 0 || gap.to > ~std::uint64_t{0} - kLimitStep) {
        return Status::error(EINVAL, "journal: a gap that ends before it begins");
    }
    const std::size_t bytes = EntryCodec::size_of(gap);
    const Result<std::byte*> at = reserve(gap.from, gap.to, bytes);
    if (!at) {
        return at.status();
    }
    codec_->encode(gap, *at);
    ++stats_.gaps;
    stats_.lost += gap.count();
    accept(gap.to, bytes);
    return {};
}

// ---- writing

Status SegmentStore::flush() {
    if (failing_) {
        return health_;
    }
    if (!health_) {
        if (Status status = go_on_elsewhere(); !status) {
            health_ = status;
            return status;
        }
        spdlog::info("journal: it can be written again");
        health_ = {};
    }
    return start();
}

// Starts what can be started now.
Status SegmentStore::start() {
    const auto possible = [this] { return !next_ && !failing_ && health_.ok(); };
    while (possible() && !writing_ && started_.pos < end_.pos) {
        const Point to = next_piece();
        if (to.pos == started_.pos) {
            want_sync_ = true;
            break;
        }
        if (!fits(to)) {
            if (!settled()) {
                want_sync_ = true;
                break;
            }
            if (Status status = start_change(); !status) {
                health_ = status;
                return status;
            }
            break;
        }
        if (!start_write(to)) {
            break;  // the event loop has no room: with the next flush
        }
    }
    if (want_sync_) {
        start_sync();
    }
    return {};
}

// Everything, or as much of it as has numbers below a limit that is durable.
SegmentStore::Point SegmentStore::next_piece() const {
    if (end_.seq < durable_limit_) {
        return end_;
    }
    for (auto limit = limits_.rbegin(); limit != limits_.rend(); ++limit) {
        if (limit->at.seq < durable_limit_ && limit->at.pos > started_.pos) {
            return limit->at;
        }
    }
    return started_;
}

bool SegmentStore::fits(const Point& to) const {
    return offset_of(to.pos) + kSealBytes <= segment_.capacity ||
           started_.seq + 1 == segment_.first_seq;
}

// All that was started is durable.
bool SegmentStore::settled() const {
    return in_flight_ == 0 && durable_.pos == started_.pos;
}

// One at a time: a daemon that dies leaves no hole, only an end. Meanwhile syncs go on, and more is
// appended.
Status SegmentStore::start_write(const Point& to) {
    const WriteSync sync =
        config_.durability == Durability::commit ? WriteSync::data : WriteSync::none;
    Status status = disk_.start_write(segment_.fd.get(), buffer_.bytes(started_.pos, to.pos),
                                      offset_of(started_.pos), sync,
                                      [this](int result) { on_written(result); });
    if (status) {
        writing_ = true;
        started_ = to;
        ++in_flight_;
    }
    return status;
}

void SegmentStore::start_sync() {
    if (syncing_ || failing_ || !health_ || config_.durability == Durability::commit) {
        return;
    }
    want_sync_ = false;
    if (durable_.pos == written_.pos) {
        return;
    }
    const Point to = written_;
    if (disk_.start_sync(segment_.fd.get(), [this, to](int result) { on_synced(to, result); })) {
        syncing_ = true;
        ++in_flight_;
    } else {
        want_sync_ = true;  // the event loop has no room: with the next flush
    }
}

void SegmentStore::on_written(int result) {
    writing_ = false;
    if (has_failed(result, stats_.write_errors, "write journal")) {
        return;
    }
    segment_.hash.add(buffer_.bytes(written_.pos, started_.pos));
    stats_.bytes += started_.pos - written_.pos;
    ++stats_.writes;
    written_ = started_;
    written_seq_ = std::max(written_seq_, written_.seq);
    if (config_.durability == Durability::commit) {
        ++stats_.syncs;
        made_durable(written_);
    }
    progress();
}

void SegmentStore::on_synced(Point to, int result) {
    syncing_ = false;
    if (has_failed(result, stats_.sync_errors, "sync journal")) {
        return;
    }
    ++stats_.syncs;
    made_durable(to);
    progress();
}

void SegmentStore::made_durable(const Point& to) {
    durable_ = to;
    given_up_ = false;
    if (suspect_until_ != 0 && to.seq >= suspect_until_) {
        disk_.remove(kSuspect).ignore();  // one too many costs only time
        suspect_until_ = 0;
    }
    while (!limits_.empty() && limits_.front().at.pos <= to.pos) {
        durable_limit_ = std::max(durable_limit_, limits_.front().limit);
        limits_.pop_front();
    }
}

void SegmentStore::progress() {
    buffer_.drop(kept().pos);
    answer({}, durable_.pos);
    if (!waiters_.empty() && written_.pos >= waiters_.front().pos) {
        want_sync_ = true;
    }
    start().ignore();  // health_ keeps it, and flush() says it
    if (on_progress_) {
        on_progress_();
    }
}

void SegmentStore::sync(Done done) {
    Status status = flush();
    if (!status || durable_.pos == end_.pos) {
        done(status);
        return;
    }
    waiters_.push_back({.pos = end_.pos, .done = std::move(done)});
    if (written_.pos == end_.pos) {
        hurry();
    }
}

void SegmentStore::answer(const Status& status, std::uint64_t up_to) {
    std::vector<Done> ready;
    while (!waiters_.empty() && waiters_.front().pos <= up_to) {
        ready.push_back(std::move(waiters_.front().done));
        waiters_.pop_front();
    }
    for (const Done& done : ready) {
        done(status);
    }
}

void SegmentStore::hurry() {
    want_sync_ = true;
    start_sync();
}

void SegmentStore::tick() {
    if (config_.durability == Durability::interval && durable_.pos != written_.pos) {
        want_sync_ = true;
    }
    start().ignore();  // health_ keeps it, and flush() says it
}

// ---- failing

// For each result that comes: whether it, or one before it, is a failure, which is dealt with then.
bool SegmentStore::has_failed(int result, std::uint64_t& errors, const char* what) {
    --in_flight_;
    if (result < 0) {
        ++errors;
        fail(Status::from_errno(result, what));
        return true;
    }
    if (failing_) {
        fail(health_);
        return true;
    }
    return false;
}

// Called for each result that comes after the first failure, until nothing is under way.
void SegmentStore::fail(const Status& status) {
    if (!failing_) {
        failing_ = true;
        health_ = status;
        spdlog::error("journal: events behind number {} are not durable: {}; writing them again",
                      safe_point().seq, status.message());
    }
    if (in_flight_ == 0) {
        give_up_segment();
    }
}

Status SegmentStore::go_on_elsewhere() {
    // What is in memory no more is what the file has, and must be on the disk before what follows.
    if (durable_.pos < started_.pos) {
        const int file = segment_.fd.get();
        Status status = write_again(disk_, file, offset_of(durable_.pos),
                                    offset_of(started_.pos));
        if (status) {
            status = disk_.sync(file);
        }
        if (!status) {
            return status;
        }
        made_durable(started_);
    }
    // The numbers that readers have seen are not given out twice, whenever the daemon is killed.
    const Status noted = suspect_until_ != 0 ? disk_.create(kSuspect).status() : Status();
    return noted ? next_segment() : noted;
}

void SegmentStore::give_up_segment() {
    failing_ = false;
    next_.reset();
    segment_.ended = true;
    suspect_until_ = std::max<std::uint64_t>(written_seq_, 1);
    started_ = written_ = kept();
    // Once at once; then when flush() is called.
    if (!std::exchange(given_up_, true) && go_on_elsewhere()) {
        health_ = {};
        spdlog::info("journal: going on in segment {}", segment_name(segment_.first_seq));
    } else {
        answer(health_, ~std::uint64_t{0});
    }
    progress();
}

}  // namespace vexfs::journal
