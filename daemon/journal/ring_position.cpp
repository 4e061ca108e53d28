// SPDX-License-Identifier: Apache-2.0
#include "journal/ring_position.hpp"

#include <fcntl.h>

#include <algorithm>

#include "abi/layout.h"
#include "base/fd.hpp"
#include "journal/segment_reader.hpp"

namespace vexfs::journal {

namespace {

void see_count(RingPosition& at, unsigned producer, unsigned cls, std::uint64_t next_count) {
    const std::size_t sub = std::size_t{producer} * VX_CLASSES + cls;
    if (sub >= at.next_count.size()) {
        at.next_count.resize(sub + 1);
    }
    at.next_count[sub] = std::max(at.next_count[sub], next_count);
}

void see(RingPosition& at, const EntryHeader& entry) {
    if (entry.kind == static_cast<std::uint16_t>(EntryKind::event)) {
        const EventView event = decode_event(entry);
        if (event.boundary == Boundary::system) {
            return;  // it came from no ring
        }
        at.next_seq = std::max(at.next_seq, entry.seq + 1);
        const vx_record& record = *event.record;
        const unsigned cls = record.type == VX_REC_USER ? VX_CLASS_M : vx_op_class(record.op);
        see_count(at, entry.producer, cls, record.count + 1);
        if (cls == VX_CLASS_M) {
            at.next_ticket = std::max<std::uint64_t>(at.next_ticket, record.ticket + 1);
        }
        return;
    }
    const Gap gap = decode_gap(entry);
    if (gap.reason == GapReason::ring_full) {
        at.next_seq = std::max(at.next_seq, gap.to + 1);
    }
    at.next_ticket = std::max(at.next_ticket, gap.next_ticket);
    if (gap.reason == GapReason::probe_missed) {
        at.missed = std::max(at.missed, gap.next_count);
    } else if (gap.next_count != 0) {
        see_count(at, gap.producer, gap.class_d ? VX_CLASS_D : VX_CLASS_M, gap.next_count);
    }
}

}  // namespace

Result<RingPosition> ring_position(const std::string& directory, std::uint64_t from) {
    const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) {
        return Status::from_errno(errno, directory);
    }
    const Result<std::vector<std::uint64_t>> segments = list_segments(fd.get());
    if (!segments) {
        return segments.status();
    }
    RingPosition at;
    for (std::size_t i = 0; i < segments->size(); ++i) {
        if (i + 1 < segments->size() && (*segments)[i + 1] < from) {
            continue;
        }
        Result<SegmentReader> reader = SegmentReader::open(fd.get(), (*segments)[i]);
        if (!reader) {
            return reader.status();
        }
        do {
            while (const EntryHeader* entry = reader->peek()) {
                if (entry->seq >= from) {
                    see(at, *entry);
                }
                reader->advance(*entry);
            }
            if (!reader->status()) {
                return reader->status();
            }
        } while (reader->resync(from));
    }
    return at;
}

}  // namespace vexfs::journal
