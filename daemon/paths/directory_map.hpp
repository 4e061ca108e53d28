// SPDX-License-Identifier: Apache-2.0
// DirectoryMap: where every directory of the watched file systems is, at the point of the stream
// that has been read.
//
// It is fed by the stream itself: VX_REC_DIR records (before the first event in a directory),
// created, renamed and deleted directories. So a path is a look-up, no path walk happens in the
// kernel's hooks, and a path is the one at the time of the event. The rename of a directory changes
// one node, whatever is below it.
//
// A VX_REC_DIR is true for all renames with a smaller ticket than its own. One that was read late,
// after a newer rename of the same directory had been applied, is ignored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "abi/event.h"

namespace vexfs {

// An object of a file system: unique on the machine.
struct ObjectKey {
    std::uint64_t fsid = 0;
    std::uint64_t ino = 0;
    std::uint32_t gen = 0;
    auto operator<=>(const ObjectKey&) const = default;
};

struct ObjectKeyHash {
    std::size_t operator()(const ObjectKey& k) const {
        std::uint64_t h = (k.ino ^ (std::uint64_t{k.gen} << 40)) * 0x9e3779b97f4a7c15ull;
        h ^= k.fsid * 0xc2b2ae3d27d4eb4full;
        return static_cast<std::size_t>(h ^ (h >> 32));
    }
};

class DirectoryMap {
  public:
    // Is told of each change.
    class Observer {
      public:
        virtual ~Observer() = default;
        // `as_of`: renames with a smaller ticket are in it.
        virtual void placed(const ObjectKey& dir, const ObjectKey& parent, std::string_view name,
                            std::uint64_t as_of) = 0;
        virtual void forgotten(const ObjectKey& dir) = 0;
        // An empty path: it is none any more.
        virtual void anchored(const ObjectKey& dir, std::string_view path) = 0;
    };

    // `limit`: directories that are kept. Further ones are not, and counted: paths below them are
    // not known.
    explicit DirectoryMap(std::size_t limit = std::size_t{1} << 22) : limit_(limit) {}

    // The absolute path of a directory that is known from outside: a watched directory, a file
    // system's root.
    void anchor(const ObjectKey& dir, std::string path);
    void remove_anchor(const ObjectKey& dir);

    // A VX_REC_DIR record (checked by the ring's reader; the name's length is checked here).
    void announce(const vx_dir& dir);
    // A directory was created or moved by the class M event with this ticket.
    void place(const ObjectKey& dir, const ObjectKey& parent, std::string_view name,
               std::uint64_t ticket);
    // A directory was deleted.
    void forget(const ObjectKey& dir);

    // Puts the path of `name` in `parent` into `out`; `name` empty: of the directory itself. False,
    // and `out` empty, when some directory up to an anchor is not known.
    bool path(const ObjectKey& parent, std::string_view name, std::string& out);

    // nullptr: nobody. The observer outlives the map, or is taken back.
    void observe(Observer* observer) { observer_ = observer; }
    // Tells an observer all that is known.
    void tell_all(Observer& observer) const;

    [[nodiscard]] std::size_t size() const { return nodes_.size(); }
    [[nodiscard]] std::uint64_t refused() const { return refused_; }

  private:
    struct Node {
        ObjectKey parent;
        std::string name;
        std::string anchor;       // absolute path; empty: not an anchor
        std::string path;         // as computed in `epoch`
        std::uint64_t epoch = 0;
        std::uint64_t as_of = 0;  // renames with a smaller ticket are in it
    };

    Node* insert(const ObjectKey& dir);
    bool resolve(const ObjectKey& dir, Node& node, unsigned depth);

    std::unordered_map<ObjectKey, Node, ObjectKeyHash> nodes_;
    std::size_t limit_;
    Observer* observer_ = nullptr;
    std::uint64_t epoch_ = 1;  // grows with every change that can change a path
    std::uint64_t refused_ = 0;
};

}  // namespace vexfs
