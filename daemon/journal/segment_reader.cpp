// SPDX-License-Identifier: Apache-2.0
#include "journal/segment_reader.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace vexfs::journal {

namespace {

constexpr std::size_t kBufferBytes = std::size_t{256} << 10U;
static_assert(kBufferBytes >= kEntryMax);

bool any(const EntryHeader& /*entry*/) {
    return true;
}
bool is_event(const EntryHeader& entry) {
    return is(entry, EntryKind::event);
}

}  // namespace

Result<std::vector<std::uint64_t>> list_segments(int directory) {
    const int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return Status::from_errno(errno, "open journal directory");
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(fd), ::closedir);
    if (dir == nullptr) {
        const int err = errno;
        ::close(fd);
        return Status::from_errno(err, "read journal directory");
    }
    std::vector<std::uint64_t> found;
    errno = 0;
    while (const dirent* entry = ::readdir(dir.get())) {
        if (const auto seq = parse_segment_name(entry->d_name)) {
            found.push_back(*seq);
        }
    }
    if (errno != 0) {
        return Status::from_errno(errno, "read journal directory");
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());  // in both forms
    return found;
}

bool is_being_written(int directory) {
    const UniqueFd lock(::openat(directory, kLockName, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct flock whole {};
    whole.l_type = F_RDLCK;
    whole.l_whence = SEEK_SET;
    return lock && ::fcntl(lock.get(), F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

Status check_cursor(const Cursor& cursor, const JournalId& id, std::uint64_t oldest) {
    if (cursor.journal != id) {
        return Status::error(kEpochChanged, "EPOCH_CHANGED: the cursor belongs to journal " +
                                                cursor.journal.text() + ", this is " + id.text());
    }
    if (cursor.seq + 1 < oldest) {
        return Status::error(kCursorExpired,
                             "CURSOR_EXPIRED: events behind the cursor are no longer kept, the "
                             "earliest cursor is " +
                                 Cursor{id, oldest - 1}.text());
    }
    return {};
}

Result<SegmentReader> SegmentReader::open(int directory, std::uint64_t first_seq) {
    Result<SegmentFile> file = SegmentFile::open(directory, first_seq);
    if (!file) {
        return file.status();
    }
    const Result<SegmentHeader> header = file->header();
    if (!header) {
        return header.status();
    }
    if (Status status = check_segment_header(*header); !status) {
        return std::move(status).with_context("segment " + file->name());
    }
    if (header->first_seq != first_seq) {
        return Status::error(EBADMSG,
                             "segment " + file->name() + ": its header has another number");
    }
    return SegmentReader(std::move(*file), *header);
}

void SegmentReader::skip_to(std::uint64_t seq) {
    position_ = std::max(position_, file_.place_of(seq));
    bisect(any, [&](const EntryHeader& entry) { return entry.seq <= seq; });
}

void SegmentReader::skip_to_time(std::uint64_t real_ns) {
    bisect(is_event, [&](const EntryHeader& entry) { return entry.real_ns < real_ns; });
}

// Moves on to an entry that counts, for which `before` holds, and behind which, not much further
// on, it does not. Where the order is broken (a clock that was set back), to one of these places.
// Stays when it does not hold at the position.
template <typename Counts, typename Before>
void SegmentReader::bisect(Counts counts, Before before) {
    if (file_.compressed()) {
        return;  // each look would decompress a block
    }
    std::uint64_t low = position_;
    for (std::uint64_t high = std::max(low, size()); high - low > kBufferBytes;) {
        const std::uint64_t middle = (low + (high - low) / 2) & ~std::uint64_t{7};
        position_ = middle;
        const EntryHeader* entry = search(std::min(middle + kEntryMax, high), counts);
        if (entry != nullptr && before(*entry)) {
            low = position_;
        } else {
            high = middle;  // nothing whole, too: what is written, or damaged, is not jumped over
        }
    }
    position_ = low;
}

std::span<const std::byte> SegmentReader::buffered() const {
    if (position_ < buffer_at_ || position_ >= buffer_at_ + buffer_len_) {
        return {};
    }
    const std::size_t skip = position_ - buffer_at_;
    return {reinterpret_cast<const std::byte*>(buffer_.data()) + skip, buffer_len_ - skip};
}

// Reads anew from the position on. False: no more than before.
bool SegmentReader::fill() {
    const std::size_t before = buffered().size();
    buffer_.resize(kBufferBytes / sizeof(std::uint64_t));
    const Result<std::size_t> n =
        file_.read(std::as_writable_bytes(std::span(buffer_)), position_);
    buffer_at_ = position_;
    buffer_len_ = n ? *n : 0;
    if (!n) {
        status_ = n.status();
    }
    return buffer_len_ > before;
}

const EntryHeader* SegmentReader::any_entry() {
    status_ = {};
    const EntryHeader* entry = codec_.entry_at(buffered());
    if (entry == nullptr) {
        // Too little of it is in the buffer, or it has become whole since.
        fill();
        entry = codec_.entry_at(buffered());
    }
    return entry;
}

const EntryHeader* SegmentReader::peek() {
    const EntryHeader* entry = any_entry();
    for (; entry != nullptr && is(*entry, EntryKind::limit); entry = any_entry()) {
        const LimitBody& limit = decode_limit(*entry);
        closed_ = limit.closed != 0;
        limit_ = closed_ ? limit.limit : std::max(limit_, limit.limit);
        marked_seq_ = entry->seq;
        durable_seq_ = std::max(durable_seq_, limit.durable);
        advance(*entry);
    }
    if (entry != nullptr && is(*entry, EntryKind::seal)) {
        seal_ = decode_seal(*entry);
        marked_seq_ = entry->seq;
        return nullptr;
    }
    return entry;
}

std::uint64_t SegmentReader::torn_bytes() const {
    constexpr std::size_t kWords = 8'192;
    std::vector<std::uint64_t> words(kWords);
    const std::uint64_t size = this->size();
    std::uint64_t end = position_;
    for (std::uint64_t at = position_; at < size;) {
        words.assign(kWords, 0);
        const Result<std::size_t> n = file_.read(std::as_writable_bytes(std::span(words)), at);
        if (!n || *n == 0) {
            break;
        }
        const auto last = std::find_if(words.rbegin(), words.rend(),
                                       [](std::uint64_t word) { return word != 0; });
        const auto used = static_cast<std::uint64_t>(words.rend() - last);
        end = used != 0 ? at + used * sizeof(std::uint64_t) : end;
        at += *n;
    }
    return std::min(end, size) - std::min(position_, size);
}

// Moves to the first whole entry from the position on, and before `end`, that is right. nullptr:
// there is none.
template <typename Right>
const EntryHeader* SegmentReader::search(std::uint64_t end, Right right) {
    const std::uint64_t size = this->size();
    for (; position_ + sizeof(EntryHeader) <= end; position_ += 8) {
        std::span<const std::byte> bytes = buffered();
        if (bytes.size() < kEntryMax && buffer_at_ + buffer_len_ < size) {
            fill();
            bytes = buffered();
        }
        const EntryHeader* entry = codec_.entry_at(bytes);
        if (entry != nullptr && right(*entry)) {
            return entry;
        }
    }
    return nullptr;
}

bool SegmentReader::resync(std::uint64_t from) {
    if (seal_) {
        return false;
    }
    const std::uint64_t start = position_;
    position_ += 8;
    const EntryHeader* entry = search(size(), [&](const EntryHeader& it) {
        return it.seq >= from || is(it, EntryKind::seal);
    });
    const std::uint64_t found = std::exchange(position_, start);
    // Entries are written in order, so the one at the start is whole by now, if it only was being
    // written when it was looked at. What is in the buffer of it may be old.
    buffer_len_ = 0;
    if (entry != nullptr && peek() == nullptr) {
        position_ = found;
    }
    return entry != nullptr;
}

}  // namespace vexfs::journal
