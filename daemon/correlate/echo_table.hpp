// SPDX-License-Identifier: Apache-2.0
// EchoTable: which events of one boundary report what another has reported already.
//
// Events are remembered in the order in which they come, as many as there is room for; the oldest
// is forgotten for the newest. Those of one content are a list, oldest first, and each boundary has
// a place in it: what lies before it this boundary has reported too, or is too late to. An event is
// an echo of the first one behind its boundary's place that another boundary saw not more than the
// window before or after it. So each is matched at most once by each boundary, and two equal events
// of one boundary are never matched with each other.
//
// Relied upon: one boundary reports equal operations in the order of their times. The content names
// the thread, and a thread does one thing after the other. How far one boundary's part of the
// stream is behind another's does not matter, as long as what it echoes is still remembered.
//
// Nothing is allocated after it is made. An event costs a look into a table of 4 bytes an entry,
// and a few writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "vexfs/event.hpp"

namespace vexfs::correlate {

class EchoTable {
  public:
    // `entries`: events remembered, 1 to 2^30. `window_ns`: nanoseconds between two sightings of
    // one operation, at most.
    EchoTable(std::size_t entries, std::uint64_t window_ns);

    struct Sighting {
        std::uint64_t content = 0;
        std::uint64_t mono_ns = 0;
        std::uint32_t range = 0;  // range_print()
        Boundary boundary = Boundary::kernel;
        std::uint64_t seq = 0;
        std::uint64_t chain = 0;  // of the event, if it is the first to report this; 0: none
    };
    struct Origin {
        std::uint64_t seq;
        std::uint64_t chain;  // 0: none
    };
    // The event that reported the same before. Nothing: this is the first, and is remembered.
    std::optional<Origin> match(const Sighting& s);

    // A boundary that reports; the others are not waited for (evicted()).
    void expect(Boundary boundary) { expected_ |= 1U << static_cast<unsigned>(boundary); }

    // Forgotten inside the window, when a boundary might still have reported them.
    [[nodiscard]] std::uint64_t evicted() const { return evicted_; }
    [[nodiscard]] std::size_t capacity() const { return entries_.size(); }

    // Bytes for each entry, all tables together.
    static const std::size_t kBytes;

  private:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};

    struct Entry {
        std::uint64_t mono_ns;
        std::uint64_t seq;
        std::uint64_t chain;
        std::uint32_t group = kNone;  // kNone: the entry is empty
        std::uint32_t next;
        std::uint32_t range;
        Boundary boundary;
    };
    // Events of one content.
    struct Group {
        std::uint64_t content;
        std::uint32_t next;  // in the bucket, or of the free ones
        std::uint32_t head;
        std::uint32_t tail;
        std::uint32_t place[kBoundaries];  // of each boundary: an entry; kNone: at the end
    };

    [[nodiscard]] std::uint32_t& bucket(std::uint64_t content) {
        return buckets_[content >> shift_];
    }
    [[nodiscard]] Group* find(std::uint64_t content);
    std::optional<Origin> look(Group& group, const Sighting& s);
    void remember(Group* group, const Sighting& s);
    Group& make_group(std::uint64_t content);
    void forget(std::uint32_t index);
    void free_group(std::uint32_t index);
    [[nodiscard]] bool awaited(const Group& group, std::uint32_t index) const;

    const std::uint64_t window_ns_;
    std::vector<Entry> entries_;
    std::vector<Group> groups_;
    std::vector<std::uint32_t> buckets_;
    unsigned shift_;
    unsigned expected_ = 0;
    std::uint32_t free_ = 0;
    std::uint32_t oldest_ = 0;  // the next entry to be used
    std::uint64_t newest_ns_ = 0;
    std::uint64_t evicted_ = 0;
};

}  // namespace vexfs::correlate
