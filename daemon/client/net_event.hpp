// SPDX-License-Identifier: Apache-2.0
// NetEvent: what consecutive events of one object come to, as one event.
//
// Two events are one if what both did to the tree can be said by one record: a creation and what
// was written; a rename and the next one; what was written and the removal. Where that is not so (a
// second link, a rename that replaced something and one more), add() refuses and the two are told
// one after the other.
//
// The record is that of the strongest operation (creation, removal, rename, link; then content,
// attributes, the rest). What the object is like afterwards, the number and the time are the last
// event's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vexfs/event.hpp"

namespace vexfs::settle {

struct Object {
    std::uint64_t fsid = 0;
    std::uint64_t ino = 0;
    std::uint32_t gen = 0;

    friend auto operator<=>(const Object&, const Object&) = default;
};

// A name in a directory.
struct Place {
    Object parent;
    std::string name;

    friend bool operator==(const Place&, const Place&) = default;
};

// What events have done to the names of an object.
enum class Effect : std::uint8_t {
    none,     // its content, its attributes, or nothing at all
    create,   // its first name
    link,     // one more name
    rename,   // another place for a name
    remove,   // a name is gone
    nothing,  // it was there for a moment, or away for a moment: nothing is left to tell
};

Effect effect_of(const vx_event& event);
Object object_of(const vx_event& event);
Object parent_of(const vx_event& event);
Place place_of(const vx_event& event);
// FileRename: where it was.
Place old_place_of(const vx_event& event);

class NetEvent {
  public:
    // `careful`: a reader may know of this event, or of what followed, already: see add().
    NetEvent(const EventView& first, bool careful);

    // Takes the next event of the object in. False: it has to be told for itself, and this one
    // before it; nothing has changed.
    // Once an event was careful, no change of a name is left out: a reader that knows an object by
    // a name in between has to hear that it is gone. Creation and removal then come to a removal.
    bool add(const EventView& event, bool careful);

    [[nodiscard]] Effect effect() const { return effect_; }
    // Good until this is changed or moved.
    [[nodiscard]] EventView view() const;
    [[nodiscard]] const vx_event& record() const {
        return *reinterpret_cast<const vx_event*>(record_.data());
    }
    // Without `cursor` and `vanished`.
    [[nodiscard]] const Settled& settled() const { return settled_; }

  private:
    enum class Merge : std::uint8_t { refuse, weaker, become, move, chain, unmove, vanish };

    [[nodiscard]] Merge decide(const vx_event& event) const;
    [[nodiscard]] Merge decide_rename(const vx_event& event) const;
    [[nodiscard]] Merge decide_remove(const vx_event& event) const;
    bool join_ops(const EventView& event, Merge merge);
    void merge_record(const EventView& event, Merge merge);
    void take_record(const EventView& event);
    void patch_state(const vx_event& event);
    void extend_range(const vx_event& event);
    void set_names(const Place& place, const Place& old_place, const std::string& name2);
    void count(const EventView& event);
    [[nodiscard]] vx_event& mutable_record() {
        return *reinterpret_cast<vx_event*>(record_.data());
    }
    [[nodiscard]] const vx_record& header() const { return record().rec; }

    Effect effect_;
    bool careful_;
    bool ranges_known_ = true;
    bool content_ = false;     // it was written, and the range is that of writes
    std::uint64_t begin_ = 0;  // the smallest range that has all, bytes
    std::uint64_t end_ = 0;
    std::uint32_t carried_ = 0;  // flags that stay whatever comes
    EventView fields_;
    std::vector<std::uint64_t> record_;
    std::string path_;
    std::string old_path_;
    Settled settled_;
};

}  // namespace vexfs::settle
