// SPDX-License-Identifier: Apache-2.0
// Context preservation: does every field of a kernel record survive the way
//
//   kernel record -> event -> push record -> kernel record ?
//
// One table row for each field; the rows cover every byte of the record's structures, which is
// checked when this is compiled. The score of two records is the share of fields that are equal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "abi/command.h"
#include "vexfs/event.hpp"

namespace vexfs::translate {

struct Field {
    std::string_view name;
    std::uint16_t offset;  // bytes, in struct vx_event or struct vx_rename
    std::uint16_t size;
};

// The fields of struct vx_event, of struct vx_rename, and then the names, which have no fixed
// place.
std::span<const Field> event_fields();
std::span<const Field> rename_fields();
inline constexpr unsigned kNameFields = 2;

// Fields that a record of this operation has.
unsigned field_count(unsigned op);

// The share, 0 to 1, of the fields of `original` that `copy` has with the same value. 1.0 only if
// the records are equal byte for byte. Both are records that vx_event_check accepts.
double context_score(const vx_event& original, const vx_event& copy);

// Bytes of the push record of an event.
constexpr std::size_t push_bytes(const vx_event& event) {
    return sizeof(vx_push) + event.rec.len;
}

// The event as a push record at `out`, which is aligned to 8 and has push_bytes(). user_data is the
// event's number.
void build_push(const EventView& event, std::uint32_t flags, std::byte* out);

// The event record in a push record. nullptr: there is none that vx_event_check accepts.
const vx_event* pushed_event(std::span<const std::byte> push);

}  // namespace vexfs::translate
