// SPDX-License-Identifier: Apache-2.0
#include "heal/touched.hpp"

#include <xxhash.h>

#include "record.h"

namespace vexfs::heal {

namespace {

std::uint64_t key_of(const ObjectKey& object, std::string_view name, std::uint64_t kind) {
    const std::uint64_t seed =
        ObjectKeyHash()(object) * 0x9e3779b97f4a7c15ULL + object.ino * 2 + kind;
    return XXH3_64bits_withSeed(name.data(), name.size(), seed);
}

constexpr std::uint64_t kName = 0;
constexpr std::uint64_t kObject = 1;

// Opens and reads change nothing that is looked at.
constexpr std::uint64_t kReading = VX_OP_BIT(VX_OP_FILE_OPEN) | VX_OP_BIT(VX_OP_FILE_READ) |
                                   VX_OP_BIT(VX_OP_DIR_READ) | VX_OP_BIT(VX_OP_SYNC);
constexpr std::uint64_t kNaming =
    VX_OP_BIT(VX_OP_FILE_CREATE) | VX_OP_BIT(VX_OP_FILE_DELETE) | VX_OP_BIT(VX_OP_FILE_RENAME) |
    VX_OP_BIT(VX_OP_DIR_CREATE) | VX_OP_BIT(VX_OP_DIR_DELETE) | VX_OP_BIT(VX_OP_SYMLINK_CREATE) |
    VX_OP_BIT(VX_OP_HARDLINK_CREATE);

}  // namespace

void Touched::clear() {
    keys_.clear();
    all_ = false;
}

void Touched::insert(std::uint64_t key) {
    if (all_) {
        return;
    }
    keys_.insert(key);
    if (keys_.size() > kMax) {
        keys_.clear();
        all_ = true;
    }
}

void Touched::note(const EventView& event) {
    const vx_event& e = event.event();
    if (event.pushed() || e.error != 0 || (kReading >> event.op() & 1U) != 0) {
        return;
    }
    if ((kNaming >> event.op() & 1U) != 0) {
        insert(key_of({e.fsid, e.parent_ino, e.parent_gen}, event.name(), kName));
    }
    if (const vx_rename* rename = vx_event_rename_const(&e); rename != nullptr) {
        insert(key_of({e.fsid, rename->old_parent_ino, rename->old_parent_gen},
                      {vx_event_name2(&e), e.name2_len}, kName));
    }
    insert(key_of({e.fsid, e.ino, e.gen}, {}, kObject));
}

bool Touched::name(const ObjectKey& parent, std::string_view name) const {
    return has(key_of(parent, name, kName));
}

bool Touched::object(const ObjectKey& object) const { return has(key_of(object, {}, kObject)); }

bool Touched::finding(const Finding& f) const {
    if (f.op == VX_OP_SYNC) {
        return false;
    }
    if ((kNaming >> f.op & 1U) == 0) {
        return object(f.object);
    }
    // A directory that was moved may have left what is watched.
    return name(f.parent, f.name) || object(f.parent) || (f.op == VX_OP_FILE_RENAME && name(f.old_parent, f.name2));
}

}  // namespace vexfs::heal
