// SPDX-License-Identifier: Apache-2.0
// The journal's bytes. docs/journal_format.md has a worked example.
//
// A journal is a directory of segments; a segment's file is named for the number of its first
// entry, 20 decimal digits + ".vxj" (".vxj.zst" when it is compressed: compressed_segment.hpp).
// A segment is a SegmentHeader, then entries, each a multiple of
// 8 bytes long and in the order of their numbers:
//
//   event   EntryHeader, the kernel's record, userspace operations (4 bytes each), path, old path,
//           zero bytes up to a multiple of 8
//   gap     EntryHeader, GapBody, lost operations (8 bytes each), directories (24 bytes each),
//           scope (path_len bytes), the directories' paths one after the other (old_path_len
//           bytes), zero bytes up to a multiple of 8
//   limit   EntryHeader, LimitBody
//   seal    EntryHeader, SealBody: the segment's last entry, once it is full
//
// A limit and a seal take no number. Behind the last entry of a segment that is still written the
// file is longer, and zero.
//
// The numbers that were given out but not durable are gone when the machine stops, and must not be
// given to other events. So no number is written before a limit above it is durable, and after such
// a stop (another boot) the numbers go on at the last limit; what lies between is a gap. A journal
// that is closed well ends with a limit that is its next number; otherwise the highest one counts.
//
// A segment ends where the next begins: what it holds with numbers from there on is not valid. (A
// segment that could not be made durable is given up, and its last entries written once more, into
// a new one.)
//
// All numbers are in the machine's byte order (`byte_order` says which that was). An entry's
// checksum is CRC32C over the journal id, its `len`, and its bytes from `seq` to its end: an entry
// of another journal is not one of this. The numbers of a segment are dense, gaps included.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

inline constexpr std::array<char, 8> kMagic = {'V', 'X', 'J', 'R', 'N', 'L', '0', '1'};
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::uint32_t kByteOrder = 0x01020304;

// /proc/sys/kernel/random/boot_id; all zero: not known.
using BootId = std::array<std::uint8_t, 16>;

// Numbers that a limit is above what was given out: so many may be passed over after a power cut.
inline constexpr std::uint64_t kLimitStep = std::uint64_t{1} << 17U;

// 128 bytes at the start of a segment.
struct SegmentHeader {
    std::array<char, 8> magic;
    std::uint32_t version;
    std::uint32_t byte_order;
    std::uint32_t header_len;  // bytes: where the first entry begins
    std::uint32_t checksum;    // CRC32C over the header with this field as 0
    std::array<std::uint8_t, 16> journal;
    BootId boot_id;  // mono_ns of two segments compare if these are equal
    std::uint64_t first_seq;
    std::uint64_t created_real_ns;
    std::uint64_t limit;                    // as a limit entry in front of the first one
    std::array<std::uint64_t, 6> reserved;  // 0
};
static_assert(sizeof(SegmentHeader) == 128);
static_assert(offsetof(SegmentHeader, journal) == 24);
static_assert(offsetof(SegmentHeader, first_seq) == 56);
static_assert(offsetof(SegmentHeader, limit) == 72);

// The file in the directory that is locked by who writes.
inline constexpr const char* kLockName = "lock";

enum class EntryKind : std::uint16_t { event = 1, gap = 2, limit = 3, seal = 4 };

inline constexpr std::uint32_t kEntryPathCut = 1U << 0;     // path was longer than kPathMax
inline constexpr std::uint32_t kEntryOldPathCut = 1U << 1;  // old path was
inline constexpr std::uint32_t kEntryDuplicate = 1U << 2;   // EventView::duplicate

// 72 bytes.
struct EntryHeader {
    std::uint32_t len;       // bytes, this header included; multiple of 8
    std::uint32_t checksum;  // CRC32C, see above
    std::uint64_t seq;       // gap: the first lost number; limit, seal: the next number
    std::uint64_t real_ns;
    std::uint64_t hash;  // of an event: its context hash
    std::uint64_t cause;
    std::uint64_t chain;
    std::uint32_t flags;    // kEntry*
    std::uint32_t score;    // of an event: millionths
    std::uint16_t kind;     // EntryKind
    std::uint8_t boundary;  // Boundary
    std::uint8_t uop_count;
    std::uint16_t body_len;  // bytes of the record or of GapBody to directories; multiple of 8
    std::uint16_t producer;  // the sub-ring that it was in
    std::uint16_t path_len;
    std::uint16_t old_path_len;
    std::uint32_t reserved32;
};
static_assert(sizeof(EntryHeader) == 72);
static_assert(offsetof(EntryHeader, seq) == 8);
static_assert(offsetof(EntryHeader, flags) == 48);
static_assert(offsetof(EntryHeader, kind) == 56);
static_assert(offsetof(EntryHeader, path_len) == 64);

inline constexpr std::uint16_t kGapAccount = 1U << 0;   // says what was lost
inline constexpr std::uint16_t kGapOverflow = 1U << 1;  // not only in the directories
inline constexpr std::uint16_t kGapClassD = 1U << 2;    // of a class D sub-ring

// 48 bytes, then struct LostOp, then GapDirectory.
struct GapBody {
    std::uint64_t to;  // the last lost number; seq - 1: none, or none is known to be lost
    std::uint64_t mono_ns;
    std::uint64_t last_ns;
    std::uint64_t next_count;   // struct Gap has both
    std::uint64_t next_ticket;
    std::uint16_t reason;  // GapReason
    std::uint16_t flags;   // kGap*
    std::uint16_t ops;     // how many
    std::uint16_t dirty;   // how many
};
static_assert(sizeof(GapBody) == 48);
static_assert(offsetof(GapBody, reason) == 40);

// 24 bytes.
struct GapDirectory {
    std::uint64_t fsid;
    std::uint64_t ino;
    std::uint32_t gen;
    std::uint32_t path_len;  // bytes; 0: not known, or the paths before it left no room
};
static_assert(sizeof(GapDirectory) == 24);

// 24 bytes.
struct LimitBody {
    std::uint64_t limit;    // numbers from this one on have not been given out
    std::uint64_t closed;   // 1: the journal was closed: it is lower than those before
    std::uint64_t durable;  // what has numbers up to this one was on the disk by then; 0: unknown
};

// 24 bytes.
struct SealBody {
    std::uint64_t entries;  // events and gaps in the segment
    std::uint64_t bytes;    // from the header's end to the seal
    std::uint64_t hash;     // XXH3-64 of them
};
static_assert(sizeof(SealBody) == 24);

inline constexpr std::size_t kPathMax = 65'535;  // bytes of a path; longer ones are cut
inline constexpr std::size_t kScopeMax = 4'096;
// Bytes of the longest entry.
inline constexpr std::size_t kEntryMax =
    (sizeof(EntryHeader) + VX_RECORD_MAX + UserOps::kMax * sizeof(UserOp) + 2 * kPathMax + 7) &
    ~std::size_t{7};
static_assert(VX_RECORD_MAX <= 0xffff);
static_assert(sizeof(GapBody) + VX_OP_SLOTS * sizeof(LostOp) +
                  VX_DIRTY_MAX * sizeof(GapDirectory) <=
              VX_RECORD_MAX);

// "00000000000000000001.vxj"
std::string segment_name(std::uint64_t first_seq);
// "00000000000000000001.vxj.zst": compressed_segment.hpp
std::string compressed_segment_name(std::uint64_t first_seq);
// The number in either of them; nothing for any other name.
std::optional<std::uint64_t> parse_segment_name(std::string_view name);

SegmentHeader make_segment_header(const JournalId& id, const BootId& boot_id,
                                  std::uint64_t first_seq, std::uint64_t real_ns,
                                  std::uint64_t limit = 0);
// EBADMSG: not a segment, or damaged; ENOTSUP: of another version or byte order.
Status check_segment_header(const SegmentHeader& header);

// Checksums of one journal's entries.
class EntryCodec {
  public:
    explicit EntryCodec(const JournalId& id);

    // Bytes that encode() will write.
    static std::size_t size_of(const EventView& event);
    static std::size_t size_of(const Gap& gap);
    // Write one entry at `out`, which is aligned to 8 and has size_of() bytes.
    void encode(const EventView& event, std::byte* out) const;
    void encode(const Gap& gap, std::byte* out) const;
    // These have kLimitBytes and kSealBytes.
    void encode(const LimitBody& limit, std::uint64_t next_seq, std::byte* out) const;
    void encode(const SealBody& seal, std::uint64_t next_seq, std::byte* out) const;

    // The entry at the start of `bytes` (aligned to 8), or nullptr when there is none that is
    // whole: length, checksum, and every length in it agree, and the record in it passes
    // vx_event_check.
    const EntryHeader* entry_at(std::span<const std::byte> bytes) const;

  private:
    [[nodiscard]] std::uint32_t checksum(const EntryHeader& entry) const;
    void seal(EntryHeader& entry) const;
    template <typename Body>
    void encode_mark(EntryKind kind, const Body& body, std::uint64_t next_seq,
                     std::byte* out) const;

    std::uint32_t seed_;
};

inline constexpr std::size_t kLimitBytes = sizeof(EntryHeader) + sizeof(LimitBody);
inline constexpr std::size_t kSealBytes = sizeof(EntryHeader) + sizeof(SealBody);

inline bool is(const EntryHeader& entry, EntryKind kind) {
    return entry.kind == static_cast<std::uint16_t>(kind);
}

// What an entry that entry_at() returned says. The views point into it.
EventView decode_event(const EntryHeader& entry);
Gap decode_gap(const EntryHeader& entry);
const LimitBody& decode_limit(const EntryHeader& entry);
const SealBody& decode_seal(const EntryHeader& entry);
// The last number that the entry takes: its own, or the gap's `to`; seq - 1: none.
std::uint64_t last_seq(const EntryHeader& entry);

}  // namespace vexfs::journal
