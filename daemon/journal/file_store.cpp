// SPDX-License-Identifier: Apache-2.0
#include "journal/file_store.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "journal/directory.hpp"
#include "journal/segment_reader.hpp"

namespace vexfs::journal {

namespace {

constexpr std::size_t kBatchMin = std::size_t{256} << 10U;
static_assert(kBatchMin >= kEntryMax);
constexpr const char* kNewSegment = "new.tmp";
constexpr std::size_t kUnsyncedMax = 8;

}  // namespace

Status PwriteWriter::write(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return Status::from_errno(errno, "write journal");
        }
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

Status PwriteWriter::sync(int fd) {
    return ::fdatasync(fd) == 0 ? Status() : Status::from_errno(errno, "sync journal");
}

FileStore::FileStore(const FileStoreConfig& config, SegmentWriter* writer, const Clock* clock)
    : config_(config),
      writer_(writer != nullptr ? writer : &own_writer_),
      clock_(clock != nullptr ? clock : &own_clock_),
      boot_id_(read_boot_id()) {
    config_.batch_bytes = std::max(config_.batch_bytes, kBatchMin);
    // new[] of bytes is aligned for every fundamental type, so for entries.
    batch_ = std::make_unique<std::byte[]>(config_.batch_bytes);
}

FileStore::~FileStore() {
    if (batch_used_ == 0) {
        return;
    }
    if (const Status status = flush(); !status) {
        spdlog::error("journal: the last {} bytes could not be written: {}", batch_used_,
                      status.message());
    }
}

Result<std::unique_ptr<FileStore>> FileStore::open(const FileStoreConfig& config,
                                                   SegmentWriter* writer, const Clock* clock) {
    std::unique_ptr<FileStore> store(new FileStore(config, writer, clock));
    if (Status status = store->lock_directory(); !status) {
        return status;
    }
    if (Status status = store->recover(); !status) {
        return std::move(status).with_context("open journal " + config.directory);
    }
    return store;
}

Status FileStore::lock_directory() {
    Result<UniqueFd> directory = open_private_directory(config_.directory);
    if (!directory) {
        return directory.status();
    }
    Result<UniqueFd> lock = journal::lock_directory(directory->get(), config_.directory);
    if (!lock) {
        return lock.status();
    }
    directory_ = std::move(*directory);
    lock_ = std::move(*lock);
    return {};
}

Status FileStore::recover() {
    ::unlinkat(directory_.get(), kNewSegment, 0);
    for (bool removed = true; removed;) {
        removed = false;
        const Result<std::vector<std::uint64_t>> segments = list_segments(directory_.get());
        if (!segments) {
            return segments.status();
        }
        stats_.segments = segments->size();
        if (segments->empty()) {
            id_ = id_.is_nil() ? random_journal_id() : id_;
            codec_ = std::make_unique<EntryCodec>(id_);
            return new_segment(next_seq_);
        }
        if (Status status = recover_segment(segments->back(), &removed); !status) {
            return status;
        }
    }
    written_seq_ = next_seq_ - 1;
    durable_seq_ = written_seq_;
    return {};
}

// Finds the end of the last segment. *removed: there was no header in it, so nothing at all.
Status FileStore::recover_segment(std::uint64_t first_seq, bool* removed) {
    const std::string name = segment_name(first_seq);
    UniqueFd fd(::openat(directory_.get(), name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0) {
        return Status::from_errno(errno, "open segment " + name);
    }
    const auto size = static_cast<std::uint64_t>(st.st_size);
    if (size < sizeof(SegmentHeader)) {
        spdlog::warn("journal: segment {} has no header: removed", name);
        *removed = true;
        return ::unlinkat(directory_.get(), name.c_str(), 0) == 0
                   ? Status()
                   : Status::from_errno(errno, "remove segment " + name);
    }
    Result<SegmentReader> reader = SegmentReader::open(directory_.get(), first_seq);
    if (!reader) {
        return reader.status();
    }
    next_seq_ = first_seq;
    do {
        while (const EntryHeader* entry = reader->peek()) {
            next_seq_ = std::max(next_seq_, last_seq(*entry) + 1);
            reader->advance(*entry);
        }
        if (!reader->status()) {
            return reader->status();
        }
    } while (reader->resync(next_seq_));
    const std::uint64_t end = reader->position();
    if (end < size) {
        spdlog::warn("journal: segment {}: {} bytes behind event {} are not whole: cut off", name,
                     size - end, next_seq_ - 1);
        if (::ftruncate(fd.get(), static_cast<off_t>(end)) != 0) {
            return Status::from_errno(errno, "cut segment " + name);
        }
    }
    if (Status status = writer_->sync(fd.get()); !status) {
        return status;
    }
    id_ = reader->journal();
    codec_ = std::make_unique<EntryCodec>(id_);
    segment_ = {.fd = std::move(fd), .first_seq = first_seq, .end = end, .synced = end};
    if (reader->header().boot_id == boot_id_) {
        return {};
    }
    // Times of another boot do not compare with those of this one. A segment that holds no number
    // (at most gaps of none) has the name that a new one would get.
    return next_seq_ == first_seq ? write_header(segment_.fd.get(), first_seq)
                                  : new_segment(next_seq_);
}

Status FileStore::write_header(int fd, std::uint64_t first_seq) {
    const SegmentHeader header = make_segment_header(id_, boot_id_, first_seq, clock_->real_ns());
    const Status status = writer_->write(fd, std::as_bytes(std::span(&header, 1)), 0);
    return status.ok() ? writer_->sync(fd) : status;
}

// A segment appears under its name only when its header is in it.
Status FileStore::new_segment(std::uint64_t first_seq) {
    const std::string name = segment_name(first_seq);
    UniqueFd fd(::openat(directory_.get(), kNewSegment,
                         O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) {
        return Status::from_errno(errno, "make segment " + name);
    }
    Status status = write_header(fd.get(), first_seq);
    if (status.ok() &&
        ::renameat(directory_.get(), kNewSegment, directory_.get(), name.c_str()) != 0) {
        status = Status::from_errno(errno, "rename");
    }
    if (!status) {
        ::unlinkat(directory_.get(), kNewSegment, 0);
        return std::move(status).with_context("make segment " + name);
    }
    if (::fsync(directory_.get()) != 0) {
        return Status::from_errno(errno, "sync journal directory");
    }
    if (segment_.fd) {
        if (unsynced_.size() == kUnsyncedMax) {
            if (Status synced = sync(); !synced) {
                return synced;
            }
        }
        unsynced_.push_back(std::move(segment_));
    }
    segment_ = {.fd = std::move(fd),
                .first_seq = first_seq,
                .end = sizeof(SegmentHeader),
                .synced = sizeof(SegmentHeader)};
    ++stats_.segments;
    return {};
}

Result<std::byte*> FileStore::reserve(std::uint64_t seq, std::size_t bytes) {
    if (seq != next_seq_) {
        return Status::error(EINVAL, "journal: number " + std::to_string(seq) + " where " +
                                         std::to_string(next_seq_) + " must come: a jump is a gap");
    }
    if (bytes > config_.batch_bytes - batch_used_) {
        return Status::error(ENOBUFS, "journal: the open batch is full");
    }
    if (batch_used_ == 0) {
        batch_first_seq_ = seq;
    }
    return batch_.get() + batch_used_;
}

void FileStore::accept(std::uint64_t last, std::size_t bytes) {
    batch_used_ += bytes;
    next_seq_ = last + 1;
}

Status FileStore::append(const EventView& event) {
    const std::size_t bytes = EntryCodec::size_of(event);
    const Result<std::byte*> at = reserve(event.seq, bytes);
    if (!at) {
        return at.status();
    }
    codec_->encode(event, *at);
    accept(event.seq, bytes);
    ++stats_.events;
    return {};
}

Status FileStore::append(const Gap& gap) {
    if (gap.to < gap.from - 1 || gap.from == 0 || gap.to == ~std::uint64_t{0}) {
        return Status::error(EINVAL, "journal: a gap that ends before it begins");
    }
    const std::size_t bytes = EntryCodec::size_of(gap);
    const Result<std::byte*> at = reserve(gap.from, bytes);
    if (!at) {
        return at.status();
    }
    codec_->encode(gap, *at);
    accept(gap.to, bytes);
    ++stats_.gaps;
    stats_.lost += gap.count();
    return {};
}

Status FileStore::flush() {
    if (batch_used_ == 0) {
        return {};
    }
    if (batch_first_seq_ > segment_.first_seq &&
        segment_.end + batch_used_ > config_.segment_bytes) {
        if (Status status = new_segment(batch_first_seq_); !status) {
            ++stats_.write_errors;
            return status;
        }
    }
    Status status = writer_->write(segment_.fd.get(), {batch_.get(), batch_used_}, segment_.end);
    if (!status) {
        ++stats_.write_errors;
        // What was written of it is taken back, so that no reader sees it and room is given back.
        if (::ftruncate(segment_.fd.get(), static_cast<off_t>(segment_.end)) != 0) {
            spdlog::error("journal: cannot take back a write that failed: {}",
                          Status::describe(errno));
        }
        return status;
    }
    segment_.end += batch_used_;
    stats_.bytes += batch_used_;
    ++stats_.writes;
    batch_used_ = 0;
    written_seq_ = next_seq_ - 1;
    return {};
}

Status FileStore::sync() {
    const Status status = sync_all();
    if (!status) {
        ++stats_.sync_errors;
        if (sync_status_) {
            spdlog::error("journal: events behind number {} are not durable: {}", durable_seq_,
                          status.message());
        }
    } else if (!sync_status_) {
        spdlog::info("journal: all events are durable again");
    }
    sync_status_ = status;
    return status;
}

Status FileStore::sync_all() {
    const std::uint64_t up_to = written_seq_;
    for (Segment& full : unsynced_) {
        if (Status status = sync_segment(full); !status) {
            return status;
        }
    }
    unsynced_.clear();
    if (Status status = sync_segment(segment_); !status) {
        return status;
    }
    durable_seq_ = up_to;
    ++stats_.syncs;
    return {};
}

Status FileStore::sync_segment(Segment& segment) {
    if (segment.suspect) {
        if (Status status = write_again(segment); !status) {
            return std::move(status).with_context("write segment " +
                                                  segment_name(segment.first_seq) + " again");
        }
    }
    Status status = writer_->sync(segment.fd.get());
    segment.suspect = !status.ok();
    if (status) {
        segment.synced = segment.end;
    }
    return status;
}

// The kernel tells once that it could not write a page back; then it holds the page for clean, and
// the next fdatasync succeeds over what is not on the disk. So the same bytes are written to the
// same place, as far as they can still be read and are whole.
Status FileStore::write_again(Segment& segment) {
    Result<SegmentReader> reader = SegmentReader::open(directory_.get(), segment.first_seq);
    if (!reader) {
        return reader.status();
    }
    while (const EntryHeader* entry = reader->peek()) {
        if (reader->position() >= segment.synced) {
            const auto* bytes = reinterpret_cast<const std::byte*>(entry);
            Status status =
                writer_->write(segment.fd.get(), {bytes, entry->len}, reader->position());
            if (!status) {
                return status;
            }
        }
        reader->advance(*entry);
    }
    if (reader->position() != segment.end) {
        return Status::error(EIO, "it can not be read any more at byte " +
                                      std::to_string(reader->position()));
    }
    return {};
}

}  // namespace vexfs::journal
