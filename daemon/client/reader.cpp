// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "client/reader_impl.hpp"

namespace vexfs {

using journal::EntryHeader;
using journal::SegmentReader;

// The first numbers of all segments; at least one.
Result<Reader::Impl::Segments> Reader::Impl::segments() const {
    Result<Segments> all = journal::list_segments(directory_.get());
    if (all && all->empty()) {
        return Status::error(ENOENT, path_ + " holds no journal: has vexfsd written one there?");
    }
    return all;
}

// Goes to the segment that `choose` names of all there are. One that was there a moment ago can be
// too old by now.
template <typename Choose>
Status Reader::Impl::go_to_segment(Choose choose) {
    for (;;) {
        const Result<Segments> all = segments();
        if (!all) {
            return all.status();
        }
        const Result<std::uint64_t> first_seq = choose(*all);
        if (!first_seq) {
            return first_seq.status();
        }
        Status status = open_segment(*all, *first_seq);
        if (status.code() != ENOENT) {
            return status;
        }
    }
}

Status Reader::Impl::open_segment(const Segments& all, std::uint64_t first_seq) {
    Result<SegmentReader> segment = SegmentReader::open(directory_.get(), first_seq);
    if (!segment) {
        return segment.status();
    }
    if (!id.is_nil() && segment->journal() != id) {
        return Status::error(
            EBADMSG, "segment " + journal::segment_name(first_seq) + " belongs to another journal");
    }
    id = segment->journal();
    segment_.emplace(std::move(*segment));
    damaged_ = 0;
    const auto following = std::upper_bound(all.begin(), all.end(), first_seq);
    end_ = following == all.end() ? 0 : *following;
    oldest_ = first_seq == all.front();
    return {};
}

// The entry at the position, unless the next segment has it too: then it is not valid here.
const EntryHeader* Reader::Impl::peek() {
    const EntryHeader* entry = segment_->peek();
    return entry != nullptr && end_ != 0 && journal::last_seq(*entry) >= end_ ? nullptr : entry;
}

Status Reader::Impl::seek_start() {
    std::uint64_t oldest = 0;
    const Status status = go_to_segment([&](const Segments& all) -> Result<std::uint64_t> {
        oldest = all.front();
        return oldest;
    });
    if (status) {
        expected_ = oldest;
        placed(false);
    }
    return status;
}

Result<Cursor> Reader::Impl::earliest() const {
    const Result<Segments> all = segments();
    return all ? Result<Cursor>(Cursor{id, all->front() - 1}) : all.status();
}

// Goes behind the cursor, to the segment that has it: a gap of no numbers may follow it there,
// although the next number is in another.
Status Reader::Impl::seek(const Cursor& cursor, Expired expired) {
    const Status status = go_to_segment([&](const Segments& all) -> Result<std::uint64_t> {
        Status known = journal::check_cursor(cursor, id, all.front());
        if (!known && !(known.code() == kCursorExpired && expired == Expired::gap)) {
            return known;
        }
        const auto after = std::upper_bound(all.begin(), all.end(), cursor.seq);
        return after == all.begin() ? *after : *(after - 1);
    });
    if (!status) {
        return status;
    }
    expected_ = cursor.seq + 1;
    placed(true);
    return segment_->header().first_seq > cursor.seq ? Status() : pass(cursor.seq);
}

// Reads on until the number is behind us, so that a cursor from the future is noticed.
Status Reader::Impl::pass(std::uint64_t seq) {
    segment_->skip_to(seq);
    std::uint64_t reached = segment_->header().first_seq;
    for (;;) {
        const Result<const EntryHeader*> entry = next_entry();
        if (!entry) {
            return entry.status();
        }
        if (*entry == nullptr) {
            return reached > seq ? Status()
                                 : Status::error(EINVAL,
                                                 "the cursor is ahead of the journal, "
                                                 "whose last event is number " +
                                                     std::to_string(reached - 1));
        }
        if (journal::last_seq(**entry) > seq || (*entry)->seq > seq) {
            return {};
        }
        reached = std::max(reached, journal::last_seq(**entry) + 1);
        segment_->advance(**entry);
    }
}

Status Reader::Impl::seek_end() {
    std::uint64_t newest = 0;
    const Status status = go_to_segment([&](const Segments& all) -> Result<std::uint64_t> {
        newest = all.back();
        return newest;
    });
    if (!status) {
        return status;
    }
    expected_ = newest;
    segment_->skip_to(UINT64_MAX);
    for (;;) {
        const Result<const EntryHeader*> entry = next_entry();
        if (!entry) {
            return entry.status();
        }
        if (*entry == nullptr) {
            placed(false);
            return {};
        }
        expected_ = journal::last_seq(**entry) + 1;
        segment_->advance(**entry);
    }
}

// When the first event of a segment happened; nothing: none can be read.
std::optional<std::uint64_t> Reader::Impl::first_time(std::uint64_t first_seq) const {
    Result<SegmentReader> segment = SegmentReader::open(directory_.get(), first_seq);
    while (const EntryHeader* entry = segment ? segment->peek() : nullptr) {
        if (journal::is(*entry, journal::EntryKind::event)) {
            return entry->real_ns;
        }
        segment->advance(*entry);
    }
    return std::nullopt;
}

// Behind the last event before the first one that is not older: in the last segment that begins
// with an older one, or behind it.
Status Reader::Impl::seek_time(std::uint64_t real_ns) {
    const Status status = go_to_segment([&](const Segments& all) -> Result<std::uint64_t> {
        const auto later = std::partition_point(
            all.begin() + 1, all.end(), [&](std::uint64_t first_seq) {
                const auto time = first_time(first_seq);
                return time && *time < real_ns;
            });
        return *(later - 1);
    });
    if (!status) {
        return status;
    }
    std::uint64_t before = segment_->header().first_seq - 1;
    expected_ = before + 1;
    segment_->skip_to_time(real_ns);
    for (;;) {
        const Result<const EntryHeader*> entry = next_entry();
        if (!entry) {
            return entry.status();
        }
        const bool counts = *entry != nullptr && journal::is(**entry, journal::EntryKind::event);
        if (*entry == nullptr || (counts && (*entry)->real_ns >= real_ns)) {
            return seek({id, before}, Expired::gap);
        }
        before = counts ? (*entry)->seq : before;
        segment_->advance(**entry);
    }
}

// The first number of the segment behind this one; 0: there is none.
Result<std::uint64_t> Reader::Impl::following_segment() const {
    const Result<Segments> all = segments();
    if (!all) {
        return all.status();
    }
    const auto after = std::upper_bound(all->begin(), all->end(), segment_->header().first_seq);
    return after == all->end() ? 0 : *after;
}

// There is no whole entry at the position: looks whether there is one further on. False: not now.
Result<bool> Reader::Impl::step() {
    if (!segment_->status()) {
        return segment_->status();
    }
    // The order matters: the next segment is made when this one is complete, so what is not there
    // now although the next one is will never be.
    const Result<std::uint64_t> following = following_segment();
    if (!following) {
        return following.status();
    }
    if (peek() != nullptr) {
        return true;
    }
    // In a segment that is written, writes can become visible out of their order: what is missing
    // is on its way.
    if (*following == 0 && journal::is_being_written(directory_.get())) {
        return false;
    }
    end_ = *following;
    const bool complete = end_ != 0 && expected_ >= end_;
    const std::uint64_t at = segment_->position();
    if (!complete && at < segment_->size() && segment_->resync(expected_ - 1) &&
        peek() != nullptr) {
        damaged_ = segment_->position() != at ? segment_->position() : 0;
        return true;
    }
    if (*following == 0) {
        return false;
    }
    // The oldest that is there, when that one is too old by now.
    const Status status = go_to_segment([&](const Segments& all) -> Result<std::uint64_t> {
        const auto next = std::lower_bound(all.begin(), all.end(), *following);
        return next == all.end() ? all.back() : *next;
    });
    return status.ok() ? Result<bool>(true) : Result<bool>(status);
}

// The entry at the position, or at the next one that has one; nullptr: nothing more is written. For
// seeking: next_written(), through which every event goes, does without the Result.
Result<const EntryHeader*> Reader::Impl::next_entry() {
    for (;;) {
        if (const EntryHeader* entry = peek()) {
            return entry;
        }
        const Result<bool> more = step();
        if (!more || !*more) {
            return more ? Result<const EntryHeader*>(nullptr) : more.status();
        }
    }
}

Reader::Item Reader::Impl::lost_before(std::uint64_t seq) {
    gap = Gap();
    gap.from = expected_;
    gap.to = seq - 1;
    gap.reason = oldest_ && expected_ < segment_->header().first_seq ? GapReason::expired
                                                                    : GapReason::damaged;
    expected_ = seq;
    damaged_ = 0;
    return Item::gap;
}

Reader::Item Reader::Impl::take(const EntryHeader& entry) {
    // Also when no number is missing: a gap without one may have been there.
    if (entry.seq > expected_ || segment_->position() == damaged_) {
        return lost_before(std::max(entry.seq, expected_));  // and this entry at the next call
    }
    const std::uint64_t last = journal::last_seq(entry);
    segment_->advance(entry);
    if (entry.kind == static_cast<std::uint16_t>(journal::EntryKind::gap)) {
        gap = journal::decode_gap(entry);
        gap.from = std::max(gap.from, expected_);  // the cursor may stand inside it
        expected_ = last + 1;
        return Item::gap;
    }
    event = journal::decode_event(entry);
    expected_ = last + 1;
    return Item::event;
}

Result<Reader::Item> Reader::Impl::next_written() {
    for (;;) {
        const EntryHeader* entry = peek();
        if (entry == nullptr) {
            const Result<bool> more = step();
            if (!more) {
                return more.status();
            }
            if (!*more) {
                return Item::end;
            }
        } else if (journal::last_seq(*entry) + 1 < expected_ ||
                   (journal::last_seq(*entry) + 1 == expected_ && entry->seq != expected_)) {
            segment_->advance(*entry);  // behind us already
        } else {
            return take(*entry);
        }
    }
}

Result<int> Reader::Impl::wait_fd() {
    if (!inotify_) {
        UniqueFd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        if (!fd || ::inotify_add_watch(fd.get(), path_.c_str(),
                                       IN_MODIFY | IN_MOVED_TO | IN_DELETE_SELF) < 0) {
            return Status::from_errno(errno, "watch journal directory " + path_);
        }
        inotify_ = std::move(fd);
    }
    return inotify_.get();
}

Result<Reader::Wake> Reader::Impl::wait(int stop_fd, int timeout_ms) {
    if (!inotify_) {
        const Result<int> made = wait_fd();
        // What came before the watch is not reported by it: the caller looks once more.
        return made ? Result<Wake>(Wake::written) : Result<Wake>(made.status());
    }
    std::array<pollfd, 2> fds{{{inotify_.get(), POLLIN, 0}, {stop_fd, POLLIN, 0}}};
    const int due = due_ms();
    const bool due_first = due >= 0 && (timeout_ms < 0 || due < timeout_ms);
    const int ready = ::poll(fds.data(), fds.size(), due_first ? due : timeout_ms);
    if (ready < 0 && errno != EINTR) {
        return Status::from_errno(errno, "wait for the journal");
    }
    if (ready <= 0) {
        return ready == 0 && !due_first ? Wake::timeout : Wake::written;
    }
    if (fds[1].revents != 0) {
        return Wake::stopped;
    }
    alignas(inotify_event) std::array<char, 4096> news;
    while (::read(inotify_.get(), news.data(), news.size()) > 0) {
    }
    return Wake::written;
}

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(const std::string& directory) {
    UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) {
        return Status::from_errno(errno, "open journal " + directory);
    }
    auto impl = std::make_unique<Impl>(directory, std::move(fd));
    if (Status status = impl->seek_start(); !status) {
        return std::move(status).with_context("open journal " + directory);
    }
    return Reader(std::move(impl));
}

const JournalId& Reader::journal() const {
    return impl_->id;
}
Status Reader::seek(const Cursor& cursor, Expired expired) {
    return impl_->seek(cursor, expired);
}
Status Reader::seek_start() {
    return impl_->seek_start();
}
Result<Cursor> Reader::earliest() const {
    return impl_->earliest();
}
Status Reader::seek_end() {
    return impl_->seek_end();
}
Status Reader::seek_time(std::uint64_t real_ns) {
    return impl_->seek_time(real_ns);
}
Result<Reader::Item> Reader::next() {
    return impl_->next();
}
const EventView& Reader::event() const {
    return impl_->event;
}
const Gap& Reader::gap() const {
    return impl_->gap;
}
Cursor Reader::cursor() const {
    return impl_->cursor();
}
Status Reader::settle(std::uint32_t window_ms) {
    return impl_->settle(window_ms);
}
void Reader::let_go() {
    impl_->let_go();
}
int Reader::due_ms() const {
    return impl_->due_ms();
}
Result<Reader::Wake> Reader::wait(int stop_fd, int timeout_ms) {
    return impl_->wait(stop_fd, timeout_ms);
}
Result<int> Reader::wait_fd() {
    return impl_->wait_fd();
}

}  // namespace vexfs
