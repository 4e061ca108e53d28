// SPDX-License-Identifier: Apache-2.0
#include "journal/verify.hpp"

#include <fcntl.h>

#include "base/fd.hpp"
#include "journal/segment_reader.hpp"
#include "translate/translate.hpp"

namespace vexfs::journal {

namespace {

class Verifier {
  public:
    explicit Verifier(const std::function<void(const Problem&)>& on_problem)
        : on_problem_(on_problem) {}

    void segment(int directory, std::uint64_t first_seq, bool last) {
        name_ = segment_name(first_seq);
        ++report_.segments;
        Result<SegmentReader> opened = SegmentReader::open(directory, first_seq);
        if (!opened) {
            problem(0, opened.status().message());
            expected_ = 0;
            return;
        }
        if (report_.id.is_nil()) {
            report_.id = opened->journal();
            report_.first_seq = first_seq;
            expected_ = first_seq;
        } else if (opened->journal() != report_.id) {
            problem(0, "belongs to another journal, " + opened->journal().text());
            return;
        }
        entries(*opened, last);
        report_.bytes += opened->position();
    }

    VerifyReport& report() { return report_; }

  private:
    void entries(SegmentReader& reader, bool last) {
        for (;;) {
            while (const EntryHeader* found = reader.peek()) {
                entry(*found, reader.position());
                reader.advance(*found);
            }
            if (!reader.status()) {
                problem(reader.position(), reader.status().message());
                return;
            }
            const std::uint64_t at = reader.position();
            const std::uint64_t rest = reader.size() - at;
            if (rest == 0) {
                return;
            }
            if (!reader.resync(0)) {
                if (last) {
                    report_.tail_bytes = rest;
                } else {
                    problem(at, std::to_string(rest) + " bytes at the end are no entry");
                }
                return;
            }
            problem(at, std::to_string(reader.position() - at) + " bytes are no entry");
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
    for (const std::uint64_t first_seq : *segments) {
        verifier.segment(fd->get(), first_seq, first_seq == segments->back());
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
    for (const std::uint64_t first_seq : *segments) {
        Result<SegmentReader> reader = SegmentReader::open(fd->get(), first_seq);
        if (!reader) {
            return reader.status();
        }
        const std::string name = segment_name(first_seq);
        do {
            while (const EntryHeader* entry = reader->peek()) {
                if (!on_entry(*entry, name, reader->position())) {
                    return {};
                }
                reader->advance(*entry);
            }
            if (!reader->status()) {
                return reader->status();
            }
        } while (reader->resync(0));
    }
    return {};
}

}  // namespace vexfs::journal
