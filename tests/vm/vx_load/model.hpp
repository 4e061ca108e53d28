// SPDX-License-Identifier: Apache-2.0
// A model of a directory tree that lives on events alone. Every event must be possible in the state
// that those before it have left: then the order is right for every object and every name. In the
// end the model must be the tree.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "vexfs/event.hpp"

namespace vexfs::vm {

class Model {
  public:
    // `root`: the directory's path; the model begins with it, empty.
    Model(std::string root, std::uint64_t root_ino);

    // Returns what is wrong with it; empty: nothing.
    std::string apply(const EventView& event);

    // Differences to the real tree, at most a few.
    std::vector<std::string> compare_with_disk() const;
    // Every name: its path below the root, and the object's inode number.
    [[nodiscard]] std::map<std::string, std::uint64_t> list() const;
    [[nodiscard]] std::size_t size() const { return edges_.size(); }
    // Objects that have lost their last name.
    [[nodiscard]] std::uint64_t last_links() const { return last_links_; }
    // Those of which this was not said exactly once, and others of which it was said.
    [[nodiscard]] std::vector<std::string> last_links_wrong() const;
    // Exchanges of which only one half was told.
    [[nodiscard]] std::uint64_t halves() const { return halves_.size(); }

  private:
    struct Edge {
        std::uint64_t parent = 0;
        std::string name;
        bool operator==(const Edge&) const = default;
    };
    struct EdgeHash {
        std::size_t operator()(const Edge& e) const {
            return std::hash<std::string>()(e.name) ^ (e.parent * 0x9e3779b97f4a7c15ull);
        }
    };

    std::string add(const EventView& event, bool directory);
    std::string remove(const EventView& event);
    std::string rename(const EventView& event);
    std::string exchange(const EventView& event, const Edge& from, const Edge& to);
    std::string touch(const EventView& event) const;
    // The object has one more name. Returns what is wrong with it; empty: nothing.
    std::string name(const EventView& event);
    // A name of the object is gone; `last`: the event says that it was the last.
    void unname(std::uint64_t ino, bool last);
    std::string check_path(const Edge& edge, std::string_view path) const;
    // Below the root; empty: a directory on the way is not there.
    [[nodiscard]] std::string path_of(const Edge& edge) const;

    std::string root_;
    std::uint64_t root_ino_;
    std::unordered_map<Edge, std::uint64_t, EdgeHash> edges_;
    std::unordered_map<std::uint64_t, Edge> directories_;  // where each is
    struct Names {
        std::uint32_t left = 0;
        std::uint32_t said_last = 0;
    };
    // Of each object; one that has none left lost them without a word of the last.
    std::unordered_map<std::uint64_t, Names> names_;
    // Exchanges whose second event is to come: by cookie, the object that it must be of.
    std::unordered_map<std::uint32_t, std::uint64_t> halves_;
    std::uint64_t last_links_ = 0;
    std::vector<std::string> last_links_wrong_;
};

}  // namespace vexfs::vm
