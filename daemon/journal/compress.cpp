// SPDX-License-Identifier: Apache-2.0
#include "journal/compress.hpp"

#include <zstd.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "journal/compressed_segment.hpp"
#include "journal/recovery.hpp"
#include "journal/running_hash.hpp"
#include "journal/segment_reader.hpp"

namespace vexfs::journal {

namespace {

Status not_whole() {
    return Status::error(EBADMSG, "the segment is not what was sealed");
}

class Packing {
  public:
    Packing(Disk& disk, SegmentReader& reader, const CompressConfig& config)
        : disk_(disk), reader_(reader), config_(config), context_(ZSTD_createCCtx()) {}

    // EBADMSG: it is not a whole segment.
    Status run(int fd) {
        fd_ = fd;
        if (!context_) {
            return Status::from_errno(ENOMEM, "compress journal");
        }
        ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, config_.level);
        ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
        append(SkippableFrame{kHeaderFrame, sizeof(SegmentHeader)});
        append(reader_.header());
        Status status = blocks();
        if (status) {
            add_index();
            status = write();
        }
        if (status) {
            status = read_back();
        }
        return status ? disk_.sync(fd_) : status;
    }

    [[nodiscard]] Compressed sizes() const { return {plain_len_, file_len_}; }

  private:
    struct FreeContext {
        void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    };

    // Each but the last ends in front of an entry.
    Status blocks() {
        std::uint64_t first_seq = reader_.header().first_seq;
        while (const EntryHeader* entry = reader_.peek()) {
            // add_block() reads the file, and leaves the buffer of the reader alone.
            if (reader_.position() - plain_len_ >= config_.block_bytes) {
                const Status status = add_block(reader_.position(), first_seq);
                if (!status) {
                    return status;
                }
                first_seq = entry->seq;
            }
            ++entries_;
            reader_.advance(*entry);
        }
        if (!reader_.status()) {
            return reader_.status();
        }
        const std::uint64_t end = reader_.position() + kSealBytes;
        if (!reader_.seal() || reader_.size() != end || reader_.seal()->entries != entries_) {
            return not_whole();
        }
        return add_block(end, first_seq);
    }

    Status add_block(std::uint64_t end, std::uint64_t first_seq) {
        if (config_.stopped && config_.stopped()) {
            return Status::error(ECANCELED, "interrupted");
        }
        if (end - plain_len_ > kBlockMax) {
            return not_whole();
        }
        plain_.resize(end - plain_len_);
        const Result<std::size_t> n = reader_.file().read(plain_, plain_len_);
        if (!n) {
            return n.status();
        }
        packed_.resize(ZSTD_compressBound(plain_.size()));
        const std::size_t len = ZSTD_compress2(context_.get(), packed_.data(), packed_.size(),
                                               plain_.data(), plain_.size());
        if (*n != plain_.size() || ZSTD_isError(len) != 0) {
            return *n != plain_.size() ? not_whole()
                                       : Status::error(EIO, std::string("compress journal: ") +
                                                                ZSTD_getErrorName(len));
        }
        BlockHead head{.offset = plain_len_,
                       .first_seq = first_seq,
                       .plain_len = static_cast<std::uint32_t>(plain_.size()),
                       .packed_len = static_cast<std::uint32_t>(len),
                       .checksum = 0,
                       .reserved = 0};
        head.checksum = block_checksum(head);
        heads_.push_back(head);
        append(SkippableFrame{kBlockFrame, sizeof(head)});
        append(head);
        out_.insert(out_.end(), packed_.begin(),
                    packed_.begin() + static_cast<std::ptrdiff_t>(len));
        plain_len_ = end;
        return write();
    }

    void add_index() {
        IndexFoot foot{.plain_len = plain_len_,
                       .index_at = file_len_,
                       .blocks = static_cast<std::uint32_t>(heads_.size()),
                       .checksum = 0,
                       .magic = kIndexMagic};
        foot.checksum = index_checksum(heads_, foot);
        append(SkippableFrame{kIndexFrame, static_cast<std::uint32_t>(
                                               heads_.size() * sizeof(BlockHead) + sizeof(foot))});
        for (const BlockHead& head : heads_) {
            append(head);
        }
        append(foot);
    }

    // The seal is that of the bytes that the new file gives.
    Status read_back() {
        const Result<SegmentFile> file =
            SegmentFile::open_compressed(disk_.directory(), kNewCompressed);
        if (!file) {
            return file.status();
        }
        const SealBody& seal = *reader_.seal();
        RunningHash hash;
        if (Status status = hash.add(*file, sizeof(SegmentHeader), plain_len_ - kSealBytes);
            !status) {
            return status;
        }
        const Result<std::vector<FileProblem>> problems = file->problems();
        if (!problems) {
            return problems.status();
        }
        const bool same = problems->empty() && hash.value() == seal.hash &&
                          seal.bytes == plain_len_ - kSealBytes - sizeof(SegmentHeader);
        return same ? Status() : not_whole();
    }

    template <typename T>
    void append(const T& value) {
        const std::size_t at = out_.size();
        out_.resize(at + sizeof(value));
        std::memcpy(out_.data() + at, &value, sizeof(value));
    }

    Status write() {
        Status status = disk_.write(fd_, out_, file_len_);
        file_len_ += out_.size();
        out_.clear();
        return status;
    }

    Disk& disk_;
    SegmentReader& reader_;
    const CompressConfig& config_;
    std::unique_ptr<ZSTD_CCtx, FreeContext> context_;
    int fd_ = -1;
    std::vector<BlockHead> heads_;
    std::vector<std::byte> plain_;
    std::vector<std::byte> packed_;
    std::vector<std::byte> out_;
    std::uint64_t plain_len_ = 0;  // of what is in blocks
    std::uint64_t file_len_ = 0;
    std::uint64_t entries_ = 0;
};

// Durable under its name before the plain one goes.
Status take_place(Disk& disk, std::uint64_t first_seq) {
    const std::string name = compressed_segment_name(first_seq);
    Status status = disk.rename(kNewCompressed, name);
    if (status) {
        status = disk.sync_directory();
    }
    if (!status) {
        return status;
    }
    status = disk.remove(segment_name(first_seq));
    if (status.code() != ENOENT) {
        return status;
    }
    // Somebody has taken the segment away meanwhile, perhaps in both forms.
    status = disk.remove(name);
    return status.code() == ENOENT ? Status() : status;
}

}  // namespace

Result<std::optional<Compressed>> compress_segment(Disk& disk, std::uint64_t first_seq,
                                                   const CompressConfig& config) {
    Result<SegmentReader> reader = SegmentReader::open(disk.directory(), first_seq);
    const int why = reader.ok() ? 0 : reader.status().code();
    if (why == ENOENT || why == EBADMSG || (reader && reader->file().compressed())) {
        return std::optional<Compressed>();
    }
    if (!reader) {
        return reader.status();
    }
    const Result<UniqueFd> fd = disk.create(kNewCompressed);
    if (!fd) {
        return fd.status();
    }
    Packing packing(disk, *reader, config);
    Status status = packing.run(fd->get());
    if (status) {
        status = take_place(disk, first_seq);
    }
    if (status) {
        return std::optional(packing.sizes());
    }
    disk.remove(kNewCompressed).ignore();  // it is of no use, and may have its name already
    return status.code() == EBADMSG ? Result<std::optional<Compressed>>(std::nullopt) : status;
}

}  // namespace vexfs::journal
