// SPDX-License-Identifier: Apache-2.0
#include "journal/verify.hpp"

#include <fcntl.h>

#include "base/fd.hpp"
#include "journal/rewrite.hpp"
#include "journal/running_hash.hpp"
#include "journal/segment_reader.hpp"
#include "translate/translate.hpp"

namespace vexfs::journal {

namespace {

constexpr std::uint64_t kNone = kNoNext;

// Where a segment ends: the first number of the one behind it.
std::uint64_t number_behind(const std::vector<std::uint64_t>& segments, std::size_t i) {
    return i + 1 < segments.size() ? segments[i + 1] : kNone;
}

class Verifier {
  public:
    explicit Verifier(const std::function<void(const Problem&)>& on_problem)
        : on_problem_(on_problem) {}

    // `next`: the first number of the segment behind it; kNone: it is the last.
    void segment(int directory, std::uint64_t first_seq, std::uint64_t next) {
        ++report_.segments;
        name_ = segment_name(first_seq);
        Result<SegmentReader> opened = SegmentReader::open(directory, first_seq);
        if (!opened) {
            problem(0, opened.status().message());
            expected_ = 0;
            return;
        }
        name_ = opened->file().name();
        if (report_.id.is_nil()) {
            report_.id = opened->journal();
            report_.first_seq = first_seq;
            expected_ = first_seq;
        } else if (opened->journal() != report_.id) {
            problem(0, "belongs to another journal, " + opened->journal().text());
            return;
        }
        entries(*opened, next);
        file(opened->file());
        report_.bytes += opened->position();
    }

    VerifyReport& report() { return report_; }

  private:
    void entries(SegmentReader& reader, std::uint64_t next) {
        std::uint64_t count = 0;
        for (;;) {
            while (const EntryHeader* found = reader.peek()) {
                if (last_seq(*found) >= next) {
                    return;  // the next one has it
                }
                ++count;
                entry(*found, reader.position());
                reader.advance(*found);
            }
            if (!reader.status()) {
                problem(reader.position(), reader.status().message());
                return;
            }
            const std::uint64_t at = reader.position();
            if (reader.seal()) {
                seal(*reader.seal(), reader, count);
                return;
            }
            if (expected_ >= next || !reader.resync(0)) {
                rest(reader, next);
                return;
            }
            problem(at, std::to_string(reader.position() - at) + " bytes are no entry");
        }
    }

    // No entry follows.
    void rest(const SegmentReader& reader, std::uint64_t next) {
        const std::uint64_t torn = reader.torn_bytes();
        if (next == kNone) {
            report_.tail_bytes = torn;
        } else if (torn != 0 && expected_ < next) {
            problem(reader.position(), std::to_string(torn) + " bytes at the end are no entry");
        }
    }

    // What a compressed segment has beside its entries.
    void file(const SegmentFile& file) {
        const Result<std::vector<FileProblem>> problems = file.problems();
        if (!problems) {
            problem(0, problems.status().message());
            return;
        }
        for (const FileProblem& found : *problems) {
            problem(found.at, found.what);
        }
    }

    void seal(const SealBody& sealed, const SegmentReader& reader, std::uint64_t count) {
        RunningHash hash;
        const Status read = hash.add(reader.file(), sizeof(SegmentHeader), reader.position());
        if (!read) {
            problem(reader.position(), read.message());
        } else if (sealed.entries != count || hash.value() != sealed.hash ||
                   sealed.bytes != reader.position() - sizeof(SegmentHeader)) {
            problem(reader.position(), "the segment is not what was sealed");
        }
    }

    void entry(const EntryHeader& found, std::uint64_t offset) {
        if (expected_ != 0 && found.seq != expected_) {
            problem(offset, "number " + std::to_string(found.seq) + " where " +
                                std::to_string(expected_) + " must be");
        }
        expected_ = journal::last_seq(found) + 1;
        report_.last_seq = expected_ - 1;
        if (found.kind == static_cast<std::uint16_t>(EntryKind::gap)) {
            ++report_.gaps;
            report_.lost += decode_gap(found).count();
            return;
        }
        ++report_.events;
        const EventView event = decode_event(found);
        if (event.hash != translate::context_hash(*event.record)) {
            problem(offset, "the context hash is not that of the record");
        }
    }

    void problem(std::uint64_t offset, std::string what) {
        ++report_.problems;
        on_problem_({name_, offset, std::move(what)});
    }

    const std::function<void(const Problem&)>& on_problem_;
    VerifyReport report_;
    std::string name_;
    std::uint64_t expected_ = 0;  // 0: not known
};

Result<UniqueFd> open_directory(const std::string& directory) {
    UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) {
        return Status::from_errno(errno, "open journal " + directory);
    }
    return fd;
}

Result<std::vector<std::uint64_t>> segments_of(int fd, const std::string& directory) {
    Result<std::vector<std::uint64_t>> segments = list_segments(fd);
    if (segments && segments->empty()) {
        return Status::error(ENOENT, directory + " holds no journal");
    }
    return segments;
}

}  // namespace

Result<VerifyReport> verify(const std::string& directory,
                            const std::function<void(const Problem&)>& on_problem) {
    const Result<UniqueFd> fd = open_directory(directory);
    if (!fd) {
        return fd.status();
    }
    const Result<std::vector<std::uint64_t>> segments = segments_of(fd->get(), directory);
    if (!segments) {
        return segments.status();
    }
    Verifier verifier(on_problem);
    for (std::size_t i = 0; i < segments->size(); ++i) {
        verifier.segment(fd->get(), (*segments)[i], number_behind(*segments, i));
    }
    return verifier.report();
}

Status for_each_entry(const std::string& directory, const OnEntry& on_entry) {
    const Result<UniqueFd> fd = open_directory(directory);
    if (!fd) {
        return fd.status();
    }
    const Result<std::vector<std::uint64_t>> segments = segments_of(fd->get(), directory);
    if (!segments) {
        return segments.status();
    }
    for (std::size_t i = 0; i < segments->size(); ++i) {
        Result<SegmentReader> reader = SegmentReader::open(fd->get(), (*segments)[i]);
        if (!reader) {
            return reader.status();
        }
        const std::string& name = reader->file().name();
        const std::uint64_t next = number_behind(*segments, i);
        do {
            while (const EntryHeader* entry = reader->peek()) {
                if (last_seq(*entry) >= next) {
                    break;  // the next one has it
                }
                if (!on_entry(*entry, name, reader->position())) {
                    return {};
                }
                reader->advance(*entry);
            }
            if (!reader->status()) {
                return reader->status();
            }
        } while (reader->peek() == nullptr && reader->resync(0));
    }
    return {};
}

}  // namespace vexfs::journal
