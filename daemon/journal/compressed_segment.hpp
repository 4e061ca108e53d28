// SPDX-License-Identifier: Apache-2.0
// A segment in its compressed form, NAME.vxj.zst: the bytes of the plain one, in blocks.
//
//   header   skippable frame (RFC 8878, 3.1.2) with a copy of the SegmentHeader
//   blocks   each a skippable frame with its BlockHead, then a zstd frame: about kBlockBytes of the
//            plain file, which end where an entry ends
//   index    skippable frame: all BlockHeads once more, then IndexFoot
//
// So `zstd -d` makes the plain segment of it, a block is read without those before it, and a
// block that is damaged costs its own entries only. Without the index it is put together from the
// heads of the blocks. All numbers are in the machine's byte order.
#pragma once

#include <zstd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "journal/format.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

// In front of bytes that a zstd decoder passes over.
struct SkippableFrame {
    std::uint32_t magic;
    std::uint32_t len;  // bytes behind this
};
inline constexpr std::uint32_t kHeaderFrame = 0x184d2a56;
inline constexpr std::uint32_t kBlockFrame = 0x184d2a57;
inline constexpr std::uint32_t kIndexFrame = 0x184d2a58;

// 32 bytes.
struct BlockHead {
    std::uint64_t offset;      // bytes: where it begins in the plain segment
    std::uint64_t first_seq;   // of the first entry that begins in it
    std::uint32_t plain_len;   // bytes
    std::uint32_t packed_len;  // bytes of the zstd frame
    std::uint32_t checksum;    // CRC32C over the head with this field as 0
    std::uint32_t reserved;    // 0
};
static_assert(sizeof(BlockHead) == 32);

inline constexpr std::array<char, 8> kIndexMagic = {'V', 'X', 'J', 'I', 'D', 'X', '0', '1'};

// 32 bytes, the last ones of the file.
struct IndexFoot {
    std::uint64_t plain_len;  // bytes of the whole segment
    std::uint64_t index_at;   // bytes: where the index's frame begins in the file
    std::uint32_t blocks;
    std::uint32_t checksum;  // CRC32C over all heads and the foot, with this field as 0
    std::array<char, 8> magic;
};
static_assert(sizeof(IndexFoot) == 32);

inline constexpr std::size_t kBlockBytes = std::size_t{1} << 20U;
// Bytes of the longest block: with the entry that fills it, and marks behind that.
inline constexpr std::size_t kBlockMax =
    sizeof(SegmentHeader) + kBlockBytes + kEntryMax + 64 * kLimitBytes + kSealBytes;

inline constexpr std::uint64_t kFirstBlockAt = sizeof(SkippableFrame) + sizeof(SegmentHeader);
inline constexpr std::uint64_t kBlockHeadBytes = sizeof(SkippableFrame) + sizeof(BlockHead);

std::uint32_t block_checksum(BlockHead head);
std::uint32_t index_checksum(std::span<const BlockHead> heads, IndexFoot foot);

// What is wrong with the file itself.
struct FileProblem {
    std::uint64_t at = 0;  // bytes from the start of the file
    std::string what;
};

// Reads one. Keeps one block in memory. What cannot be read is given out as bytes of 0xff, which
// are no entry.
class CompressedSegment {
  public:
    // EBADMSG: nothing in it can be read. Otherwise what fstat() and pread() say.
    static Result<std::unique_ptr<CompressedSegment>> open(UniqueFd fd);

    // The copy in front of the blocks, as it is: check_segment_header() says whether it is whole.
    [[nodiscard]] const SegmentHeader& header() const { return header_; }
    // Bytes of the plain segment.
    [[nodiscard]] std::uint64_t size() const { return plain_len_; }
    // As read_at(), of the plain segment's bytes.
    Result<std::size_t> read(std::span<std::byte> place, std::uint64_t offset);
    // Where to begin to read in order to find the entry with this number: no entry before has it.
    [[nodiscard]] std::uint64_t place_of(std::uint64_t seq) const;

    // What has been found to be wrong; after look_at_all() all that is.
    [[nodiscard]] const std::vector<FileProblem>& problems() const { return problems_; }
    Status look_at_all();

  private:
    struct Block {
        BlockHead head;
        std::uint64_t at;  // bytes: where its zstd frame begins in the file
    };
    struct FreeContext {
        void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
    };

    CompressedSegment(UniqueFd fd, std::uint64_t file_len)
        : fd_(std::move(fd)), file_len_(file_len) {}
    Status read_header();
    Result<bool> read_index();
    Status scan_heads();
    Result<std::optional<BlockHead>> head_at(std::uint64_t at) const;
    Result<std::optional<std::uint64_t>> find_head(std::uint64_t from) const;
    void add_block(const BlockHead& head, std::uint64_t at);
    Status load(std::size_t n);
    Status unpack(const Block& block, std::span<std::byte> plain);
    void blank(std::size_t n);

    UniqueFd fd_;
    std::uint64_t file_len_;
    std::uint64_t plain_len_ = 0;
    SegmentHeader header_{};
    std::vector<Block> blocks_;
    std::vector<FileProblem> problems_;
    std::set<std::size_t> bad_;  // blocks that have been told of
    std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
    std::vector<std::byte> packed_;
    std::vector<std::byte> plain_;  // the block `loaded_`
    std::size_t loaded_ = ~std::size_t{0};
};

}  // namespace vexfs::journal
