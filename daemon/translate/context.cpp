// SPDX-License-Identifier: Apache-2.0
#include "translate/context.hpp"

#include <array>
#include <cstring>

#include "translate/translate.hpp"

namespace vexfs::translate {

namespace {

#define FIELD(type, field)                                 \
    Field {                                                \
#field, offsetof(type, field), sizeof(type::field) \
    }

constexpr auto kEventFields = std::to_array<Field>({
    FIELD(vx_event, rec.len),    FIELD(vx_event, rec.type),   FIELD(vx_event, rec.op),
    FIELD(vx_event, rec.ticket), FIELD(vx_event, rec.count),  FIELD(vx_event, rec.mono_ns),
    FIELD(vx_event, fsid),       FIELD(vx_event, ino),        FIELD(vx_event, parent_ino),
    FIELD(vx_event, gen),        FIELD(vx_event, parent_gen), FIELD(vx_event, size),
    FIELD(vx_event, offset),     FIELD(vx_event, length),     FIELD(vx_event, duration_ns),
    FIELD(vx_event, flags),
    FIELD(vx_event, error),      FIELD(vx_event, mode),       FIELD(vx_event, nlink),
    FIELD(vx_event, uid),        FIELD(vx_event, gid),        FIELD(vx_event, owner_uid),
    FIELD(vx_event, owner_gid),  FIELD(vx_event, pid),        FIELD(vx_event, tid),
    FIELD(vx_event, cookie),     FIELD(vx_event, name_len),   FIELD(vx_event, name2_len),
    FIELD(vx_event, comm),
});

constexpr auto kRenameFields = std::to_array<Field>({
    FIELD(vx_rename, old_parent_ino),
    FIELD(vx_rename, target_ino),
    FIELD(vx_rename, old_parent_gen),
    FIELD(vx_rename, target_gen),
    FIELD(vx_rename, target_nlink),
    FIELD(vx_rename, target_mode),
});
#undef FIELD

// The rows stand one behind the other, without holes, up to the end.
template <std::size_t n>
constexpr bool covers(const std::array<Field, n>& fields, std::size_t bytes) {
    std::size_t at = 0;
    for (const Field& field : fields) {
        if (field.offset != at) {
            return false;
        }
        at += field.size;
    }
    return at == bytes;
}
static_assert(covers(kEventFields, sizeof(vx_event)), "a field of vx_event has no row");
static_assert(covers(kRenameFields, sizeof(vx_rename)), "a field of vx_rename has no row");

unsigned equal_fields(std::span<const Field> fields, const void* a, const void* b) {
    unsigned equal = 0;
    for (const Field& field : fields) {
        equal += std::memcmp(static_cast<const char*>(a) + field.offset,
                             static_cast<const char*>(b) + field.offset, field.size) == 0;
    }
    return equal;
}

std::string_view name_of(const vx_event& e) {
    return {vx_event_name(&e), e.name_len};
}

std::string_view name2_of(const vx_event& e) {
    return {vx_event_name2(&e), e.name2_len};
}

}  // namespace

std::span<const Field> event_fields() {
    return kEventFields;
}

std::span<const Field> rename_fields() {
    return kRenameFields;
}

unsigned field_count(unsigned op) {
    const std::size_t rename = op == VX_OP_FILE_RENAME ? kRenameFields.size() : 0;
    return static_cast<unsigned>(kEventFields.size() + rename + kNameFields);
}

double context_score(const vx_event& original, const vx_event& copy) {
    if (original.rec.len == copy.rec.len && std::memcmp(&original, &copy, original.rec.len) == 0) {
        return 1.0;
    }
    unsigned equal = equal_fields(kEventFields, &original, &copy);
    const vx_rename* rename = vx_event_rename_const(&original);
    const vx_rename* other = vx_event_rename_const(&copy);
    if (rename != nullptr && other != nullptr) {
        equal += equal_fields(kRenameFields, rename, other);
    }
    equal += name_of(original) == name_of(copy) ? 1 : 0;
    equal += name2_of(original) == name2_of(copy) ? 1 : 0;
    return static_cast<double>(equal) / field_count(original.rec.op);
}

void build_push(const EventView& event, std::uint32_t flags, std::byte* out) {
    const vx_event& record = event.event();
    auto* push = new (out) vx_push{};
    push->len = static_cast<std::uint32_t>(push_bytes(record));
    push->uop = principal(event.ops, record.rec.op);
    push->flags = flags;
    push->uop_mask = event.ops.mask();
    push->user_data = event.seq;
    push->chain = event.chain;
    std::memcpy(out + sizeof(*push), &record, record.rec.len);
}

const vx_event* pushed_event(std::span<const std::byte> push) {
    if (push.size() < sizeof(vx_push)) {
        return nullptr;
    }
    const auto* header = reinterpret_cast<const vx_push*>(push.data());
    if (header->len < sizeof(*header) || header->len > push.size() ||
        vx_event_check(header + 1, header->len - sizeof(*header)) != 0) {
        return nullptr;
    }
    const auto* event = reinterpret_cast<const vx_event*>(header + 1);
    return event->rec.len == header->len - sizeof(*header) ? event : nullptr;
}

}  // namespace vexfs::translate
