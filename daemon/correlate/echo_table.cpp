// SPDX-License-Identifier: Apache-2.0
#include "correlate/echo_table.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace vexfs::correlate {

const std::size_t EchoTable::kBytes = sizeof(Entry) + sizeof(Group) + sizeof(std::uint32_t);

// At most twice as many buckets as entries.
EchoTable::EchoTable(std::size_t entries, std::uint64_t window_ns)
    : window_ns_(window_ns),
      entries_(entries),
      groups_(entries),
      buckets_(std::max<std::size_t>(2, std::bit_ceil(entries)), kNone),
      shift_(64U - static_cast<unsigned>(std::countr_zero(buckets_.size()))) {
    assert(entries > 0 && entries <= (std::size_t{1} << 30U));
    for (std::uint32_t i = 0; i < groups_.size(); i++) {
        groups_[i].next = i + 1 < groups_.size() ? i + 1 : kNone;
    }
}

std::optional<EchoTable::Origin> EchoTable::match(const Sighting& s) {
    newest_ns_ = std::max(newest_ns_, s.mono_ns);
    Group* group = find(s.content);
    if (group != nullptr) {
        if (const std::optional<Origin> origin = look(*group, s)) {
            return origin;
        }
    }
    remember(group, s);
    return std::nullopt;
}

EchoTable::Group* EchoTable::find(std::uint64_t content) {
    for (std::uint32_t i = bucket(content); i != kNone; i = groups_[i].next) {
        if (groups_[i].content == content) {
            return &groups_[i];
        }
    }
    return nullptr;
}

// A boundary's place only ever moves forward, so each entry is passed once by each boundary.
std::optional<EchoTable::Origin> EchoTable::look(Group& group, const Sighting& s) {
    std::uint32_t& place = group.place[static_cast<unsigned>(s.boundary)];
    while (place != kNone) {
        const Entry& e = entries_[place];
        if (e.boundary != s.boundary && e.mono_ns + window_ns_ >= s.mono_ns) {
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

void EchoTable::remember(Group* group, const Sighting& s) {
    const std::uint32_t index = oldest_;
    oldest_ = index + 1 < entries_.size() ? index + 1 : 0;
    if (entries_[index].group != kNone) {
        const bool last = group != nullptr && group->head == index && group->tail == index;
        forget(index);
        group = last ? nullptr : group;
    }
    if (group == nullptr) {
        group = &make_group(s.content);
    }
    entries_[index] = {.mono_ns = s.mono_ns,
                       .seq = s.seq,
                       .chain = s.chain,
                       .group = static_cast<std::uint32_t>(group - groups_.data()),
                       .next = kNone,
                       .range = s.range,
                       .boundary = s.boundary};
    if (group->head == kNone) {
        group->head = index;
    } else {
        entries_[group->tail].next = index;
    }
    group->tail = index;
    for (std::uint32_t& place : group->place) {
        place = place == kNone ? index : place;
    }
}

// There is one: no more than entries, and the entry that it is for has none.
EchoTable::Group& EchoTable::make_group(std::uint64_t content) {
    const std::uint32_t index = free_;
    Group& group = groups_[index];
    free_ = group.next;
    group.content = content;
    group.next = bucket(content);
    bucket(content) = index;
    group.head = group.tail = kNone;
    std::fill(std::begin(group.place), std::end(group.place), kNone);
    return group;
}

// The oldest of all entries is the oldest of its content.
void EchoTable::forget(std::uint32_t index) {
    Entry& e = entries_[index];
    Group& group = groups_[e.group];
    assert(group.head == index);
    if (newest_ns_ - e.mono_ns <= window_ns_ && awaited(group, index)) {
        evicted_++;
    }
    group.head = e.next;
    for (std::uint32_t& place : group.place) {
        place = place == index ? e.next : place;
    }
    if (group.head == kNone) {
        free_group(e.group);
    }
    e.group = kNone;
}

void EchoTable::free_group(std::uint32_t index) {
    std::uint32_t* link = &bucket(groups_[index].content);
    while (*link != index) {
        link = &groups_[*link].next;
    }
    *link = groups_[index].next;
    groups_[index].next = free_;
    free_ = index;
}

// Whether a boundary that echoes has not reported the head of a group.
bool EchoTable::awaited(const Group& group, std::uint32_t index) const {
    for (unsigned b = 0; b < kBoundaries; b++) {
        const bool other = b != static_cast<unsigned>(entries_[index].boundary);
        if (other && (expected_ >> b & 1U) != 0 && group.place[b] == index) {
            return true;
        }
    }
    return false;
}

}  // namespace vexfs::correlate
