// SPDX-License-Identifier: Apache-2.0
#include "journal/header_rescue.hpp"

#include <cstring>
#include <utility>
#include <vector>

#include "journal/crc32c.hpp"
#include "journal/segment_reader.hpp"

namespace vexfs::journal {

namespace {

// CRC32C finds all errors of up to five bits in so few bytes: one header at most is a bit away.
std::optional<SegmentHeader> with_one_bit_changed(const SegmentHeader& damaged) {
    for (std::size_t bit = 0; bit < sizeof(damaged) * 8; ++bit) {
        SegmentHeader header = damaged;
        auto* bytes = reinterpret_cast<unsigned char*>(&header);
        bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ (1U << bit % 8));
        if (check_segment_header(header)) {
            return header;
        }
    }
    return std::nullopt;
}

// With another id no entry has its checksum.
std::optional<SegmentHeader> with_id(int directory, std::uint64_t first_seq, const JournalId& id) {
    Result<SegmentFile> file = SegmentFile::open(directory, first_seq);
    if (!file) {
        return std::nullopt;
    }
    SegmentReader reader(std::move(*file), make_segment_header(id, {}, first_seq, 0));
    const EntryHeader* entry = reader.peek();
    while (entry == nullptr && !reader.seal() && reader.status() && reader.resync(first_seq)) {
        entry = reader.peek();
    }
    if (entry == nullptr && !reader.seal() && reader.marked_seq() == 0) {
        return std::nullopt;
    }
    return make_segment_header(id, {}, first_seq, entry != nullptr ? entry->real_ns : 0);
}

std::uint32_t swapped(std::uint32_t value) {
    return __builtin_bswap32(value);
}

}  // namespace

bool is_of_other_format(const SegmentHeader& header) {
    if (header.magic != kMagic || (header.byte_order == kByteOrder && header.version == kVersion)) {
        return false;
    }
    SegmentHeader copy = header;
    copy.checksum = 0;
    const std::uint32_t crc = crc32c(0, &copy, sizeof(copy));
    return crc == header.checksum || crc == swapped(header.checksum);
}

std::optional<RescuedHeader> rescue_header(int directory, std::uint64_t first_seq,
                                           const SegmentHeader& damaged,
                                           std::span<const JournalId> ids) {
    const std::optional<SegmentHeader> close = with_one_bit_changed(damaged);
    if (close && close->first_seq == first_seq) {
        return RescuedHeader{*close, true};
    }
    std::vector<JournalId> candidates(ids.begin(), ids.end());
    candidates.push_back({damaged.journal});
    for (const JournalId& id : candidates) {
        const std::optional<SegmentHeader> header = with_id(directory, first_seq, id);
        if (!id.is_nil() && header) {
            return RescuedHeader{*header, false};
        }
    }
    return std::nullopt;
}

}  // namespace vexfs::journal
