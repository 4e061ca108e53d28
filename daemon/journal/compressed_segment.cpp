// SPDX-License-Identifier: Apache-2.0
#include "journal/compressed_segment.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/file.hpp"
#include "journal/crc32c.hpp"

namespace vexfs::journal {

namespace {

constexpr const char* kReading = "read journal";
// Bytes of the longest plain segment that is believed: a file can be made by anybody.
constexpr std::uint64_t kPlainMax = std::uint64_t{5} << 30U;

template <typename T>
Result<bool> read_struct(int fd, T& value, std::uint64_t at) {
    const Result<std::size_t> n =
        read_at(fd, std::as_writable_bytes(std::span(&value, 1)), at, kReading);
    return n ? Result<bool>(*n == sizeof(value)) : n.status();
}

bool is_whole(const BlockHead& head) {
    return block_checksum(head) == head.checksum && head.plain_len != 0 &&
           head.plain_len <= kBlockMax && head.offset <= kPlainMax &&
           head.packed_len <= ZSTD_compressBound(kBlockMax);
}

struct HeadFrame {
    SkippableFrame frame;
    BlockHead head;
};

bool is_whole(const HeadFrame& found) {
    return found.frame.magic == kBlockFrame && found.frame.len == sizeof(BlockHead) &&
           is_whole(found.head);
}

}  // namespace

std::uint32_t block_checksum(BlockHead head) {
    head.checksum = 0;
    return crc32c(0, &head, sizeof(head));
}

std::uint32_t index_checksum(std::span<const BlockHead> heads, IndexFoot foot) {
    foot.checksum = 0;
    return crc32c(crc32c(0, heads.data(), heads.size_bytes()), &foot, sizeof(foot));
}

Result<std::unique_ptr<CompressedSegment>> CompressedSegment::open(UniqueFd fd) {
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) {
        return Status::from_errno(errno, kReading);
    }
    std::unique_ptr<CompressedSegment> segment(
        new CompressedSegment(std::move(fd), static_cast<std::uint64_t>(st.st_size)));
    segment->context_.reset(ZSTD_createDCtx());
    if (!segment->context_) {
        return Status::from_errno(ENOMEM, "decompress journal");
    }
    if (Status status = segment->read_header(); !status) {
        return status;
    }
    const Result<bool> indexed = segment->read_index();
    if (!indexed) {
        return indexed.status();
    }
    if (!*indexed) {
        segment->problems_.push_back({segment->file_len_, "the index of the blocks is damaged"});
        if (Status status = segment->scan_heads(); !status) {
            return status;
        }
    }
    return segment->blocks_.empty() ? Result<std::unique_ptr<CompressedSegment>>(Status::error(
                                          EBADMSG, "not one of its blocks can be found"))
                                    : std::move(segment);
}

Status CompressedSegment::read_header() {
    struct {
        SkippableFrame frame;
        SegmentHeader header;
    } start{};
    const Result<bool> whole = read_struct(fd_.get(), start, 0);
    if (!whole) {
        return whole.status();
    }
    header_ = start.header;
    if (start.frame.magic != kHeaderFrame || start.frame.len != sizeof(SegmentHeader) ||
        !check_segment_header(header_)) {
        problems_.push_back({0, "the copy of the segment's header is damaged"});
    }
    return {};
}

void CompressedSegment::add_block(const BlockHead& head, std::uint64_t at) {
    blocks_.push_back({head, at + kBlockHeadBytes});
    plain_len_ = head.offset + head.plain_len;
}

// False: it is damaged.
Result<bool> CompressedSegment::read_index() {
    IndexFoot foot{};
    if (file_len_ < kFirstBlockAt + sizeof(SkippableFrame) + sizeof(foot)) {
        return false;
    }
    const Result<bool> read = read_struct(fd_.get(), foot, file_len_ - sizeof(foot));
    if (!read) {
        return read.status();
    }
    const std::uint64_t heads_len = std::uint64_t{foot.blocks} * sizeof(BlockHead);
    if (!*read || foot.magic != kIndexMagic || foot.index_at > file_len_ ||
        foot.index_at + sizeof(SkippableFrame) + heads_len + sizeof(foot) != file_len_) {
        return false;
    }
    std::vector<BlockHead> heads(foot.blocks);
    const Result<std::size_t> n = read_at(fd_.get(), std::as_writable_bytes(std::span(heads)),
                                          foot.index_at + sizeof(SkippableFrame), kReading);
    if (!n) {
        return n.status();
    }
    if (*n != heads_len || index_checksum(heads, foot) != foot.checksum) {
        return false;
    }
    std::uint64_t at = kFirstBlockAt;
    for (const BlockHead& head : heads) {
        if (!is_whole(head) || head.offset != plain_len_ || at > foot.index_at) {
            return false;
        }
        add_block(head, at);
        at += kBlockHeadBytes + head.packed_len;
    }
    return at == foot.index_at && plain_len_ == foot.plain_len;
}

Result<std::optional<BlockHead>> CompressedSegment::head_at(std::uint64_t at) const {
    HeadFrame found{};
    const Result<bool> read = read_struct(fd_.get(), found, at);
    if (!read) {
        return read.status();
    }
    return *read && is_whole(found) ? std::optional(found.head) : std::nullopt;
}

// The next one at or behind a place in the file.
Result<std::optional<std::uint64_t>> CompressedSegment::find_head(std::uint64_t from) const {
    std::vector<std::byte> chunk(kBlockBytes);
    while (from + sizeof(HeadFrame) <= file_len_) {
        const Result<std::size_t> n = read_at(fd_.get(), chunk, from, kReading);
        if (!n) {
            return n.status();
        }
        if (*n < sizeof(HeadFrame)) {
            break;
        }
        for (std::size_t i = 0; i + sizeof(HeadFrame) <= *n; ++i) {
            HeadFrame found;
            std::memcpy(&found, chunk.data() + i, sizeof(found.frame));
            if (found.frame.magic != kBlockFrame) {
                continue;
            }
            std::memcpy(&found, chunk.data() + i, sizeof(found));
            if (is_whole(found)) {
                return std::optional(from + i);
            }
        }
        from += *n - sizeof(HeadFrame) + 1;
    }
    return std::optional<std::uint64_t>();
}

// What read_index() has found out is not believed.
Status CompressedSegment::scan_heads() {
    blocks_.clear();
    plain_len_ = 0;
    std::uint64_t at = kFirstBlockAt;
    for (;;) {
        Result<std::optional<BlockHead>> head = head_at(at);
        if (head && !*head) {
            const Result<std::optional<std::uint64_t>> next = find_head(at + 1);
            if (!next) {
                return next.status();
            }
            if (!*next) {
                return {};
            }
            at = **next;
            head = head_at(at);
        }
        if (!head) {
            return head.status();
        }
        // What lies before the last one is a piece of something else.
        if (*head && (*head)->offset >= plain_len_) {
            add_block(**head, at);
        }
        at += *head ? kBlockHeadBytes + (*head)->packed_len : 1;
    }
}

std::uint64_t CompressedSegment::place_of(std::uint64_t seq) const {
    const auto after = std::upper_bound(
        blocks_.begin(), blocks_.end(), seq,
        [](std::uint64_t n, const Block& block) { return n < block.head.first_seq; });
    return after == blocks_.begin() ? 0 : (after - 1)->head.offset;
}

Result<std::size_t> CompressedSegment::read(std::span<std::byte> place, std::uint64_t offset) {
    std::size_t done = 0;
    while (done < place.size() && offset + done < plain_len_) {
        const std::uint64_t at = offset + done;
        const auto after = std::upper_bound(
            blocks_.begin(), blocks_.end(), at,
            [](std::uint64_t n, const Block& block) { return n < block.head.offset; });
        const std::uint64_t next = after == blocks_.end() ? plain_len_ : after->head.offset;
        const std::span<std::byte> rest = place.subspan(done);
        const auto n = after - blocks_.begin() - 1;
        const bool hole = n < 0 || blocks_[n].head.offset + blocks_[n].head.plain_len <= at;
        const std::uint64_t end = hole ? next : blocks_[n].head.offset + blocks_[n].head.plain_len;
        const std::size_t len = std::min<std::uint64_t>(rest.size(), end - at);
        if (hole) {
            std::memset(rest.data(), 0xff, len);
        } else {
            if (Status status = load(static_cast<std::size_t>(n)); !status) {
                return status;
            }
            std::memcpy(rest.data(), plain_.data() + (at - blocks_[n].head.offset), len);
        }
        done += len;
    }
    return done;
}

Status CompressedSegment::load(std::size_t n) {
    if (loaded_ == n) {
        return {};
    }
    const Block& block = blocks_[n];
    plain_.resize(block.head.plain_len);
    loaded_ = ~std::size_t{0};
    const Status status = unpack(block, plain_);
    if (!status && status.code() != EBADMSG) {
        return status;
    }
    if (!status) {
        blank(n);
    }
    loaded_ = n;
    return {};
}

// EBADMSG: what is in the file is not what was packed.
Status CompressedSegment::unpack(const Block& block, std::span<std::byte> plain) {
    packed_.resize(block.head.packed_len);
    const Result<std::size_t> n = read_at(fd_.get(), packed_, block.at, kReading);
    if (!n) {
        return n.status();
    }
    const std::size_t len =
        ZSTD_decompressDCtx(context_.get(), plain.data(), plain.size(), packed_.data(), *n);
    return len == plain.size() && *n == packed_.size()
               ? Status()
               : Status::error(EBADMSG, "does not decompress");
}

void CompressedSegment::blank(std::size_t n) {
    std::memset(plain_.data(), 0xff, plain_.size());
    if (bad_.insert(n).second) {
        problems_.push_back({blocks_[n].at, "block " + std::to_string(n + 1) + " of " +
                                                std::to_string(blocks_.size()) +
                                                " does not decompress"});
    }
}

Status CompressedSegment::look_at_all() {
    for (std::size_t n = 0; n < blocks_.size(); ++n) {
        const std::uint64_t at = blocks_[n].at - kBlockHeadBytes;
        const Result<std::optional<BlockHead>> head = head_at(at);
        if (!head) {
            return head.status();
        }
        if (!*head) {
            problems_.push_back({at, "the head of block " + std::to_string(n + 1) + " is damaged"});
        }
        if (Status status = load(n); !status) {
            return status;
        }
    }
    return {};
}

}  // namespace vexfs::journal
