// SPDX-License-Identifier: Apache-2.0
#include "fuse/injector.hpp"

#include <spdlog/spdlog.h>

#include "record.h"

namespace vexfs::fuse {

namespace {

// The directory that a rename came from; of everything else, none.
std::uint64_t other_directory(const vx_event& e) {
    const vx_rename* rename = vx_event_rename_const(&e);
    return rename != nullptr && rename->old_parent_ino != e.parent_ino ? rename->old_parent_ino : 0;
}

}  // namespace

std::uint64_t Injector::node(std::uint64_t ino) const {
    return ino == 0 ? 0 : caches_.node_id({.fsid = 0, .ino = ino, .dev = dev_, .gen = 0});
}

void Injector::add(const EventView& view) {
    const vx_event& e = view.event();
    // An object that has no name any more is under none on the mount either. A directory that the
    // kernel does not remember is watched by nobody.
    if ((e.flags & (VX_F_UNLINKED | VX_F_NO_NAME)) != 0 ||
        (node(e.parent_ino) == 0 && node(other_directory(e)) == 0)) {
        return;
    }
    if (waiting_.size() >= limit_) {
        if (dropped_++ == 0) {
            spdlog::warn("more changes behind the mount than can wait: its watchers miss some");
        }
        return;
    }
    EventView bare = view;
    bare.path = bare.old_path = {};
    waiting_.push_back({caches_.asked(), Event(bare)});
}

void Injector::turn() {
    const std::uint64_t reached = caches_.reached();
    bool any = false;
    for (; !waiting_.empty() && waiting_.front().after <= reached; waiting_.pop_front()) {
        tell(waiting_.front().event.view());
        any = true;
    }
    if (any) {
        watchers_.flush();
    }
    while (!settling_.empty() && settling_.front().first <= reached) {
        const std::function<void()> done = std::move(settling_.front().second);
        settling_.pop_front();
        done();
    }
}

// A rename between two directories is told in each; who watches the object itself, once.
void Injector::tell(const EventView& view) {
    const vx_event& e = view.event();
    const std::uint64_t object = node(e.ino);
    const std::uint64_t to = node(e.parent_ino);
    const std::uint64_t from_ino = other_directory(e);
    if (const std::uint64_t from = node(from_ino); from != 0) {
        watchers_.tell(view, {from, from_ino, to == 0 ? object : 0});
    }
    if (to != 0) {
        watchers_.tell(view, {to, e.parent_ino, object});
    }
}

void Injector::settle(std::function<void()> done) {
    settling_.emplace_back(caches_.asked(), std::move(done));
    turn();
}

}  // namespace vexfs::fuse
