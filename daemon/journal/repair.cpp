// SPDX-License-Identifier: Apache-2.0
#include "journal/repair.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "journal/header_rescue.hpp"
#include "journal/new_segment.hpp"
#include "journal/running_hash.hpp"
#include "journal/segment_reader.hpp"

namespace vexfs::journal {

namespace {

constexpr const char* kKeptSuffix = ".damaged";
constexpr unsigned kKeptMax = 1000;
// How far the limit that is not known can be above a segment's numbers, unless a gap wider than
// this was about to be written.
constexpr std::uint64_t kUnknownLimit = 8 * kLimitStep;
// No entry that takes a number is shorter.
constexpr std::uint64_t kEntryMin = sizeof(EntryHeader) + sizeof(GapBody);

// A segment, and what its header says.
struct Found {
    std::uint64_t first_seq = 0;
    std::string name;
    std::uint64_t file_len = 0;                // bytes
    std::uint64_t modified_ns = 0;             // real time; no event in it is younger
    std::optional<SegmentHeader> header = {};  // nothing: not even a rescued one
    bool exact = true;                         // it is what was written
    std::string why = {};                      // what is wrong with it
};

class Repair {
  public:
    Repair(Disk& disk, const RepairConfig& config) : disk_(disk), config_(config) {}

    Status find(const std::vector<std::uint64_t>& segments) {
        for (const std::uint64_t first_seq : segments) {
            Result<Found> found = look_at(first_seq);
            if (!found) {
                return found.status();
            }
            segments_.push_back(std::move(*found));
        }
        choose_id();
        return {};
    }

    RepairReport run() {
        report_.segments = segments_.size();
        // Those that hold nothing first: where a segment ends is told by the next one.
        Status status = set_aside_all();
        for (std::size_t i = 0; status && i < segments_.size(); ++i) {
            const std::uint64_t next =
                i + 1 < segments_.size() ? segments_[i + 1].first_seq : kNoNext;
            status = config_.stopped && config_.stopped() ? Status::error(ECANCELED, "interrupted")
                                                          : repair_segment(segments_[i], next);
        }
        report_.status = std::move(status);
        return report_;
    }

  private:
    Result<Found> look_at(std::uint64_t first_seq);
    void choose_id();
    void rescue_headers();
    void rescue(Found& segment);
    Status set_aside_all();
    Status repair_segment(const Found& segment, std::uint64_t next);
    Status rewrite(const Found& segment, std::uint64_t next);
    Status replace(const Found& segment, std::uint64_t next);
    [[nodiscard]] std::vector<std::byte> only_gap(const Gap& gap, std::uint64_t next,
                                                  std::uint64_t real_ns) const;
    Result<std::string> kept_name(const std::string& name) const;
    Status keep(const std::string& name, const std::string& kept);
    Status remove_compressed(const Found& segment);
    void done(SegmentRepair what);

    Disk& disk_;
    const RepairConfig& config_;
    std::vector<Found> segments_;
    JournalId id_;
    RepairReport report_;
};

Result<Found> Repair::look_at(std::uint64_t first_seq) {
    Found found{.first_seq = first_seq, .name = segment_name(first_seq)};
    struct stat st {};
    if (::fstatat(disk_.directory(), found.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
        found.name = compressed_segment_name(first_seq);
        if (::fstatat(disk_.directory(), found.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
            return Status::from_errno(errno, "look at segment " + found.name);
        }
    }
    found.file_len = static_cast<std::uint64_t>(st.st_size);
    found.modified_ns = static_cast<std::uint64_t>(st.st_mtim.tv_sec) * 1'000'000'000 +
                        static_cast<std::uint64_t>(st.st_mtim.tv_nsec);
    const Result<SegmentReader> reader = SegmentReader::open(disk_.directory(), first_seq);
    if (reader) {
        found.header = reader->header();
        return found;
    }
    found.why = reader.status().message();
    const Result<SegmentFile> file = SegmentFile::open(disk_.directory(), first_seq);
    const Result<SegmentHeader> header = file ? file->header() : file.status();
    if (header && is_of_other_format(*header)) {
        return Status::error(ENOTSUP, found.why + ": nothing was repaired");
    }
    if (const std::string prefix = "segment " + found.name + ": "; found.why.starts_with(prefix)) {
        found.why.erase(0, prefix.size());
    }
    const int code = header ? EBADMSG : header.status().code();
    return code == EBADMSG ? Result<Found>(std::move(found)) : header.status();
}

// The journal is what most of its segments say that it is, and of equals the last.
void Repair::choose_id() {
    std::map<std::array<std::uint8_t, 16>, unsigned> votes;
    unsigned most = 0;
    for (const Found& segment : segments_) {
        if (!segment.header) {
            continue;
        }
        if (const unsigned n = ++votes[segment.header->journal]; n >= most) {
            most = n;
            id_ = {segment.header->journal};
        }
    }
    const bool unknown = id_.is_nil();
    rescue_headers();
    if (unknown && !id_.is_nil()) {
        rescue_headers();  // those before the one that knew the id
    }
}

void Repair::rescue_headers() {
    for (Found& segment : segments_) {
        if (!segment.header) {
            rescue(segment);
        }
    }
}

void Repair::rescue(Found& segment) {
    const Result<SegmentFile> file = SegmentFile::open(disk_.directory(), segment.first_seq);
    const Result<SegmentHeader> damaged = file ? file->header() : file.status();
    if (!damaged) {
        return;
    }
    const std::array<JournalId, 1> ids{id_};
    const std::optional<RescuedHeader> rescued =
        rescue_header(disk_.directory(), segment.first_seq, *damaged,
                      id_.is_nil() ? std::span<const JournalId>() : std::span(ids));
    if (!rescued) {
        return;
    }
    segment.header = rescued->header;
    segment.exact = rescued->exact;
    if (segment.header->created_real_ns == 0) {
        segment.header = make_segment_header({rescued->header.journal}, {}, segment.first_seq,
                                             segment.modified_ns);
    }
    if (id_.is_nil()) {
        id_ = {rescued->header.journal};
    }
}

Status Repair::set_aside_all() {
    for (std::size_t i = segments_.size(); i-- > 0;) {
        Found& segment = segments_[i];
        const bool foreign = segment.header && segment.header->journal != id_.bytes;
        const bool last = i + 1 == segments_.size();
        const bool empty =
            !segment.header && (id_.is_nil() || (last && segment.file_len < sizeof(SegmentHeader)));
        if (!foreign && !empty) {
            continue;
        }
        const Result<std::string> kept = kept_name(segment.name);
        Status status = kept.status();
        if (status && !config_.dry_run) {
            status = keep(segment.name, *kept);
            status = status ? disk_.remove(segment.name) : status;
            status = status ? disk_.sync_directory() : status;
        }
        if (!status) {
            return status;
        }
        done({.segment = segment.name,
              .action = RepairAction::set_aside,
              .why = foreign ? "belongs to another journal, " +
                                   JournalId{segment.header->journal}.text()
                             : segment.why,
              .kept = *kept});
        segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return {};
}

Status Repair::repair_segment(const Found& segment, std::uint64_t next) {
    const Status status = segment.header ? rewrite(segment, next) : replace(segment, next);
    return status ? status : status.with_context("segment " + segment.name);
}

Status Repair::rewrite(const Found& segment, std::uint64_t next) {
    const auto reader = [&]() -> Result<SegmentReader> {
        Result<SegmentFile> file = SegmentFile::open(disk_.directory(), segment.first_seq);
        return file ? Result<SegmentReader>(SegmentReader(std::move(*file), *segment.header))
                    : file.status();
    };
    RewriteConfig config{.next = next,
                         .unknown_limit = segment.exact ? 0 : kUnknownLimit,
                         .stopped = config_.stopped};
    config.on_damage = [&](const Damage& damage) {
        if (config_.on_damage) {
            config_.on_damage(segment.name, damage);
        }
    };
    Result<SegmentReader> look = reader();
    const Result<Rewritten> found =
        look ? Rewrite(*look, *segment.header, config).run(nullptr) : look.status();
    if (!found || (found->damages == 0 && segment.why.empty())) {
        return found.status();
    }
    const Result<std::string> kept = kept_name(segment.name);
    if (!kept) {
        return kept.status();
    }
    if (!config_.dry_run) {
        config.on_damage = nullptr;
        Result<SegmentReader> again = reader();
        Status status = again ? write_anew(disk_, *again, *segment.header, config,
                                           [&] { return keep(segment.name, *kept); })
                              : again.status();
        status = status ? remove_compressed(segment) : status;
        if (!status) {
            return status;
        }
    }
    done({.segment = segment.name,
          .action = RepairAction::rewrite,
          .why = segment.why,
          .kept = *kept,
          .damages = found->damages,
          .bytes = found->bytes,
          .lost = found->lost});
    return {};
}

// Nothing says how many numbers the last one had: at most as many as would find room.
Status Repair::replace(const Found& segment, std::uint64_t next) {
    Gap gap;
    gap.from = segment.first_seq;
    gap.to =
        next != kNoNext ? next - 1 : gap.from + segment.file_len / kEntryMin + kUnknownLimit - 1;
    gap.reason = GapReason::damaged;
    gap.scope = next != kNoNext ? "" : "a segment that cannot be read; at most so many";
    const Result<std::string> kept = kept_name(segment.name);
    if (!kept) {
        return kept.status();
    }
    const std::vector<std::byte> bytes = only_gap(gap, next, segment.modified_ns);
    if (!config_.dry_run) {
        Status status = write_segment(
            disk_, segment.first_seq, [&](const Rewrite::Output& output) { return output(bytes); },
            [&] { return keep(segment.name, *kept); });
        status = status ? remove_compressed(segment) : status;
        if (!status) {
            return status;
        }
    }
    done({.segment = segment.name,
          .action = RepairAction::replace,
          .why = segment.why,
          .kept = *kept,
          .bytes = bytes.size(),
          .lost = gap.count()});
    return {};
}

// A segment with this gap and nothing else.
std::vector<std::byte> Repair::only_gap(const Gap& gap, std::uint64_t next,
                                        std::uint64_t real_ns) const {
    const EntryCodec codec(id_);
    const SegmentHeader header = make_segment_header(id_, {}, gap.from, real_ns, gap.to + 1);
    const std::size_t gap_len = EntryCodec::size_of(gap);
    std::vector<std::byte> bytes(sizeof(header) + gap_len + (next != kNoNext ? kSealBytes : 0));
    std::memcpy(bytes.data(), &header, sizeof(header));
    std::byte* at = bytes.data() + sizeof(header);
    codec.encode(gap, at);
    if (next != kNoNext) {
        RunningHash hash;
        hash.add({at, gap_len});
        codec.encode(SealBody{.entries = 1, .bytes = gap_len, .hash = hash.value()}, next,
                     at + gap_len);
    }
    return bytes;
}

// NAME.damaged, or with a number behind it if that is another file.
Result<std::string> Repair::kept_name(const std::string& name) const {
    struct stat own {};
    if (::fstatat(disk_.directory(), name.c_str(), &own, AT_SYMLINK_NOFOLLOW) != 0) {
        return Status::from_errno(errno, "look at segment " + name);
    }
    for (unsigned n = 1; n <= kKeptMax; ++n) {
        std::string kept = name + kKeptSuffix + (n == 1 ? "" : "." + std::to_string(n));
        struct stat st {};
        if (::fstatat(disk_.directory(), kept.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
            return errno == ENOENT ? Result<std::string>(std::move(kept))
                                   : Status::from_errno(errno, "look at " + kept);
        }
        if (st.st_ino == own.st_ino) {
            return kept;  // of a repair that was broken off
        }
    }
    return Status::error(EEXIST, "there are " + std::to_string(kKeptMax) + " files " + name +
                                     kKeptSuffix + ".N already: remove those that nobody needs");
}

Status Repair::keep(const std::string& name, const std::string& kept) {
    const bool there = is_there(disk_.directory(), kept);
    const Status status = there ? Status() : disk_.link(name, kept);
    return status ? disk_.sync_directory() : status;
}

Status Repair::remove_compressed(const Found& segment) {
    if (segment.name == segment_name(segment.first_seq)) {
        return {};
    }
    const Status status = disk_.remove(segment.name);
    return status ? disk_.sync_directory() : status;
}

void Repair::done(SegmentRepair what) {
    ++report_.damaged;
    report_.repaired += config_.dry_run ? 0 : 1;
    report_.lost += what.lost;
    if (config_.on_segment) {
        config_.on_segment(what);
    }
}

}  // namespace

std::string_view repair_action_name(RepairAction action) {
    constexpr std::array<std::string_view, 3> kNames = {"rewrite", "replace", "set_aside"};
    return kNames[static_cast<std::size_t>(action)];
}

Result<RepairReport> repair(Disk& disk, const RepairConfig& config) {
    const Result<std::vector<std::uint64_t>> segments = list_segments(disk.directory());
    if (!segments) {
        return segments.status();
    }
    if (segments->empty()) {
        return Status::error(ENOENT, "there is no segment of a journal");
    }
    Repair repair(disk, config);
    if (Status status = repair.find(*segments); !status) {
        return status;
    }
    return repair.run();
}

}  // namespace vexfs::journal
