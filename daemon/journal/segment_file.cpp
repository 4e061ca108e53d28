// SPDX-License-Identifier: Apache-2.0
#include "journal/segment_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"

namespace vexfs::journal {

namespace {

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;

std::uint64_t written_size(int fd, std::uint64_t from) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) {
        return 0;
    }
    auto end = static_cast<off_t>(from);
    for (off_t at = end; at < st.st_size; at = end) {
        at = ::lseek(fd, at, SEEK_DATA);
        if (at < 0) {
            return static_cast<std::uint64_t>(errno == ENXIO ? end : st.st_size);
        }
        end = ::lseek(fd, at, SEEK_HOLE);
        if (end < 0) {
            return static_cast<std::uint64_t>(st.st_size);
        }
    }
    return static_cast<std::uint64_t>(end);
}

}  // namespace

Result<SegmentFile> SegmentFile::open(int directory, std::uint64_t first_seq) {
    const std::string plain = segment_name(first_seq);
    // It may get its other form between two looks.
    for (int tries = 0; tries < 2; ++tries) {
        UniqueFd fd(::openat(directory, plain.c_str(), kFlags));
        if (fd) {
            return SegmentFile(plain, std::move(fd));
        }
        if (errno != ENOENT) {
            return Status::from_errno(errno, "open segment " + plain);
        }
        Result<SegmentFile> packed = open_compressed(directory, compressed_segment_name(first_seq));
        if (packed || packed.status().code() != ENOENT) {
            return packed;
        }
    }
    return Status::from_errno(ENOENT, "open segment " + plain);
}

Result<SegmentFile> SegmentFile::open_compressed(int directory, const std::string& name) {
    UniqueFd fd(::openat(directory, name.c_str(), kFlags));
    if (!fd) {
        return Status::from_errno(errno, "open segment " + name);
    }
    Result<std::unique_ptr<CompressedSegment>> packed = CompressedSegment::open(std::move(fd));
    if (!packed) {
        return packed.status().with_context("segment " + name);
    }
    SegmentFile file(name, UniqueFd());
    file.packed_ = std::move(*packed);
    return file;
}

Result<SegmentHeader> SegmentFile::header() const {
    if (packed_ && check_segment_header(packed_->header())) {
        return packed_->header();
    }
    SegmentHeader header{};
    const Result<std::size_t> n = read(std::as_writable_bytes(std::span(&header, 1)), 0);
    if (!n) {
        return n.status().with_context("segment " + name_);
    }
    if (*n < sizeof(header)) {
        return Status::error(EBADMSG, "segment " + name_ + ": shorter than its header");
    }
    // Of two that are damaged the copy: what does not decompress has nothing of what it was.
    return packed_ && !check_segment_header(header) ? packed_->header() : header;
}

Result<std::size_t> SegmentFile::read(std::span<std::byte> place, std::uint64_t offset) const {
    return packed_ ? packed_->read(place, offset)
                   : read_at(fd_.get(), place, offset, "read journal");
}

std::uint64_t SegmentFile::size(std::uint64_t from) const {
    return packed_ ? packed_->size() : written_size(fd_.get(), from);
}

Result<std::vector<FileProblem>> SegmentFile::problems() const {
    if (!packed_) {
        return std::vector<FileProblem>();
    }
    const Status status = packed_->look_at_all();
    return status ? Result<std::vector<FileProblem>>(packed_->problems()) : status;
}

}  // namespace vexfs::journal
