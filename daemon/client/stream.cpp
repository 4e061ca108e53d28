// SPDX-License-Identifier: Apache-2.0
#include "vexfs/stream.hpp"

#include <cstring>
#include <vector>

#include "journal/format.hpp"
#include "journal/stream_header.hpp"

namespace vexfs {

using journal::EntryHeader;
using journal::EntryKind;
using journal::StreamHeader;

class StreamDecoder::Impl {
  public:
    void feed(std::span<const std::byte> bytes);
    Result<Item> next();
    [[nodiscard]] Status finish() const;

    EventView event;
    Gap gap;
    Cursor cursor;
    bool filtered = false;

  private:
    [[nodiscard]] std::span<const std::byte> waiting() const {
        return std::as_bytes(std::span(words_)).subspan(taken_, used_ - taken_);
    }
    Result<Item> step();
    Result<Item> take(const EntryHeader& entry);
    Status begin(const StreamHeader& header);
    Status end(const EntryHeader& entry);
    [[nodiscard]] Status damaged(const std::string& what) const;

    std::vector<std::uint64_t> words_;          // entries are aligned to 8
    std::size_t used_ = 0;                      // bytes in words_
    std::size_t taken_ = 0;                     // of these, dealt with: a multiple of 8
    std::uint64_t position_ = 0;                // bytes of the stream that are dealt with
    std::optional<journal::EntryCodec> codec_;  // once the header is there
    std::uint64_t entries_ = 0;
    bool ended_ = false;
    Status error_;
};

void StreamDecoder::Impl::feed(std::span<const std::byte> bytes) {
    if (taken_ != 0) {
        std::memmove(words_.data(), waiting().data(), used_ - taken_);
        used_ -= taken_;
        taken_ = 0;
    }
    words_.resize((used_ + bytes.size() + 7) / 8);
    if (!bytes.empty()) {
        std::memcpy(reinterpret_cast<std::byte*>(words_.data()) + used_, bytes.data(),
                    bytes.size());
    }
    used_ += bytes.size();
}

Status StreamDecoder::Impl::damaged(const std::string& what) const {
    return Status::error(EBADMSG, "binary stream, byte " + std::to_string(position_) + ": " + what);
}

Status StreamDecoder::Impl::begin(const StreamHeader& header) {
    if (header.magic != journal::kStreamMagic) {
        return damaged("not what `vexctl tail --format binary` writes");
    }
    if (header.byte_order != journal::kByteOrder) {
        return Status::error(ENOTSUP, "binary stream: from a machine of the other byte order");
    }
    if (header.version != journal::kStreamVersion) {
        return Status::error(ENOTSUP, "binary stream: version " + std::to_string(header.version) +
                                          ", known here is " +
                                          std::to_string(journal::kStreamVersion));
    }
    if (header.header_len != sizeof(header) || header.checksum != journal::checksum(header)) {
        return damaged("the head is damaged");
    }
    cursor = {{header.journal}, header.begin};
    filtered = (header.flags & journal::kStreamFiltered) != 0;
    codec_.emplace(cursor.journal);
    return {};
}

Status StreamDecoder::Impl::end(const EntryHeader& entry) {
    const journal::SealBody& seal = journal::decode_seal(entry);
    if (seal.entries != entries_ || seal.bytes != position_ - sizeof(StreamHeader)) {
        return damaged("entries are missing in front of the end");
    }
    cursor.seq = entry.seq - 1;
    ended_ = true;
    return {};
}

Result<StreamDecoder::Item> StreamDecoder::Impl::take(const EntryHeader& entry) {
    if (!is(entry, EntryKind::event) && !is(entry, EntryKind::gap) && !is(entry, EntryKind::seal)) {
        return damaged("an entry that does not belong into a stream");
    }
    const std::uint64_t expected = cursor.seq + 1;
    if (entry.seq < expected || (entry.seq > expected && !filtered)) {
        return damaged("number " + std::to_string(entry.seq) + " where " +
                       std::to_string(expected) + " is expected");
    }
    if (is(entry, EntryKind::seal)) {
        const Status status = end(entry);
        return status ? Result<Item>(Item::end) : Result<Item>(status);
    }
    ++entries_;
    cursor.seq = journal::last_seq(entry);
    if (is(entry, EntryKind::gap)) {
        gap = journal::decode_gap(entry);
        return Item::gap;
    }
    event = journal::decode_event(entry);
    return Item::event;
}

Result<StreamDecoder::Item> StreamDecoder::Impl::step() {
    if (!codec_) {
        if (waiting().size() < sizeof(StreamHeader)) {
            return Item::more;
        }
        if (Status status = begin(*reinterpret_cast<const StreamHeader*>(waiting().data()));
            !status) {
            return status;
        }
        taken_ += sizeof(StreamHeader);
        position_ += sizeof(StreamHeader);
    }
    const std::span<const std::byte> bytes = waiting();
    if (ended_) {
        return bytes.empty() ? Result<Item>(Item::end) : damaged("bytes behind the end");
    }
    if (bytes.size() < sizeof(EntryHeader)) {
        return Item::more;
    }
    const std::uint32_t len = reinterpret_cast<const EntryHeader*>(bytes.data())->len;
    if (len < sizeof(EntryHeader) || len % 8 != 0 || len > journal::kEntryMax) {
        return damaged("no entry has a length of " + std::to_string(len));
    }
    if (bytes.size() < len) {
        return Item::more;
    }
    const EntryHeader* entry = codec_->entry_at(bytes.first(len));
    if (entry == nullptr) {
        return damaged("the entry is damaged");
    }
    const Result<Item> item = take(*entry);
    if (item) {
        taken_ += len;
        position_ += len;
    }
    return item;
}

Result<StreamDecoder::Item> StreamDecoder::Impl::next() {
    if (!error_) {
        return error_;
    }
    Result<Item> item = step();
    error_ = item.status();
    return item;
}

Status StreamDecoder::Impl::finish() const {
    if (!error_) {
        return error_;
    }
    if (!waiting().empty() || !codec_) {
        return damaged(codec_ ? "cut off within an entry" : "cut off within the head");
    }
    return ended_ ? Status()
                  : Status::error(ENODATA,
                                  "binary stream: cut off without its end; more may have followed");
}

StreamDecoder::StreamDecoder() : impl_(std::make_unique<Impl>()) {}
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;
StreamDecoder& StreamDecoder::operator=(StreamDecoder&&) noexcept = default;
StreamDecoder::~StreamDecoder() = default;

void StreamDecoder::feed(std::span<const std::byte> bytes) {
    impl_->feed(bytes);
}
Result<StreamDecoder::Item> StreamDecoder::next() {
    return impl_->next();
}
Status StreamDecoder::finish() const {
    return impl_->finish();
}
const EventView& StreamDecoder::event() const {
    return impl_->event;
}
const Gap& StreamDecoder::gap() const {
    return impl_->gap;
}
Cursor StreamDecoder::cursor() const {
    return impl_->cursor;
}
bool StreamDecoder::filtered() const {
    return impl_->filtered;
}

}  // namespace vexfs
