// SPDX-License-Identifier: Apache-2.0
#include "correlate/echo_table.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace vexfs::correlate {

// The index is at most half full.
EchoTable::EchoTable(std::size_t entries, std::uint64_t window_ns)
    : window_ns_(window_ns),
      entries_(entries),
      groups_(entries),
      slots_(std::bit_ceil(entries) * 2),
      mask_(static_cast<std::uint32_t>(slots_.size() - 1)) {
    assert(entries > 0 && entries <= (std::size_t{1} << 30U));
    reporter_.fill(kNone);
    for (std::uint32_t i = 0; i < groups_.size(); i++) {
        groups_[i].head = i + 1 < groups_.size() ? i + 1 : kNone;
    }
}

void EchoTable::expect(Boundary boundary) {
    std::uint32_t& reporter = reporter_[static_cast<std::size_t>(boundary)];
    reporter = reporter == kNone ? reporters_++ : reporter;
}

std::optional<EchoTable::Origin> EchoTable::match(const Sighting& s) {
    const std::uint32_t reporter = reporter_[static_cast<std::size_t>(s.boundary)];
    assert(reporter != kNone);
    newest_ns_ = std::max(newest_ns_, s.mono_ns);
    Group* group = find(s.content);
    if (group != nullptr) {
        const std::optional<Origin> origin = look(*group, s, reporter);
        if (let_go(*group)) {
            free_group(static_cast<std::uint32_t>(group - groups_.data()));
            group = nullptr;
        }
        if (origin) {
            return origin;
        }
    }
    remember(group, s, reporter);
    if (entries_[oldest_].group != kNone) {
        prepare(groups_[entries_[oldest_].group].content);  // to be forgotten next
    }
    return std::nullopt;
}

EchoTable::Group* EchoTable::find(std::uint64_t content) {
    const std::uint32_t tag = tag_of(content);
    for (std::uint32_t i = tag & mask_; slots_[i].group != kNone; i = (i + 1) & mask_) {
        if (slots_[i].tag == tag && groups_[slots_[i].group].content == content) {
            return &groups_[slots_[i].group];
        }
    }
    return nullptr;
}

// A boundary's place only ever moves forward, so each entry is passed once by each boundary.
std::optional<EchoTable::Origin> EchoTable::look(Group& group, const Sighting& s,
                                                 std::uint32_t reporter) {
    std::uint32_t& place = group.place[reporter];
    while (place != kNone) {
        const Entry& e = entries_[place];
        if (e.reporter != reporter && e.mono_ns + window_ns_ >= s.mono_ns) {
            if (e.mono_ns > s.mono_ns + window_ns_) {
                return std::nullopt;  // and so are all behind it
            }
            if (e.range == 0 || s.range == 0 || e.range == s.range) {
                place = e.next;
                return Origin{e.seq, e.chain};
            }
            // Two operations. The thread did the other one first: this boundary would have
            // reported it by now. Or afterwards: then nothing behind it is this one.
            if (e.mono_ns >= s.mono_ns) {
                return std::nullopt;
            }
        }
        place = e.next;
    }
    return std::nullopt;
}

void EchoTable::remember(Group* group, const Sighting& s, std::uint32_t reporter) {
    const std::uint32_t index = oldest_;
    oldest_ = index + 1 < entries_.size() ? index + 1 : 0;
    if (entries_[index].group != kNone) {
        const bool last = group != nullptr && group->head == index && group->tail == index;
        forget(index);
        group = last ? nullptr : group;
    }
    const std::uint32_t number = group != nullptr
                                     ? static_cast<std::uint32_t>(group - groups_.data())
                                     : make_group(s.content);
    Group& g = groups_[number];
    entries_[index] = {.mono_ns = s.mono_ns,
                       .seq = s.seq,
                       .chain = s.chain,
                       .group = number,
                       .next = kNone,
                       .range = s.range,
                       .reporter = reporter};
    if (g.head == kNone) {
        g.head = index;
    } else {
        entries_[g.tail].next = index;
    }
    g.tail = index;
    for (std::uint32_t b = 0; b < reporters_; b++) {
        g.place[b] = g.place[b] == kNone ? index : g.place[b];
    }
}

// There is one: no more than entries, and the entry that it is for has none.
std::uint32_t EchoTable::make_group(std::uint64_t content) {
    const std::uint32_t index = free_;
    Group& group = groups_[index];
    free_ = group.head;
    group.content = content;
    group.head = group.tail = kNone;
    std::fill(std::begin(group.place), std::end(group.place), kNone);
    std::uint32_t i = tag_of(content) & mask_;
    while (slots_[i].group != kNone) {
        i = (i + 1) & mask_;
    }
    slots_[i] = {.tag = tag_of(content), .group = index};
    return index;
}

// The oldest of all entries is the oldest of its content.
void EchoTable::forget(std::uint32_t index) {
    const std::uint32_t number = entries_[index].group;
    Group& group = groups_[number];
    assert(group.head == index);
    if (newest_ns_ - entries_[index].mono_ns <= window_ns_ && awaited(group, index)) {
        evicted_++;
    }
    leave(group, index);
    if (group.head == kNone) {
        free_group(number);
    }
}

// The head leaves its group.
void EchoTable::leave(Group& group, std::uint32_t index) {
    const std::uint32_t next = entries_[index].next;
    for (std::uint32_t b = 0; b < reporters_; b++) {
        group.place[b] = group.place[b] == index ? next : group.place[b];
    }
    group.head = next;
    entries_[index].group = kNone;
}

// What all have passed. True: nothing is left.
bool EchoTable::let_go(Group& group) {
    while (group.head != kNone && !awaited(group, group.head)) {
        leave(group, group.head);
    }
    return group.head == kNone;
}

// Takes it out of the index: what stands behind moves up, as far as it belongs before.
void EchoTable::free_group(std::uint32_t index) {
    std::uint32_t hole = tag_of(groups_[index].content) & mask_;
    while (slots_[hole].group != index) {
        hole = (hole + 1) & mask_;
    }
    for (std::uint32_t i = (hole + 1) & mask_; slots_[i].group != kNone; i = (i + 1) & mask_) {
        if (((i - slots_[i].tag) & mask_) >= ((i - hole) & mask_)) {
            slots_[hole] = slots_[i];
            hole = i;
        }
    }
    slots_[hole].group = kNone;
    groups_[index].head = free_;
    free_ = index;
}

// Whether a boundary that reports has not passed the head of a group.
bool EchoTable::awaited(const Group& group, std::uint32_t index) const {
    for (std::uint32_t b = 0; b < reporters_; b++) {
        if (group.place[b] == index && entries_[index].reporter != b) {
            return true;
        }
    }
    return false;
}

}  // namespace vexfs::correlate
