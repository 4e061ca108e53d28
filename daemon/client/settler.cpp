// SPDX-License-Identifier: Apache-2.0
#include "client/settler.hpp"

#include <algorithm>

namespace vexfs::settle {

namespace {

// Events come out of their order by less.
constexpr std::uint64_t kSetBackNs = 1'000'000'000;

}  // namespace

void Settler::advance(std::uint64_t now_ns) {
    if (now_ns + std::max(limits_.hold_ns, kSetBackNs) < now_ns_) {
        let_go();  // somebody has set the clock back
        now_ns_ = now_ns;
    }
    now_ns_ = std::max(now_ns_, now_ns);
    if (held_ != 0 && now_ns_ - first_ns_ >= limits_.hold_ns) {
        let_go();
    }
    while (!oldest_.empty() && now_ns_ - oldest_.front()->last_ns >= limits_.window_ns) {
        tell_oldest();
    }
}

std::uint64_t Settler::due_ns() const {
    return held_ == 0 ? 0
                      : std::min(oldest_.front()->last_ns + limits_.window_ns,
                                 first_ns_ + limits_.hold_ns);
}

bool Settler::take(const EventView& event, bool careful) {
    const vx_event& e = event.event();
    const Object self = object_of(e);
    if (ends_all(event)) {
        let_go();
        return false;
    }
    const auto at = windows_.find(self);
    if (event.duplicate) {
        if (at == windows_.end()) {
            return false;
        }
        vanished_ += at->second.net.effect() == Effect::nothing ? 1 : 0;
        return at->second.net.add(event, careful);
    }
    make_way(event, self);
    if (event.pushed() || e.error != 0) {
        tell(self);
        return false;
    }
    merge(event, self, careful);
    if ((e.flags & VX_F_REPLACED) != 0) {
        tell(self);  // what is said of the object that it replaced has to come behind it
    }
    return true;
}

void Settler::merge(const EventView& event, const Object& self, bool careful) {
    const auto mine = windows_.find(self);
    if (mine == windows_.end()) {
        open(event, self, careful);
        return;
    }
    const bool gone = mine->second.net.effect() == Effect::nothing;
    if (!mine->second.net.add(event, careful)) {
        tell(self);
        open(event, self, careful);
        return;
    }
    vanished_ += gone ? 1 : 0;
    if (!gone) {
        merged(mine->second);
    }
}

// Paths of others, or everything, depend on it.
bool Settler::ends_all(const EventView& event) {
    const vx_event& e = event.event();
    if (event.pushed() || e.error != 0) {
        return false;
    }
    switch (e.rec.op) {
        case VX_OP_MOUNT:
        case VX_OP_UNMOUNT:
            return true;
        case VX_OP_SYNC:
            return (e.flags & (VX_F_SYNC_FS | VX_F_SYNC_ALL)) != 0;
        case VX_OP_FILE_RENAME:
            return (e.flags & (VX_F_DIRECTORY | VX_F_EXCHANGE)) != 0;
        default:
            return false;
    }
}

bool Settler::changes_names(const Object& object) const {
    const auto at = windows_.find(object);
    return at != windows_.end() && at->second.net.effect() != Effect::none &&
           at->second.net.effect() != Effect::nothing;
}

// Tells what has to be told before the event.
void Settler::make_way(const EventView& event, const Object& self) {
    const vx_event& e = event.event();
    if (const Object parent = parent_of(e); parent != self && changes_names(parent)) {
        tell(parent);
    }
    if (effect_of(e) == Effect::none) {
        return;
    }
    make_way_for_names(place_of(e), self);
    if (e.rec.op == VX_OP_FILE_RENAME) {
        const Place from = old_place_of(e);
        if (changes_names(from.parent)) {
            tell(from.parent);
        }
        make_way_for_names(from, self);
        if ((e.flags & VX_F_REPLACED) != 0) {
            const vx_rename& rename = *vx_event_rename_const(&e);
            tell({e.fsid, rename.target_ino, rename.target_gen});
        }
    }
    // A directory that is removed is empty: what made it so comes first.
    for (auto at = in_directory_.lower_bound({self, nullptr});
         e.rec.op == VX_OP_DIR_DELETE && at != in_directory_.end() && at->first == self;
         at = in_directory_.lower_bound({self, nullptr})) {
        tell(at->second->object);
    }
}

void Settler::make_way_for_names(const Place& place, const Object& self) {
    const auto at = places_.find(place);
    if (at != places_.end() && at->second->object != self) {
        tell(at->second->object);
    }
}

void Settler::open(const EventView& event, const Object& self, bool careful) {
    if (windows_.size() >= limits_.objects) {
        tell_oldest();
    }
    Window& window = windows_.try_emplace(self, event, careful).first->second;
    window.object = self;
    window.last_ns = now_ns_;
    window.age = oldest_.insert(oldest_.end(), &window);
    first_ns_ = held_ == 0 ? now_ns_ : first_ns_;
    held_++;
    note_places(window);
}

// It has taken one more in.
void Settler::merged(Window& window) {
    window.last_ns = now_ns_;
    oldest_.splice(oldest_.end(), oldest_, window.age);
    forget_places(window);
    if (window.net.effect() == Effect::nothing) {
        vanished_ += window.net.settled().events;
        held_--;
    } else {
        note_places(window);
    }
}

void Settler::tell(const Object& object) {
    const auto at = windows_.find(object);
    if (at == windows_.end()) {
        return;
    }
    Window& window = at->second;
    forget_places(window);
    if (window.net.effect() != Effect::nothing) {
        held_--;
        told_.push_back(std::move(window.net));
    }
    oldest_.erase(window.age);
    windows_.erase(at);
}

void Settler::note_places(Window& window) {
    const vx_event& e = window.net.record();
    window.directories.push_back(parent_of(e));
    if (window.net.effect() != Effect::none) {
        window.places.push_back(place_of(e));
    }
    if (window.net.effect() == Effect::rename) {
        window.places.push_back(old_place_of(e));
        window.directories.push_back(window.places.back().parent);
    }
    for (const Place& place : window.places) {
        places_[place] = &window;
    }
    for (const Object& directory : window.directories) {
        in_directory_.insert({directory, &window});
    }
}

void Settler::forget_places(Window& window) {
    for (const Place& place : window.places) {
        places_.erase(place);
    }
    for (const Object& directory : window.directories) {
        in_directory_.erase({directory, &window});
    }
    window.places.clear();
    window.directories.clear();
}

void Settler::let_go() {
    while (!oldest_.empty()) {
        tell_oldest();
    }
}

void Settler::clear() {
    let_go();
    told_.clear();
    at_ = false;
    vanished_ = 0;
}

bool Settler::next() {
    if (at_) {
        told_.pop_front();
    }
    at_ = !told_.empty();
    return at_;
}

}  // namespace vexfs::settle
