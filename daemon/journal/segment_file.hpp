// SPDX-License-Identifier: Apache-2.0
// SegmentFile: the bytes of a segment, whichever of its two forms is in the directory. Stays good
// when the file is removed or gets the other form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "journal/compressed_segment.hpp"
#include "journal/format.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

class SegmentFile {
  public:
    // The plain one, if both are there. Errors: those of openat() and CompressedSegment::open().
    static Result<SegmentFile> open(int directory, std::uint64_t first_seq);
    // A compressed one that does not have its name yet.
    static Result<SegmentFile> open_compressed(int directory, const std::string& name);

    // Its file's name.
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool compressed() const { return packed_ != nullptr; }

    // As it stands in the file. EBADMSG: the file is too short for one.
    [[nodiscard]] Result<SegmentHeader> header() const;
    // As read_at(); offsets count in the plain form.
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> place, std::uint64_t offset) const;
    // Bytes now, from which what lies behind `from` and was never written to is left out; 0 when it
    // cannot be asked.
    [[nodiscard]] std::uint64_t size(std::uint64_t from) const;

    // Where to begin to read in order to find the entry with this number.
    [[nodiscard]] std::uint64_t place_of(std::uint64_t seq) const {
        return packed_ ? packed_->place_of(seq) : sizeof(SegmentHeader);
    }

    // Reads all of a compressed one; what is wrong with the file, beside what is no entry.
    [[nodiscard]] Result<std::vector<FileProblem>> problems() const;

  private:
    SegmentFile(std::string name, UniqueFd fd) : name_(std::move(name)), fd_(std::move(fd)) {}

    std::string name_;
    UniqueFd fd_;                                // of a plain one
    std::unique_ptr<CompressedSegment> packed_;  // of a compressed one
};

}  // namespace vexfs::journal
