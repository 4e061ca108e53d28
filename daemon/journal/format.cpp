// SPDX-License-Identifier: Apache-2.0
#include "journal/format.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "journal/crc32c.hpp"

namespace vexfs::journal {

namespace {

constexpr std::string_view kSuffix = ".vxj";
constexpr std::string_view kCompressedSuffix = ".vxj.zst";
constexpr std::size_t kDigits = 20;
constexpr float kMillion = 1'000'000.0F;

constexpr std::size_t align8(std::size_t n) {
    return (n + 7) & ~std::size_t{7};
}

const std::byte* body_of(const EntryHeader& entry) {
    return reinterpret_cast<const std::byte*>(&entry + 1);
}

// Bytes in front of the paths.
std::size_t fixed_of(const EntryHeader& entry) {
    return sizeof(entry) + entry.body_len + std::size_t{entry.uop_count} * sizeof(UserOp);
}

std::byte* put(std::byte* at, const void* data, std::size_t len) {
    if (len != 0) {
        std::memcpy(at, data, len);
    }
    return at + len;
}

bool record_is_whole(const EntryHeader& entry) {
    const auto* record = reinterpret_cast<const vx_record*>(body_of(entry));
    if (entry.body_len < sizeof(vx_record) || record->len != entry.body_len) {
        return false;
    }
    if (record->type == VX_REC_EVENT) {
        return vx_event_check(record, entry.body_len) == 0;
    }
    if (record->type != VX_REC_USER || record->op >= VX_UOP_COUNT ||
        entry.body_len < sizeof(vx_user)) {
        return false;
    }
    const auto* user = reinterpret_cast<const vx_user*>(record);
    return user->event_len == entry.body_len - sizeof(vx_user) &&
           vx_event_check(user + 1, user->event_len) == 0;
}

bool event_is_whole(const EntryHeader& entry) {
    if (entry.uop_count > UserOps::kMax || entry.boundary >= kBoundaries ||
        !record_is_whole(entry)) {
        return false;
    }
    for (std::size_t i = 0; i < entry.uop_count; ++i) {
        UserOp op;
        std::memcpy(&op, body_of(entry) + entry.body_len + i * sizeof(op), sizeof(op));
        if (op.op >= VX_UOP_COUNT || static_cast<unsigned>(op.subject) > 1 ||
            static_cast<unsigned>(op.detail) >= kDetails) {
            return false;
        }
    }
    return true;
}

const GapBody& gap_of(const EntryHeader& entry) {
    return *reinterpret_cast<const GapBody*>(body_of(entry));
}

std::span<const LostOp> ops_of(const GapBody& gap) {
    return {reinterpret_cast<const LostOp*>(&gap + 1), gap.ops};
}

std::span<const GapDirectory> dirty_of(const GapBody& gap) {
    return {reinterpret_cast<const GapDirectory*>(ops_of(gap).data() + gap.ops), gap.dirty};
}

bool account_is_whole(const EntryHeader& entry, const GapBody& gap) {
    if (gap.ops > VX_OP_SLOTS || gap.dirty > VX_DIRTY_MAX ||
        entry.body_len !=
            sizeof(gap) + gap.ops * sizeof(LostOp) + gap.dirty * sizeof(GapDirectory)) {
        return false;
    }
    for (const LostOp& op : ops_of(gap)) {
        if (op.op >= VX_OP_SLOTS) {
            return false;
        }
    }
    std::size_t paths = 0;
    for (const GapDirectory& dir : dirty_of(gap)) {
        if (dir.path_len > kPathMax) {
            return false;
        }
        paths += dir.path_len;
    }
    return paths == entry.old_path_len;
}

bool gap_is_whole(const EntryHeader& entry) {
    if (entry.body_len < sizeof(GapBody) || entry.uop_count != 0) {
        return false;
    }
    const GapBody& gap = gap_of(entry);
    return gap.to >= entry.seq - 1 && gap.to != ~std::uint64_t{0} && account_is_whole(entry, gap);
}

bool is_whole(const EntryHeader& entry) {
    switch (static_cast<EntryKind>(entry.kind)) {
        case EntryKind::event:
            return event_is_whole(entry);
        case EntryKind::gap:
            return gap_is_whole(entry);
        case EntryKind::limit:
            return entry.len == kLimitBytes && entry.body_len == sizeof(LimitBody);
        case EntryKind::seal:
            return entry.len == kSealBytes && entry.body_len == sizeof(SealBody);
    }
    return false;
}

// The bytes of each directory's path that an entry keeps.
std::size_t kept_path(const DirtyDirectory& dir, std::size_t used) {
    return dir.path.size() <= kPathMax - used ? dir.path.size() : 0;
}

std::size_t paths_len(const Gap& gap) {
    std::size_t used = 0;
    for (const DirtyDirectory& dir : gap.dirty) {
        used += kept_path(dir, used);
    }
    return used;
}

std::size_t body_len(const Gap& gap) {
    return sizeof(GapBody) + gap.ops.size() * sizeof(LostOp) +
           gap.dirty.size() * sizeof(GapDirectory);
}

std::string digits_of(std::uint64_t first_seq) {
    std::string digits = std::to_string(first_seq);
    return digits.insert(0, kDigits - digits.size(), '0');
}

}  // namespace

std::string segment_name(std::uint64_t first_seq) {
    return digits_of(first_seq) + std::string(kSuffix);
}

std::string compressed_segment_name(std::uint64_t first_seq) {
    return digits_of(first_seq) + std::string(kCompressedSuffix);
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
    if (name.size() < kDigits || (name.substr(kDigits) != kSuffix &&
                                  name.substr(kDigits) != kCompressedSuffix)) {
        return std::nullopt;
    }
    std::uint64_t seq = 0;
    const char* end = name.data() + kDigits;
    const auto [at, err] = std::from_chars(name.data(), end, seq);
    return err == std::errc() && at == end ? std::optional(seq) : std::nullopt;
}

SegmentHeader make_segment_header(const JournalId& id, const BootId& boot_id,
                                  std::uint64_t first_seq, std::uint64_t real_ns,
                                  std::uint64_t limit) {
    SegmentHeader header{};
    header.magic = kMagic;
    header.version = kVersion;
    header.byte_order = kByteOrder;
    header.header_len = sizeof(header);
    header.journal = id.bytes;
    header.boot_id = boot_id;
    header.first_seq = first_seq;
    header.created_real_ns = real_ns;
    header.limit = limit;
    header.checksum = crc32c(0, &header, sizeof(header));
    return header;
}

Status check_segment_header(const SegmentHeader& header) {
    if (header.magic != kMagic) {
        return Status::error(EBADMSG, "not a segment of a journal");
    }
    if (header.byte_order != kByteOrder) {
        return Status::error(ENOTSUP, "written on a machine of the other byte order");
    }
    if (header.version != kVersion) {
        return Status::error(ENOTSUP, "format version " + std::to_string(header.version) +
                                          ", known here is " + std::to_string(kVersion));
    }
    SegmentHeader copy = header;
    copy.checksum = 0;
    if (header.header_len != sizeof(header) || crc32c(0, &copy, sizeof(copy)) != header.checksum) {
        return Status::error(EBADMSG, "the segment's header is damaged");
    }
    return {};
}

EntryCodec::EntryCodec(const JournalId& id) : seed_(crc32c(0, id.bytes.data(), id.bytes.size())) {}

std::uint32_t EntryCodec::checksum(const EntryHeader& entry) const {
    const std::uint32_t crc = crc32c(seed_, &entry.len, sizeof(entry.len));
    return crc32c(crc, &entry.seq, entry.len - offsetof(EntryHeader, seq));
}

void EntryCodec::seal(EntryHeader& entry) const {
    entry.checksum = checksum(entry);
}

std::size_t EntryCodec::size_of(const EventView& event) {
    return align8(sizeof(EntryHeader) + event.record->len + event.ops.size() * sizeof(UserOp) +
                  std::min(event.path.size(), kPathMax) +
                  std::min(event.old_path.size(), kPathMax));
}

std::size_t EntryCodec::size_of(const Gap& gap) {
    return align8(sizeof(EntryHeader) + body_len(gap) + std::min(gap.scope.size(), kScopeMax) +
                  paths_len(gap));
}

void EntryCodec::encode(const EventView& event, std::byte* out) const {
    const std::string_view path = event.path.substr(0, kPathMax);
    const std::string_view old_path = event.old_path.substr(0, kPathMax);
    auto* entry = new (out) EntryHeader{};
    entry->len = static_cast<std::uint32_t>(size_of(event));
    entry->seq = event.seq;
    entry->real_ns = event.real_ns;
    entry->hash = event.hash;
    entry->cause = event.cause;
    entry->chain = event.chain;
    entry->flags = (path.size() < event.path.size() ? kEntryPathCut : 0) |
                   (old_path.size() < event.old_path.size() ? kEntryOldPathCut : 0) |
                   (event.duplicate ? kEntryDuplicate : 0);
    entry->score = static_cast<std::uint32_t>(event.score * kMillion);
    entry->kind = static_cast<std::uint16_t>(EntryKind::event);
    entry->boundary = static_cast<std::uint8_t>(event.boundary);
    entry->producer = event.producer;
    entry->uop_count = static_cast<std::uint8_t>(event.ops.size());
    entry->body_len = static_cast<std::uint16_t>(event.record->len);
    entry->path_len = static_cast<std::uint16_t>(path.size());
    entry->old_path_len = static_cast<std::uint16_t>(old_path.size());
    std::byte* at = put(out + sizeof(*entry), event.record, event.record->len);
    at = put(at, event.ops.begin(), event.ops.size() * sizeof(UserOp));
    at = put(at, path.data(), path.size());
    at = put(at, old_path.data(), old_path.size());
    std::memset(at, 0, static_cast<std::size_t>(out + entry->len - at));
    seal(*entry);
}

void EntryCodec::encode(const Gap& gap, std::byte* out) const {
    const std::string_view scope = gap.scope.substr(0, kScopeMax);
    auto* entry = new (out) EntryHeader{};
    entry->len = static_cast<std::uint32_t>(size_of(gap));
    entry->seq = gap.from;
    entry->real_ns = gap.real_ns;
    entry->kind = static_cast<std::uint16_t>(EntryKind::gap);
    entry->producer = gap.producer;
    entry->body_len = static_cast<std::uint16_t>(body_len(gap));
    entry->path_len = static_cast<std::uint16_t>(scope.size());
    entry->old_path_len = static_cast<std::uint16_t>(paths_len(gap));
    GapBody body{};
    body.to = gap.to;
    body.mono_ns = gap.mono_ns;
    body.last_ns = gap.last_ns;
    body.next_count = gap.next_count;
    body.next_ticket = gap.next_ticket;
    body.reason = static_cast<std::uint16_t>(gap.reason);
    body.flags = static_cast<std::uint16_t>((gap.account ? kGapAccount : 0U) |
                                            (gap.dirty_overflow ? kGapOverflow : 0U) |
                                            (gap.class_d ? kGapClassD : 0U));
    body.ops = static_cast<std::uint16_t>(gap.ops.size());
    body.dirty = static_cast<std::uint16_t>(gap.dirty.size());
    std::byte* at = put(out + sizeof(*entry), &body, sizeof(body));
    at = put(at, gap.ops.data(), gap.ops.size() * sizeof(LostOp));
    std::byte* paths = put(at + gap.dirty.size() * sizeof(GapDirectory), scope.data(),
                           scope.size());
    std::size_t used = 0;
    for (const DirtyDirectory& dir : gap.dirty) {
        const std::size_t len = kept_path(dir, used);
        const GapDirectory stored{.fsid = dir.fsid,
                                  .ino = dir.ino,
                                  .gen = dir.gen,
                                  .path_len = static_cast<std::uint32_t>(len)};
        at = put(at, &stored, sizeof(stored));
        paths = put(paths, dir.path.data(), len);
        used += len;
    }
    at = paths;
    std::memset(at, 0, static_cast<std::size_t>(out + entry->len - at));
    seal(*entry);
}

template <typename Body>
void EntryCodec::encode_mark(EntryKind kind, const Body& body, std::uint64_t next_seq,
                             std::byte* out) const {
    auto* entry = new (out) EntryHeader{};
    entry->len = sizeof(*entry) + sizeof(body);
    entry->seq = next_seq;
    entry->kind = static_cast<std::uint16_t>(kind);
    entry->body_len = sizeof(body);
    put(out + sizeof(*entry), &body, sizeof(body));
    seal(*entry);
}

void EntryCodec::encode(const LimitBody& limit, std::uint64_t next_seq, std::byte* out) const {
    encode_mark(EntryKind::limit, limit, next_seq, out);
}

void EntryCodec::encode(const SealBody& seal, std::uint64_t next_seq, std::byte* out) const {
    encode_mark(EntryKind::seal, seal, next_seq, out);
}

const EntryHeader* EntryCodec::entry_at(std::span<const std::byte> bytes) const {
    if (bytes.size() < sizeof(EntryHeader)) {
        return nullptr;
    }
    const auto* entry = reinterpret_cast<const EntryHeader*>(bytes.data());
    if (entry->len < sizeof(*entry) || entry->len % 8 != 0 || entry->len > bytes.size() ||
        entry->len > kEntryMax) {
        return nullptr;
    }
    if (entry->seq == 0 || entry->body_len % 8 != 0 ||
        align8(fixed_of(*entry) + entry->path_len + entry->old_path_len) != entry->len ||
        checksum(*entry) != entry->checksum) {
        return nullptr;
    }
    // The checksum says that these are the bytes that were written; that they can be believed is
    // looked at all the same, because files can be made by anybody.
    return is_whole(*entry) ? entry : nullptr;
}

EventView decode_event(const EntryHeader& entry) {
    EventView event;
    event.seq = entry.seq;
    event.real_ns = entry.real_ns;
    event.record = reinterpret_cast<const vx_record*>(body_of(entry));
    event.hash = entry.hash;
    event.cause = entry.cause;
    event.chain = entry.chain;
    event.score = static_cast<float>(entry.score) / kMillion;
    event.boundary = static_cast<Boundary>(entry.boundary);
    event.duplicate = (entry.flags & kEntryDuplicate) != 0;
    event.producer = entry.producer;
    const std::byte* at = body_of(entry) + entry.body_len;
    for (unsigned i = 0; i < entry.uop_count; ++i, at += sizeof(UserOp)) {
        UserOp op;
        std::memcpy(&op, at, sizeof(op));
        event.ops.push(op);
    }
    const auto* text = reinterpret_cast<const char*>(at);
    event.path = {text, entry.path_len};
    event.old_path = {text + entry.path_len, entry.old_path_len};
    return event;
}

Gap decode_gap(const EntryHeader& entry) {
    const GapBody& body = gap_of(entry);
    Gap gap;
    gap.from = entry.seq;
    gap.to = body.to;
    gap.real_ns = entry.real_ns;
    gap.mono_ns = body.mono_ns;
    gap.last_ns = body.last_ns;
    gap.next_count = body.next_count;
    gap.next_ticket = body.next_ticket;
    gap.producer = entry.producer;
    gap.class_d = (body.flags & kGapClassD) != 0;
    gap.reason = static_cast<GapReason>(body.reason);
    gap.account = (body.flags & kGapAccount) != 0;
    gap.dirty_overflow = (body.flags & kGapOverflow) != 0;
    const auto ops = ops_of(body);
    gap.ops.assign(ops.begin(), ops.end());
    const auto* text = reinterpret_cast<const char*>(body_of(entry) + entry.body_len);
    gap.scope = {text, entry.path_len};
    text += entry.path_len;
    for (const GapDirectory& dir : dirty_of(body)) {
        gap.dirty.push_back({dir.fsid, dir.ino, dir.gen, {text, dir.path_len}});
        text += dir.path_len;
    }
    return gap;
}

const LimitBody& decode_limit(const EntryHeader& entry) {
    return *reinterpret_cast<const LimitBody*>(body_of(entry));
}

const SealBody& decode_seal(const EntryHeader& entry) {
    return *reinterpret_cast<const SealBody*>(body_of(entry));
}

std::uint64_t last_seq(const EntryHeader& entry) {
    return is(entry, EntryKind::event) ? entry.seq
           : is(entry, EntryKind::gap) ? gap_of(entry).to
                                       : entry.seq - 1;
}

}  // namespace vexfs::journal
