// SPDX-License-Identifier: Apache-2.0
#include "route/binary.hpp"

#include <cassert>

#include "journal/stream_header.hpp"

namespace vexfs::route {

namespace {

// Room for `bytes` more at the end of `out`. Aligned to 8, because all that is appended has a
// multiple of 8 bytes.
std::byte* room(std::string& out, std::size_t bytes) {
    const std::size_t at = out.size();
    out.resize(at + bytes);
    auto* place = reinterpret_cast<std::byte*>(out.data() + at);
    assert(reinterpret_cast<std::uintptr_t>(place) % 8 == 0);
    return place;
}

}  // namespace

void BinaryStream::begin(std::string& out) const {
    journal::StreamHeader header{};
    header.magic = journal::kStreamMagic;
    header.version = journal::kStreamVersion;
    header.byte_order = journal::kByteOrder;
    header.header_len = sizeof(header);
    header.journal = begin_.journal.bytes;
    header.begin = begin_.seq;
    header.flags = filtered_ ? journal::kStreamFiltered : 0;
    header.checksum = journal::checksum(header);
    out.append(reinterpret_cast<const char*>(&header), sizeof(header));
}

template <typename T>
void BinaryStream::append_entry(const T& what, std::string& out) {
    const std::size_t len = journal::EntryCodec::size_of(what);
    codec_.encode(what, room(out, len));
    ++entries_;
    bytes_ += len;
}

template void BinaryStream::append_entry(const EventView&, std::string&);
template void BinaryStream::append_entry(const Gap&, std::string&);

void BinaryStream::end(std::uint64_t last_seq, std::string& out) const {
    const journal::SealBody seal{.entries = entries_, .bytes = bytes_, .hash = 0};
    codec_.encode(seal, last_seq + 1, room(out, journal::kSealBytes));
}

}  // namespace vexfs::route
