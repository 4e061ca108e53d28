// SPDX-License-Identifier: Apache-2.0
#include "heal/touched.hpp"

#include <xxhash.h>

#include "record.h"

namespace vexfs::heal {

namespace {

constexpr std::uint64_t kContent =
    VX_OP_BIT(VX_OP_FILE_CREATE) | VX_OP_BIT(VX_OP_FILE_WRITE) | VX_OP_BIT(VX_OP_FILE_TRUNCATE);
constexpr std::uint64_t kAttributes = VX_OP_BIT(VX_OP_FILE_CHMOD) | VX_OP_BIT(VX_OP_FILE_CHOWN);
constexpr std::uint64_t kWritten = VX_OP_BIT(VX_OP_FILE_WRITE) | VX_OP_BIT(VX_OP_FILE_CLOSE);
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
    if (keys_.size() > most_) {
        keys_.clear();
        all_ = true;
    }
}

std::uint64_t Touched::key_of(Kind kind, const ObjectKey& object, std::string_view name) {
    const std::uint64_t seed = ObjectKeyHash()(object) * 0x9e3779b97f4a7c15ULL + object.ino * 4 +
                               static_cast<std::uint64_t>(kind);
    return XXH3_64bits_withSeed(name.data(), name.size(), seed);
}

void Touched::note(const EventView& event) {
    const vx_event& e = event.event();
    if (event.pushed() || e.error != 0) {
        return;
    }
    const auto is = [&](std::uint64_t ops) { return (ops >> event.op() & 1U) != 0; };
    const ObjectKey object{e.fsid, e.ino, e.gen};
    if (is(kNaming)) {
        insert(key_of(Kind::name, {e.fsid, e.parent_ino, e.parent_gen}, event.name()));
    }
    if (const vx_rename* rename = vx_event_rename_const(&e); rename != nullptr) {
        insert(key_of(Kind::name, {e.fsid, rename->old_parent_ino, rename->old_parent_gen},
                      {vx_event_name2(&e), e.name2_len}));
    }
    if (is(kNaming) && (e.flags & VX_F_DIRECTORY) != 0) {
        insert(key_of(Kind::place, object));
    }
    if (is(kContent) || (e.flags & VX_F_WROTE) != 0) {
        insert(key_of(Kind::content, object));
    }
    if (is(kAttributes)) {
        insert(key_of(Kind::attributes, object));
    }
}

bool Touched::name(const ObjectKey& parent, std::string_view name) const {
    return has(key_of(Kind::name, parent, name));
}

bool Touched::facts(const ObjectKey& object) const {
    return has(Kind::content, object) || has(Kind::attributes, object);
}

bool Touched::settles(const Finding& f, Again& again) const {
    if (f.op == VX_OP_SYNC) {
        return false;
    }
    const std::uint64_t op = VX_OP_BIT(f.op);
    const bool settled = (op & kAttributes) != 0 ? has(Kind::attributes, f.object)
                         : (op & kWritten) != 0  ? has(Kind::content, f.object)
                                                 : settles_name(f, again);
    // It says all of what was seen of the object, some of which events say as well.
    if (!settled && facts(f.object)) {
        again.objects.push_back(f.object);
    }
    return settled;
}

bool Touched::settles_name(const Finding& f, Again& again) const {
    const bool rename = f.op == VX_OP_FILE_RENAME;
    const bool taken = name(f.parent, f.name);
    const bool left = rename && name(f.old_parent, f.name2);
    // A directory that was moved may have left what is watched.
    const bool moved = place(f.parent) || (rename && place(f.old_parent));
    if (moved || (rename && taken != left)) {
        again.add_directories_of(f);
    }
    return moved || taken || left;
}

}  // namespace vexfs::heal
