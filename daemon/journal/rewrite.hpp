// SPDX-License-Identifier: Apache-2.0
// Rewrite: a segment as it should be: with what is whole in it, and a gap of reason `damaged` in
// the place of what is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "journal/format.hpp"
#include "journal/running_hash.hpp"
#include "journal/segment_reader.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

// In place of the first number of the segment behind the last one.
inline constexpr std::uint64_t kNoNext = ~std::uint64_t{0};

// Something that is not as it was written, and the numbers that it costs.
struct Damage {
    std::uint64_t offset = 0;  // bytes from the start of the segment, in its plain form
    std::uint64_t bytes = 0;   // that are no entry; 0: nothing is there that could be one
    std::uint64_t from = 0;
    std::uint64_t to = 0;  // from - 1: none
    std::string what;      // empty: the bytes are no entry
};

struct RewriteConfig {
    // The first number of the segment behind it: what it holds from there on is left out, and what
    // is missing up to there is a gap.
    std::uint64_t next = kNoNext;
    // A journal that was closed stays closed; false: who closed it is not believed.
    bool keep_closed = true;
    // At least so many numbers are passed over if the journal was not closed, because the limit in
    // the header is not that of the segment.
    std::uint64_t unknown_limit = 0;
    // An event whose context hash is not that of its record is damaged.
    bool check_hashes = true;
    // Told of each damage, in order.
    std::function<void(const Damage&)> on_damage = {};
    // Whether to stop: between two pieces.
    std::function<bool()> stopped = {};
};

struct Rewritten {
    std::uint64_t damages = 0;
    std::uint64_t entries = 0;   // events and gaps, those for damage included
    std::uint64_t lost = 0;      // numbers that gaps for damage cover
    std::uint64_t bytes = 0;     // length of the segment as it should be
    std::uint64_t next_seq = 0;  // behind its last entry
    bool sealed = false;         // ends with a seal, otherwise with a limit
};

class Rewrite {
  public:
    // Takes the segment's bytes, piece by piece from the first one on.
    using Output = std::function<Status(std::span<const std::byte>)>;

    // `reader` stands at the segment's first entry. `header` is what the new one begins with.
    Rewrite(SegmentReader& reader, const SegmentHeader& header, RewriteConfig config);

    // An `output` of nullptr: only looks what there is to do. ECANCELED: stopped.
    Result<Rewritten> run(Output output);

  private:
    Status entries();
    Status rest();
    void take(const EntryHeader& entry);
    Status finish();
    Status check_seal();
    Status check_file();
    Status end_segment();

    void settle(std::uint64_t next_seq);
    void damage(Damage what);
    void add_gap(std::uint64_t to);
    std::byte* more(std::size_t size);
    void add(const void* data, std::size_t size);
    Status write();

    SegmentReader& reader_;
    const SegmentHeader header_;
    RewriteConfig config_;
    EntryCodec codec_;
    Output output_;
    Rewritten done_;
    RunningHash hash_;              // of what was written behind the header
    std::vector<std::byte> bytes_;  // not yet written
    std::uint64_t bad_at_ = 0;      // bytes that are no entry, not yet told of
    std::uint64_t bad_bytes_ = 0;
    std::uint64_t kept_ = 0;  // entries that were in the segment and stay
};

}  // namespace vexfs::journal
