// SPDX-License-Identifier: Apache-2.0
// EchoTable: which events of one boundary report what another has reported already.
//
// Events are remembered in the order in which they come, as many as there is room for; the oldest
// is forgotten for the newest. Those of one content are a list, oldest first, and each boundary has
// a place in it: what lies before it this boundary has reported too, or is too late to. An event is
// an echo of the first one behind its boundary's place that another boundary saw not more than the
// window before or after it. So each is matched at most once by each boundary, and two equal events
// of one boundary are never matched with each other. What all boundaries have passed is let go at
// once: where they report the same, the tables that are in use are small.
//
// Relied upon: one boundary reports equal operations in the order of their times. The content names
// the thread, and a thread does one thing after the other. How far one boundary's part of the
// stream is behind another's does not matter, as long as what it echoes is still remembered.
//
// Nothing is allocated after it is made. The index is a hash table with linear probing, whose slots
// have a part of the hash: an event touches one place of it, and one more for what is forgotten.
#pragma once

#include <array>
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
    // Of a boundary that is expected. The event that reported the same before. Nothing: this is the
    // first, and is remembered.
    std::optional<Origin> match(const Sighting& s);

    // A match() of this content comes: fetches the place where that begins.
    void prepare(std::uint64_t content) const {
        __builtin_prefetch(&slots_[tag_of(content) & mask_], 1);
    }

    // A boundary that reports. What others would have to say is not waited for. Before the first
    // event.
    void expect(Boundary boundary);

    // Forgotten inside the window, when a boundary might still have reported them.
    [[nodiscard]] std::uint64_t evicted() const { return evicted_; }
    [[nodiscard]] std::size_t bytes() const {
        return entries_.size() * (sizeof(Entry) + sizeof(Group)) + slots_.size() * sizeof(Slot);
    }

  private:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};

    struct Entry {
        std::uint64_t mono_ns;
        std::uint64_t seq;
        std::uint64_t chain;
        std::uint32_t group = kNone;  // kNone: the entry is empty
        std::uint32_t next;
        std::uint32_t range;
        std::uint32_t reporter;
    };
    // Events of one content.
    struct Group {
        std::uint64_t content;
        std::uint32_t head;  // of a free one: the next free one
        std::uint32_t tail;
        std::uint32_t place[kBoundaries];  // of each reporter: an entry; kNone: at the end
    };

    struct Slot {
        std::uint32_t tag;  // the upper half of the content; its lower bits are where it belongs
        std::uint32_t group = kNone;
    };

    static std::uint32_t tag_of(std::uint64_t content) {
        return static_cast<std::uint32_t>(content >> 32U);
    }
    [[nodiscard]] Group* find(std::uint64_t content);
    std::optional<Origin> look(Group& group, const Sighting& s, std::uint32_t reporter);
    void remember(Group* group, const Sighting& s, std::uint32_t reporter);
    void leave(Group& group, std::uint32_t index);
    std::uint32_t make_group(std::uint64_t content);
    void forget(std::uint32_t index);
    bool let_go(Group& group);
    void free_group(std::uint32_t index);
    [[nodiscard]] bool awaited(const Group& group, std::uint32_t index) const;

    const std::uint64_t window_ns_;
    std::vector<Entry> entries_;
    std::vector<Group> groups_;
    std::vector<Slot> slots_;
    std::uint32_t mask_;
    // A boundary's number among those that report; kNone: it does not.
    std::array<std::uint32_t, kBoundaries> reporter_;
    std::uint32_t reporters_ = 0;
    std::uint32_t free_ = 0;
    std::uint32_t oldest_ = 0;  // the next entry to be used
    std::uint64_t newest_ns_ = 0;
    std::uint64_t evicted_ = 0;
};

}  // namespace vexfs::correlate
