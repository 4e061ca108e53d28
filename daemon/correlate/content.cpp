// SPDX-License-Identifier: Apache-2.0
#include "correlate/content.hpp"

#include <sys/stat.h>

#include <cstddef>
#include <type_traits>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "record.h"

namespace vexfs::correlate {

namespace {

// Flags that are a part of what was asked for, rather than of what was found.
constexpr std::uint32_t kArguments = VX_F_WROTE | VX_F_EXCHANGE | VX_F_MODE | VX_F_OWNER |
                                     VX_F_GROUP | VX_F_DATASYNC | VX_F_SYNC_FS | VX_F_SYNC_ALL;

// Operations whose parent and names are arguments.
constexpr std::uint64_t kNaming = VX_OP_BIT(VX_OP_FILE_CREATE) | VX_OP_BIT(VX_OP_FILE_DELETE) |
                                  VX_OP_BIT(VX_OP_FILE_RENAME) | VX_OP_BIT(VX_OP_DIR_CREATE) |
                                  VX_OP_BIT(VX_OP_DIR_DELETE) | VX_OP_BIT(VX_OP_SYMLINK_CREATE) |
                                  VX_OP_BIT(VX_OP_HARDLINK_CREATE);

struct Fields {
    std::uint64_t fsid;
    std::uint64_t ino;
    std::uint64_t argument;
    std::uint64_t op;
    std::uint32_t gen;
    std::uint32_t tid;
    std::int32_t error;
    std::uint32_t flags;
    // of kNaming
    std::uint64_t parent_ino;
    std::uint64_t old_parent_ino;
    std::uint64_t target_ino;
    std::uint32_t parent_gen;
    std::uint32_t old_parent_gen;
    std::uint32_t target_gen;
    std::uint16_t name_len;
    std::uint16_t name2_len;
};
static_assert(std::has_unique_object_representations_v<Fields>, "padding would be hashed");

// What the operation has set.
std::uint64_t argument_of(const vx_event& e) noexcept {
    const std::uint64_t owner = (e.flags & VX_F_OWNER) != 0 ? e.owner_uid : 0;
    const std::uint64_t group = (e.flags & VX_F_GROUP) != 0 ? e.owner_gid : 0;
    switch (e.rec.op) {
        case VX_OP_FILE_CHMOD:
            return e.mode & 07777U;
        case VX_OP_FILE_CHOWN:
            return owner << 32U | group;
        case VX_OP_FILE_TRUNCATE:
            return e.size;
        case VX_OP_FILE_CREATE:
            return e.mode & S_IFMT;
        default:
            return 0;
    }
}

}  // namespace

bool comparable(const vx_event& e) noexcept {
    return e.ino != 0 && e.tid != 0 && (e.flags & VX_F_RESYNC) == 0 && e.rec.op != VX_OP_MOUNT &&
           e.rec.op != VX_OP_UNMOUNT;
}

std::uint64_t content_hash(const vx_event& e, std::uint64_t seed) noexcept {
    Fields f{};
    f.fsid = e.fsid;
    f.ino = e.ino;
    f.argument = argument_of(e);
    f.gen = e.gen;
    f.tid = e.tid;
    f.error = e.error;
    f.flags = e.flags & kArguments;
    f.op = e.rec.op;
    if ((kNaming >> e.rec.op & 1U) == 0) {
        return XXH3_64bits_withSeed(&f, offsetof(Fields, parent_ino), seed);
    }
    f.parent_ino = e.parent_ino;
    f.parent_gen = e.parent_gen;
    if (const vx_rename* rename = vx_event_rename_const(&e); rename != nullptr) {
        f.old_parent_ino = rename->old_parent_ino;
        f.old_parent_gen = rename->old_parent_gen;
        f.target_ino = rename->target_ino;
        f.target_gen = rename->target_gen;
    }
    f.name_len = e.name_len;
    f.name2_len = e.name2_len;
    // The second name follows the first one at once.
    return XXH3_64bits_withSeed(vx_event_name(&e), std::size_t{e.name_len} + e.name2_len,
                                XXH3_64bits_withSeed(&f, sizeof(f), seed));
}

std::uint32_t range_print(const vx_event& e) noexcept {
    if (e.length == 0 || (e.rec.op != VX_OP_FILE_READ && e.rec.op != VX_OP_FILE_WRITE)) {
        return 0;
    }
    std::uint64_t x = (e.offset ^ (e.length << 32U) ^ (e.length >> 32U)) * 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 29U)) * 0xbf58476d1ce4e5b9ULL;
    return static_cast<std::uint32_t>(x >> 32U) | 1U;
}

}  // namespace vexfs::correlate
