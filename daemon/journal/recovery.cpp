// SPDX-License-Identifier: Apache-2.0
#include "journal/recovery.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "journal/segment_reader.hpp"

namespace vexfs::journal {

namespace {

// A daemon that was killed when it had compressed a segment has not taken away the plain one.
Status remove_doubles(Disk& disk, const std::vector<std::uint64_t>& segments) {
    for (const std::uint64_t first_seq : segments) {
        const std::string name = compressed_segment_name(first_seq);
        if (!is_there(disk.directory(), segment_name(first_seq)) ||
            !is_there(disk.directory(), name)) {
            continue;
        }
        if (Status status = disk.remove(name); !status) {
            return status;
        }
    }
    return {};
}

// A file too short for a header holds nothing.
Result<bool> has_header(Disk& disk, std::uint64_t first_seq) {
    const std::string name = segment_name(first_seq);
    struct stat st {};
    if (is_there(disk.directory(), compressed_segment_name(first_seq))) {
        return true;
    }
    if (::fstatat(disk.directory(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return Status::from_errno(errno, "look at segment " + name);
    }
    return static_cast<std::uint64_t>(st.st_size) >= sizeof(SegmentHeader);
}

Status remove_headless(Disk& disk, std::vector<std::uint64_t>& segments) {
    while (!segments.empty()) {
        const Result<bool> whole = has_header(disk, segments.back());
        if (!whole || *whole) {
            return whole.status();
        }
        const std::string name = segment_name(segments.back());
        spdlog::warn("journal: segment {} has no header: removed", name);
        if (Status status = disk.remove(name); !status) {
            return status;
        }
        segments.pop_back();
    }
    return {};
}

// Entries from `next` on are those of the next segment.
Status cut_overlap(Disk& disk, std::uint64_t first_seq, std::uint64_t next) {
    Result<SegmentReader> reader = SegmentReader::open(disk.directory(), first_seq);
    // One that cannot be read holds nothing twice, verify tells of it; nor does one that was
    // compressed, which had its seal.
    if (!reader || reader->file().compressed()) {
        return {};
    }
    const EntryHeader* entry = reader->peek();
    while (entry != nullptr && last_seq(*entry) < next) {
        reader->advance(*entry);
        entry = reader->peek();
    }
    if (entry == nullptr) {
        return {};
    }
    const std::string name = segment_name(first_seq);
    spdlog::warn("journal: segment {}: its entries from event {} on are in the next one: cut off",
                 name, next);
    const Result<UniqueFd> fd = disk.open(name);
    if (!fd) {
        return fd.status();
    }
    const Status cut = disk.truncate(fd->get(), reader->position());
    return cut ? disk.sync(fd->get()) : cut;
}

// The same segment, or with another header.
Status replace(Disk& disk, const LastSegment& last, const SegmentHeader& header,
               bool keep_closed) {
    Result<SegmentReader> reader = SegmentReader::open(disk.directory(), header.first_seq);
    if (!reader) {
        return reader.status();
    }
    Status written = write_anew(disk, *reader, header,
                                {.keep_closed = keep_closed, .check_hashes = false});
    if (!written || !last.compressed) {
        return written;
    }
    return disk.remove(compressed_segment_name(header.first_seq));
}

// What may be in the page cache alone; what follows syncs it.
Status write_over(Disk& disk, const LastSegment& last) {
    Result<SegmentReader> reader = SegmentReader::open(disk.directory(), last.header.first_seq);
    const Result<UniqueFd> fd = disk.open(segment_name(last.header.first_seq));
    if (!reader || !fd) {
        return reader ? fd.status() : reader.status();
    }
    reader->skip_to(last.durable);
    return write_again(disk, fd->get(), reader->position(),
                       last.end + (last.sealed ? kSealBytes : 0));
}

bool is_suspect(const Disk& disk) {
    return is_there(disk.directory(), kSuspect);
}

Result<LastSegment> read_last(int directory, std::uint64_t first_seq) {
    Result<SegmentReader> reader = SegmentReader::open(directory, first_seq);
    if (!reader) {
        return reader.status();
    }
    LastSegment last;
    last.header = reader->header();
    last.compressed = reader->file().compressed();
    last.next_seq = first_seq;
    for (;;) {
        while (const EntryHeader* entry = reader->peek()) {
            last.next_seq = std::max(last.next_seq, last_seq(*entry) + 1);
            last.entries++;
            reader->advance(*entry);
        }
        if (!reader->status()) {
            return reader->status();
        }
        if (!reader->resync(last.next_seq)) {
            break;
        }
        last.damaged = true;
    }
    last.end = reader->position();
    last.limit = reader->limit();
    last.durable = reader->durable_seq();
    last.sealed = reader->seal().has_value();
    last.torn = last.sealed ? 0 : reader->torn_bytes();
    const Status hashed = last.hash.add(reader->file(), sizeof(SegmentHeader), last.end);
    return hashed ? Result<LastSegment>(std::move(last)) : hashed;
}

// Behind the last entry; a seal goes.
Status add_unclean_gap(Disk& disk, const LastSegment& last, const Clock& clock) {
    Gap gap;
    gap.from = last.next_seq;
    gap.to = last.limit - 1;
    gap.mono_ns = clock.mono_ns();
    gap.real_ns = clock.real_ns();
    gap.reason = GapReason::unclean;
    gap.scope = "the machine stopped; at most so many";
    std::vector<std::byte> bytes(EntryCodec::size_of(gap));
    EntryCodec({last.header.journal}).encode(gap, bytes.data());
    const Result<UniqueFd> fd = disk.open(segment_name(last.header.first_seq));
    if (!fd) {
        return fd.status();
    }
    Status status = disk.truncate(fd->get(), last.end);
    if (status) {
        status = disk.write(fd->get(), bytes, last.end);
    }
    return status ? disk.sync(fd->get()) : status;
}

// The last segment, when what has to be done about it has been done.
Result<LastSegment> recover_last(Disk& disk, std::uint64_t first_seq, const BootId& boot_id,
                                 const Clock& clock) {
    Result<LastSegment> last = read_last(disk.directory(), first_seq);
    const bool rebooted = last && last->header.boot_id != boot_id;
    const bool suspect = is_suspect(disk);
    if (last && (last->damaged || last->compressed)) {
        spdlog::warn("journal: segment {} is written anew, with a gap for what is damaged",
                     segment_name(first_seq));
        const Status status = replace(disk, *last, last->header, true);
        last = status ? read_last(disk.directory(), first_seq) : status;
    } else if (last) {
        if (Status status = write_over(disk, *last); !status) {
            return status;
        }
    }
    // What readers saw of a segment that was given up may not be here.
    const bool all_here =
        !suspect && boot_id != BootId{} && last && last->header.boot_id == boot_id;
    if (last && !all_here && last->limit > last->next_seq) {
        const Status status = add_unclean_gap(disk, *last, clock);
        last = status ? read_last(disk.directory(), first_seq) : status;
    }
    if (last && suspect) {
        disk.remove(kSuspect).ignore();  // one too many costs only time
    }
    if (last && last->header.boot_id != boot_id && last->next_seq == first_seq) {
        const Status status = replace(
            disk, *last,
            make_segment_header({last->header.journal}, boot_id, first_seq, clock.real_ns(),
                                last->next_seq + kLimitStep),
            false);
        last = status ? read_last(disk.directory(), first_seq) : status;
    }
    if (last) {
        last->rebooted = rebooted;
    }
    return last;
}

// No event of this boot has come yet, although a daemon may have begun a segment in it, or more:
// between the last event and the next one is the boot, whatever has been told of that.
bool is_first_of_boot(int directory, const std::vector<std::uint64_t>& segments,
                      const BootId& boot_id) {
    for (auto first_seq = segments.rbegin(); first_seq != segments.rend(); ++first_seq) {
        Result<SegmentReader> reader = SegmentReader::open(directory, *first_seq);
        if (!reader || reader->header().boot_id != boot_id) {
            return reader.ok();
        }
        while (const EntryHeader* entry = reader->peek()) {
            if (is(*entry, EntryKind::event)) {
                return false;
            }
            reader->advance(*entry);
        }
    }
    return false;
}

}  // namespace

Result<std::optional<LastSegment>> recover(Disk& disk, const BootId& boot_id, const Clock& clock) {
    disk.remove(kNewSegment).ignore();  // there seldom is one
    disk.remove(kNewCompressed).ignore();
    // A daemon that was killed may have named a segment, and not made that durable.
    if (Status status = disk.sync_directory(); !status) {
        return status;
    }
    Result<std::vector<std::uint64_t>> segments = list_segments(disk.directory());
    if (!segments) {
        return segments.status();
    }
    if (Status status = remove_doubles(disk, *segments); !status) {
        return status;
    }
    if (Status status = remove_headless(disk, *segments); !status) {
        return status;
    }
    if (segments->empty()) {
        return std::optional<LastSegment>();
    }
    if (segments->size() > 1) {
        const Status cut =
            cut_overlap(disk, (*segments)[segments->size() - 2], segments->back());
        if (!cut) {
            return cut;
        }
    }
    Result<LastSegment> last = recover_last(disk, segments->back(), boot_id, clock);
    if (!last) {
        return last.status();
    }
    last->rebooted |= is_first_of_boot(disk.directory(), *segments, boot_id);
    last->segments = segments->size();
    return std::optional(std::move(*last));
}

}  // namespace vexfs::journal
