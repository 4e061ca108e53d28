// SPDX-License-Identifier: Apache-2.0
// SegmentReader: the entries of one segment, in order, also while it is being written.
//
// Either form of it. Reads with pread into a buffer and not through a mapping: a segment can become
// shorter (a write that failed is taken back), and a mapping would then kill the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "journal/format.hpp"
#include "vexfs/cursor.hpp"
#include "journal/segment_file.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

// First numbers of the segments in a directory, ascending.
Result<std::vector<std::uint64_t>> list_segments(int directory);

// Whether a daemon has the journal in a directory open.
bool is_being_written(int directory);

// Whether all events behind the cursor are kept by the journal `id`, whose oldest segment begins
// with `oldest`: else kEpochChanged or kCursorExpired.
Status check_cursor(const Cursor& cursor, const JournalId& id, std::uint64_t oldest);

class SegmentReader {
  public:
    // Opens the segment that begins with `first_seq`. Errors: those of openat(), and of
    // CompressedSegment::open() and check_segment_header().
    static Result<SegmentReader> open(int directory, std::uint64_t first_seq);
    // With a header that is known otherwise.
    SegmentReader(SegmentFile file, const SegmentHeader& header)
        : file_(std::move(file)),
          header_(header),
          codec_({header.journal}),
          limit_(header.limit) {}

    [[nodiscard]] const SegmentFile& file() const { return file_; }
    [[nodiscard]] const SegmentHeader& header() const { return header_; }
    [[nodiscard]] JournalId journal() const { return {header_.journal}; }

    // The event or gap at the position (limits are passed over), or nullptr: no whole one is there
    // (now). Good until the next call of anything here.
    const EntryHeader* peek();
    // Moves behind the entry that peek() returned.
    void advance(const EntryHeader& entry) { position_ += entry.len; }

    // Move on, at most to the entry with this number, or to the first whose time is not before
    // `real_ns`, and not much less far: a compressed segment by its index (which has no times), in
    // a plain one by bisection, since an entry is known by its checksum wherever one begins to
    // look. limit() and marked_seq() do not learn of what lies between.
    void skip_to(std::uint64_t seq);
    void skip_to_time(std::uint64_t real_ns);

    // There is no whole entry at the position: looks for the next one behind it whose number is at
    // least `from`, and moves there; or stays where it is when the one here has become whole in the
    // meantime. False: there is none, and the position is what it was. Only for a segment that is
    // not written any more: what is missing in one that is may yet come.
    bool resync(std::uint64_t from);

    // The seal, when the position has come to it: nothing comes behind it.
    [[nodiscard]] const std::optional<SealBody>& seal() const { return seal_; }
    // What the limits before the position say.
    [[nodiscard]] std::uint64_t limit() const { return limit_; }
    // The last of them says that the journal was closed.
    [[nodiscard]] bool closed() const { return closed_; }
    // The number of the next entry, as the last limit or seal before the position has it; 0: there
    // is none.
    [[nodiscard]] std::uint64_t marked_seq() const { return marked_seq_; }
    // What has numbers up to this one was on the disk, as those before the position say; 0: not
    // known.
    [[nodiscard]] std::uint64_t durable_seq() const { return durable_seq_; }
    // Bytes between the position and the last byte that is not zero: being written, or torn.
    [[nodiscard]] std::uint64_t torn_bytes() const;

    [[nodiscard]] std::uint64_t position() const { return position_; }
    // Bytes of the segment now, without room behind its data that was never written to; 0 when it
    // cannot be asked.
    [[nodiscard]] std::uint64_t size() const { return file_.size(position_); }
    // Why the last peek() could not read; ok when it is only that nothing is there.
    [[nodiscard]] const Status& status() const { return status_; }

  private:
    [[nodiscard]] std::span<const std::byte> buffered() const;
    const EntryHeader* any_entry();
    bool fill();
    template <typename Right>
    const EntryHeader* search(std::uint64_t end, Right right);
    template <typename Counts, typename Before>
    void bisect(Counts counts, Before before);

    SegmentFile file_;
    SegmentHeader header_;
    EntryCodec codec_;
    std::uint64_t limit_;
    bool closed_ = false;
    std::uint64_t marked_seq_ = 0;
    std::uint64_t durable_seq_ = 0;
    std::optional<SealBody> seal_;
    Status status_;
    std::uint64_t position_ = sizeof(SegmentHeader);
    std::vector<std::uint64_t> buffer_;  // words: entries are aligned to 8
    std::uint64_t buffer_at_ = 0;        // position of its first byte
    std::size_t buffer_len_ = 0;         // bytes that are filled
};

}  // namespace vexfs::journal
