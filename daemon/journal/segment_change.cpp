// SPDX-License-Identifier: Apache-2.0
// SegmentStore: from one segment to the next.
#include <algorithm>
#include <array>
#include <utility>

#include "journal/segment_store.hpp"

namespace vexfs::journal {

namespace {

constexpr int kDirectory = -1;  // in place of a file
constexpr std::uint64_t kSegmentMin = std::uint64_t{64} << 10U;  // when the disk is nearly full

// What allocate() has said of so many bytes: whether less is to be asked for. On a disk that is
// nearly full a segment is as long as there is room.
bool ask_for_less(int error, std::uint64_t& capacity) {
    if (error != ENOSPC || capacity / 2 < kSegmentMin) {
        return false;
    }
    capacity /= 2;
    return true;
}

}  // namespace

// First there is room for the next one; then the one that is full is sealed; then the next one is
// durable, before it gets its name: a reader goes to the next when it is there. Nobody waits: what
// is appended meanwhile stays in the buffer.
Status SegmentStore::start_change() {
    Result<Segment> made = create_segment();
    if (!made) {
        return cannot_make(made.status());
    }
    next_ = std::move(*made);
    next_named_ = false;
    start_room();
    return {};
}

// When the event loop has no room the disk is waited for.
void SegmentStore::start_room() {
    const int file = next_->fd.get();
    ++in_flight_;
    if (!disk_.start_allocate(file, next_->capacity, [this](int result) { on_room(result); })) {
        on_room(-disk_.allocate(file, next_->capacity).code());
    }
}

void SegmentStore::on_room(int result) {
    --in_flight_;
    if (result == -EINTR || ask_for_less(-result, next_->capacity)) {
        start_room();
        return;
    }
    const bool promised = result == 0 || result == -EOPNOTSUPP;
    Status status = promised ? leave_segment() : Status::from_errno(-result, "make room");
    if (!status) {
        next_.reset();
        health_ = cannot_make(status);
        answer(health_, ~std::uint64_t{0});
        return;
    }
    start_change_sync(segment_.fd.get());
    if (next_) {  // it did not fail at once
        start_change_sync(next_->fd.get());
    }
}

// kDirectory, or a file. When the event loop has no room the disk is waited for.
void SegmentStore::start_change_sync(int what) {
    const auto done = [this](int result) { on_change_synced(result); };
    ++in_flight_;
    ++change_syncs_;
    if (!(what == kDirectory ? disk_.start_sync_directory(done) : disk_.start_sync(what, done))) {
        const Status status = what == kDirectory ? disk_.sync_directory() : disk_.sync(what);
        on_change_synced(-status.code());
    }
}

void SegmentStore::on_change_synced(int result) {
    --change_syncs_;
    if (has_failed(result, stats_.sync_errors, "make a segment") || change_syncs_ != 0) {
        return;
    }
    if (!std::exchange(next_named_, true)) {
        if (Status status = disk_.rename(kNewSegment, segment_name(next_->first_seq)); !status) {
            ++stats_.write_errors;
            fail(status);
        } else {
            start_change_sync(kDirectory);
        }
        return;
    }
    enter(std::move(*next_));
    next_.reset();
    progress();
}

void SegmentStore::enter(Segment next) {
    stats_.segments += segment_.first_seq != next.first_seq;
    segment_ = std::move(next);
}

// The same with waiting: when a journal is opened, and when something has failed.
Status SegmentStore::next_segment() {
    Result<Segment> made = create_segment();
    Status status = made.status();
    if (status) {
        status = make_room(made->fd.get(), made->capacity);
    }
    if (status) {
        status = write_header(*made);
    }
    if (status) {
        status = disk_.sync(made->fd.get());
    }
    if (status && segment_.fd) {
        status = end_segment();
    }
    if (status) {
        status = disk_.rename(kNewSegment, segment_name(made->first_seq));
    }
    if (status) {
        status = disk_.sync_directory();
    }
    if (!status) {
        return cannot_make(std::move(status));
    }
    enter(std::move(*made));
    return {};
}

Status SegmentStore::cannot_make(Status why) {
    ++stats_.write_errors;
    return std::move(why).with_context("make segment " + segment_name(started_.seq + 1));
}

Result<SegmentStore::Segment> SegmentStore::create_segment() {
    Result<UniqueFd> fd = disk_.create(kNewSegment);
    if (!fd) {
        return fd.status();
    }
    return Segment{.fd = std::move(*fd),
                   .first_seq = started_.seq + 1,
                   .capacity = config_.segment_bytes,
                   .start = started_,
                   .start_offset = sizeof(SegmentHeader),
                   .hash = {}};
}

Status SegmentStore::make_room(int fd, std::uint64_t& capacity) {
    for (;;) {
        Status status = disk_.allocate(fd, capacity);
        if (status || status.code() == EOPNOTSUPP) {
            return {};
        }
        if (!ask_for_less(status.code(), capacity)) {
            return status;
        }
    }
}

Status SegmentStore::write_header(const Segment& segment) {
    durable_limit_ = std::max(durable_limit_, segment.first_seq + kLimitStep);
    limit_ = std::max(limit_, durable_limit_);
    const SegmentHeader header = make_segment_header(
        id_, config_.boot_id, segment.first_seq, clock_->real_ns(), durable_limit_);
    return disk_.write(segment.fd.get(), std::as_bytes(std::span(&header, 1)), 0);
}

// What is written goes to the next one from here on.
Status SegmentStore::leave_segment() {
    const Status status = write_header(*next_);
    return status ? write_seal() : status;
}

Status SegmentStore::write_seal() {
    segment_.ended = true;
    const int file = segment_.fd.get();
    const std::uint64_t end = offset_of(started_.pos);
    std::array<std::byte, kSealBytes> seal{};
    codec_->encode(
        SealBody{.entries = segment_.entries + started_.entries - segment_.start.entries,
                 .bytes = end - sizeof(SegmentHeader),
                 .hash = segment_.hash.value()},
        started_.seq + 1, seal.data());
    const Status status = disk_.write(file, seal, end);
    return status ? disk_.truncate(file, end + kSealBytes) : status;
}

// Whole: with its seal. Given up (or sealed, and the next one could not be named): without what is
// written once more to the next one, as far as the disk does it.
Status SegmentStore::end_segment() {
    const int file = segment_.fd.get();
    if (!segment_.ended) {
        const Status sealed = write_seal();
        return sealed ? disk_.sync(file) : sealed;
    }
    disk_.truncate(file, std::max<std::uint64_t>(offset_of(started_.pos), sizeof(SegmentHeader)))
        .ignore();
    disk_.sync(file).ignore();
    return {};
}

Status SegmentStore::close() {
    if (!health_) {
        return health_;
    }
    std::array<std::byte, kLimitBytes> mark{};
    codec_->encode(LimitBody{.limit = next_seq(), .closed = 1, .durable = durable_.seq}, next_seq(),
                   mark.data());
    const std::uint64_t end = offset_of(started_.pos);
    Status status = disk_.write(segment_.fd.get(), mark, end);
    if (status) {
        status = disk_.truncate(segment_.fd.get(), end + kLimitBytes);
    }
    return status ? disk_.sync(segment_.fd.get()) : status;
}

}  // namespace vexfs::journal
