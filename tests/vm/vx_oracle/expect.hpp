// SPDX-License-Identifier: Apache-2.0
// Expect: what fanotify and inotify must say because of an event of VexFS. This is the list of
// shared kinds, and the only one.
//
//   VexFS            fanotify                                        inotify, at the directory
//   FileOpen         OPEN (and OPEN_EXEC)                            OPEN
//   FileClose        CLOSE_WRITE, CLOSE_NOWRITE                      the same
//   FileRead DirRead ACCESS                                          ACCESS
//   FileWrite        MODIFY                                          MODIFY
//   FileTruncate     MODIFY                                          MODIFY
//   FileChmod FileChown  ATTRIB; one for both if one call does both  ATTRIB
//   FileCreate SymlinkCreate DirCreate  CREATE                       CREATE
//   HardlinkCreate, a first link of an unnamed file
//                    CREATE; ATTRIB of the object alone              CREATE
//   FileDelete       DELETE; ATTRIB of the object alone              DELETE
//   DirDelete        DELETE                                          DELETE
//   FileRename       RENAME; MOVED_FROM, MOVED_TO; MOVE_SELF of the object alone;
//                    replaced: ATTRIB of the target alone            MOVED_FROM, MOVED_TO
//   Mount Unmount Sync   nothing                                     nothing
//
// An object whose last name is gone and that nobody has open: DELETE_SELF. What concerns a
// directory itself is told to inotify twice: at its parent's watch and at its own.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "vexfs/event.hpp"
#include "vm/vx_oracle/said.hpp"

namespace vexfs::vm {

class Expect {
  public:
    // The root directory has the number 1.
    explicit Expect(std::uint64_t root_ino);

    // Appends what must be said and heard because of it.
    void event(const EventView& event, std::vector<Wanted>& said, std::vector<Heard>& heard);
    // Appends what is heard of a write before the call that makes it is over.
    void part(const EventView& write, std::vector<Heard>& heard);
    // Objects whose last name is gone, since the last call.
    std::vector<Number> take_dead();
    // The directory that a watch was put on: its inode number, in the order of the watches.
    Number watched(std::uint64_t ino);

  private:
    struct Object {
        std::uint64_t ino = 0;
        std::uint32_t gen = 0;
        bool operator==(const Object&) const = default;
    };
    struct ObjectHash {
        std::size_t operator()(const Object& o) const {
            return o.ino * 0x9e3779b97f4a7c15ull ^ o.gen;
        }
    };

    Number number(std::uint64_t ino, std::uint32_t gen);
    void make(const vx_event& e);
    void name(const EventView& event);
    void renamed(const EventView& event);
    void used(const EventView& event, std::uint32_t bits);
    void ended(Number object, bool directory);
    void add(std::uint32_t bits, Number object, Number dir = 0, std::string_view name = {});
    void hear(std::uint32_t bits, Number dir, std::string_view name = {});

    std::uint64_t root_ino_;
    std::unordered_map<Object, Number, ObjectHash> numbers_;
    std::vector<Number> ended_;         // not yet taken
    std::unordered_set<Number> gone_;   // their inode may be used anew
    std::unordered_map<std::uint64_t, std::vector<Number>> unwatched_;  // directories, by inode
    Number last_ = 1;
    Number born_ = 0;  // with the event at hand
    Wanted now_;       // whose it is
    std::vector<Wanted>* said_ = nullptr;
    std::vector<Heard>* heard_ = nullptr;
};

}  // namespace vexfs::vm
