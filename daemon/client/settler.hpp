// SPDX-License-Identifier: Apache-2.0
// Settler: lets the events of a stream settle. What one object goes through within a window becomes
// one event (net_event.hpp), which is told when the object has been quiet for a window.
//
// Order. What is held back never touches what else is held back: the same name, the directory that
// a name is in, the object that a rename replaces. As soon as an event would, the one that it
// depends on is told first. So what is held back can be told in any order, and everybody's
// directory is told before him. A rename that replaces something is not held back longer than it
// takes to tell what it depends on. What moves a whole tree (a directory's rename, an exchange, a
// mount), or is about all (a sync of a file system, a loss), ends all windows and is told at once.
//
// Position. A cursor is safe when all up to it has been told and nothing behind it: so it moves
// only where nothing is held back. So that it does, all windows end together at the latest when
// the first of them is `hold_ns` old.
//
// Time is the stream's own while it is read, and goes on with the clock at its end; it is given by
// the caller. No files, no clock in here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client/net_event.hpp"

namespace vexfs::settle {

struct Limits {
    std::uint64_t window_ns = 0;
    std::uint64_t hold_ns = 0;
    std::size_t objects = kSettleObjects;
};

class Settler {
  public:
    explicit Settler(const Limits& limits) : limits_(limits) {}

    // The time is at least so much. Ends the windows that are due.
    void advance(std::uint64_t now_ns);
    // The next event of the stream, once next() has nothing more. `careful`: as for NetEvent.
    // True: it was taken in. False: it is to be told at once, behind what next() has now.
    [[nodiscard]] bool take(const EventView& event, bool careful);
    // Ends all windows: a loss, or the reader's wish.
    void let_go();
    // Forgets everything.
    void clear();

    // Moves on to the next event that is to be told now. False: there is none.
    bool next();
    // The one that next() has moved to; good until its next call.
    [[nodiscard]] const NetEvent& told() const { return told_.front(); }

    // Objects of which something is to be told, by next() now or when they are quiet.
    [[nodiscard]] std::uint32_t held() const {
        return static_cast<std::uint32_t>(held_ + told_.size() - (at_ ? 1 : 0));
    }
    // Events that have come to nothing since the last call.
    [[nodiscard]] std::uint32_t take_vanished() { return std::exchange(vanished_, 0); }
    // When advance() will end a window; 0: nothing is held back.
    [[nodiscard]] std::uint64_t due_ns() const;
    [[nodiscard]] std::uint64_t now_ns() const { return now_ns_; }

  private:
    struct ObjectHash {
        std::size_t operator()(const Object& o) const {
            return std::hash<std::uint64_t>()(o.ino * 0x9e3779b97f4a7c15ULL + o.fsid + o.gen);
        }
    };
    struct PlaceHash {
        std::size_t operator()(const Place& p) const {
            return std::hash<std::string>()(p.name) ^ ObjectHash()(p.parent);
        }
    };
    struct Window {
        Window(const EventView& first, bool careful) : net(first, careful) {}

        NetEvent net;
        Object object;
        std::uint64_t last_ns = 0;
        std::list<Window*>::iterator age;
        std::vector<Place> places;        // names that it changes
        std::vector<Object> directories;  // that have its names
    };

    [[nodiscard]] static bool ends_all(const EventView& event);
    [[nodiscard]] bool changes_names(const Object& object) const;
    void make_way(const EventView& event, const Object& self);
    void make_way_for_names(const Place& place, const Object& self);
    void merge(const EventView& event, const Object& self, bool careful);
    void open(const EventView& event, const Object& self, bool careful);
    void merged(Window& window);
    void tell(const Object& object);
    void tell_oldest() { tell(oldest_.front()->object); }
    void note_places(Window& window);
    void forget_places(Window& window);

    const Limits limits_;
    std::unordered_map<Object, Window, ObjectHash> windows_;
    std::list<Window*> oldest_;  // the one that has been quiet for the longest first
    std::unordered_map<Place, Window*, PlaceHash> places_;
    std::set<std::pair<Object, Window*>> in_directory_;
    std::deque<NetEvent> told_;
    bool at_ = false;             // next() has moved to the first of them
    std::size_t held_ = 0;        // windows of which something is to be told
    std::uint64_t first_ns_ = 0;  // when the first of them was opened
    std::uint64_t now_ns_ = 0;
    std::uint32_t vanished_ = 0;
};

}  // namespace vexfs::settle
