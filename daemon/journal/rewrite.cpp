// SPDX-License-Identifier: Apache-2.0
#include "journal/rewrite.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "translate/translate.hpp"

namespace vexfs::journal {

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20U;

bool hash_is_right(const EntryHeader& entry) {
    if (!is(entry, EntryKind::event)) {
        return true;
    }
    const EventView event = decode_event(entry);
    return event.hash == translate::context_hash(*event.record);
}

}  // namespace

Rewrite::Rewrite(SegmentReader& reader, const SegmentHeader& header, RewriteConfig config)
    : reader_(reader), header_(header), config_(std::move(config)), codec_({header.journal}) {
    done_.next_seq = header.first_seq;
}

Result<Rewritten> Rewrite::run(Output output) {
    output_ = std::move(output);
    add(&header_, sizeof(header_));
    Status status = entries();
    if (status) {
        status = finish();
    }
    if (status) {
        status = end_segment();
    }
    return status ? Result<Rewritten>(done_) : status;
}

Status Rewrite::entries() {
    for (;;) {
        while (const EntryHeader* entry = reader_.peek()) {
            if (last_seq(*entry) >= config_.next) {
                return {};  // the next segment has it
            }
            take(*entry);
            reader_.advance(*entry);
            if (bytes_.size() >= kPiece) {
                if (Status status = write(); !status) {
                    return status;
                }
            }
        }
        if (!reader_.status() || reader_.seal()) {
            return reader_.status();
        }
        const std::uint64_t at = reader_.position();
        if (done_.next_seq >= config_.next || !reader_.resync(done_.next_seq)) {
            return rest();
        }
        bad_at_ = bad_bytes_ == 0 ? at : bad_at_;
        bad_bytes_ += reader_.position() - at;
    }
}

// No entry follows. In the last segment that is a write that was torn.
Status Rewrite::rest() {
    const std::uint64_t torn = reader_.torn_bytes();
    if (config_.next == kNoNext || torn == 0) {
        return {};
    }
    const std::uint64_t at = reader_.position();
    if (done_.next_seq < config_.next) {
        bad_at_ = bad_bytes_ == 0 ? at : bad_at_;
        bad_bytes_ += torn;
    } else if (reader_.size() == at + kSealBytes) {
        damage({at, torn, done_.next_seq, done_.next_seq - 1, "the seal is damaged"});
    }
    return {};
}

void Rewrite::take(const EntryHeader& entry) {
    settle(entry.seq);
    const std::uint64_t at = reader_.position();
    if (entry.seq < done_.next_seq) {
        damage({at, entry.len, done_.next_seq, done_.next_seq - 1,
                "number " + std::to_string(entry.seq) + " again"});
        return;
    }
    if (config_.check_hashes && !hash_is_right(entry)) {
        damage({at, entry.len, entry.seq, entry.seq, "the context hash is not that of the record"});
        add_gap(entry.seq);
        return;
    }
    add(&entry, entry.len);
    ++done_.entries;
    ++kept_;
    done_.next_seq = last_seq(entry) + 1;
}

Status Rewrite::finish() {
    settle(config_.next != kNoNext ? config_.next : std::max(done_.next_seq, reader_.marked_seq()));
    const Status status = reader_.seal() && done_.damages == 0 ? check_seal() : Status();
    return status ? check_file() : status;
}

Status Rewrite::check_seal() {
    const SealBody& seal = *reader_.seal();
    const std::uint64_t at = reader_.position();
    RunningHash hash;
    if (Status status = hash.add(reader_.file(), sizeof(SegmentHeader), at); !status) {
        return status;
    }
    if (seal.entries != kept_ || seal.bytes != at - sizeof(SegmentHeader) ||
        seal.hash != hash.value() || reader_.marked_seq() != done_.next_seq) {
        damage({at, kSealBytes, done_.next_seq, done_.next_seq - 1,
                "the segment is not what was sealed"});
    }
    return {};
}

// What a compressed segment has beside its entries.
Status Rewrite::check_file() {
    const Result<std::vector<FileProblem>> problems = reader_.file().problems();
    if (!problems) {
        return problems.status();
    }
    for (const FileProblem& problem : *problems) {
        damage({0, 0, done_.next_seq, done_.next_seq - 1,
                problem.what + " (byte " + std::to_string(problem.at) + " of the file)"});
    }
    return {};
}

// All before this number is known: what has not come is lost.
void Rewrite::settle(std::uint64_t next_seq) {
    if (bad_bytes_ == 0 && next_seq <= done_.next_seq) {
        return;
    }
    const std::uint64_t to = std::max(next_seq, done_.next_seq) - 1;
    damage({bad_bytes_ != 0 ? bad_at_ : reader_.position(),
            std::exchange(bad_bytes_, 0),
            done_.next_seq,
            to,
            {}});
    add_gap(to);  // also when no number is missing: a gap without one may have been there
}

void Rewrite::damage(Damage what) {
    ++done_.damages;
    if (config_.on_damage) {
        config_.on_damage(what);
    }
}

void Rewrite::add_gap(std::uint64_t to) {
    Gap gap;
    gap.from = done_.next_seq;
    gap.to = to;
    gap.reason = GapReason::damaged;
    codec_.encode(gap, more(EntryCodec::size_of(gap)));
    ++done_.entries;
    done_.lost += gap.count();
    done_.next_seq = to + 1;
}

Status Rewrite::end_segment() {
    const std::uint64_t next = done_.next_seq;
    done_.sealed = config_.next != kNoNext || reader_.seal().has_value();
    if (done_.sealed) {
        if (Status status = write(); !status) {  // all that is hashed
            return status;
        }
        const SealBody seal{.entries = done_.entries,
                            .bytes = done_.bytes - sizeof(SegmentHeader),
                            .hash = hash_.value()};
        codec_.encode(seal, next, more(kSealBytes));
        return write();
    }
    if (config_.keep_closed && reader_.closed() && reader_.marked_seq() == next) {
        codec_.encode(LimitBody{.limit = next, .closed = 1, .durable = reader_.durable_seq()}, next,
                      more(kLimitBytes));
        return write();
    }
    // A limit may be among what is damaged: it was at most so far above the numbers there.
    const std::uint64_t least =
        std::max(config_.unknown_limit, done_.damages != 0 ? kLimitStep : 0);
    const std::uint64_t limit =
        std::max({reader_.limit(), header_.limit, least == 0 ? 0 : next + least});
    codec_.encode(LimitBody{.limit = limit, .closed = 0, .durable = reader_.durable_seq()}, next,
                  more(kLimitBytes));
    return write();
}

std::byte* Rewrite::more(std::size_t size) {
    bytes_.resize(bytes_.size() + size);
    return bytes_.data() + bytes_.size() - size;
}

void Rewrite::add(const void* data, std::size_t size) {
    std::memcpy(more(size), data, size);
}

Status Rewrite::write() {
    if (config_.stopped && config_.stopped()) {
        return Status::error(ECANCELED, "interrupted");
    }
    const std::span<const std::byte> bytes(bytes_);
    if (Status status = output_ ? output_(bytes) : Status(); !status) {
        return status;
    }
    hash_.add(bytes.subspan(done_.bytes == 0 ? std::min(bytes.size(), sizeof(SegmentHeader)) : 0));
    done_.bytes += bytes.size();
    bytes_.clear();
    return {};
}

}  // namespace vexfs::journal
