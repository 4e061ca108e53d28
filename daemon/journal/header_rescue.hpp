// SPDX-License-Identifier: Apache-2.0
// The header of a segment when it is damaged, as far as anything tells it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "journal/format.hpp"
#include "journal/segment_file.hpp"
#include "vexfs/cursor.hpp"

namespace vexfs::journal {

struct RescuedHeader {
    SegmentHeader header;
    bool exact = false;  // it is what was written; otherwise its boot and its limit are not known
};

// One bit is wrong: the checksum tells which. More are: the journal's id (the header's own, or one
// of `ids`) is right if an entry in the segment has its checksum with it.
std::optional<RescuedHeader> rescue_header(int directory, std::uint64_t first_seq,
                                           const SegmentHeader& damaged,
                                           std::span<const JournalId> ids);

// Whether the header is that of a format that is not known here, and not one that is damaged.
bool is_of_other_format(const SegmentHeader& header);

}  // namespace vexfs::journal
