// SPDX-License-Identifier: Apache-2.0
// StreamAccount: what one knows who began with an empty directory and has read the stream since, by
// the numbers of objects, as docs/events.md has them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "record.h"
#include "support/changing_tree.hpp"

namespace vexfs::test {

class StreamAccount {
  public:
    explicit StreamAccount(const Directory& root) : root_(root) {}

    void read(const Finding& event) {
        switch (event.op) {
            case VX_OP_FILE_CREATE:
            case VX_OP_DIR_CREATE:
            case VX_OP_SYMLINK_CREATE:
            case VX_OP_HARDLINK_CREATE:
                names_[event.parent][event.name] = event.object;
                break;
            case VX_OP_FILE_DELETE:
            case VX_OP_DIR_DELETE:
                names_[event.parent].erase(event.name);
                break;
            case VX_OP_FILE_RENAME:
                rename(event);
                break;
            default:
                break;
        }
    }

    [[nodiscard]] std::map<std::string, std::uint64_t> paths() const {
        std::map<std::string, std::uint64_t> out;
        std::vector<Directory> left{root_};
        while (!left.empty()) {
            const Directory here = left.back();
            left.pop_back();
            const auto names = names_.find(here.object);
            for (const auto& [name, object] :
                 names == names_.end() ? Names() : names->second) {
                const std::string path = path_below(here.path, name);
                out[path] = object.ino;
                left.push_back({object, path});
            }
        }
        return out;
    }

  private:
    using Names = std::map<std::string, ObjectKey>;
    struct ByNumber {
        bool operator()(const ObjectKey& a, const ObjectKey& b) const {
            return std::tie(a.ino, a.gen) < std::tie(b.ino, b.gen);
        }
    };

    // One half of an exchange leaves its old name to the other; else it is free.
    void rename(const Finding& event) {
        names_[event.parent][event.name] = event.object;
        Names& old = names_[event.old_parent];
        const auto holder = old.find(event.name2);
        const bool same = event.parent == event.old_parent && event.name == event.name2;
        if (!same && holder != old.end() &&
            ((event.flags & VX_F_EXCHANGE) == 0 || holder->second == event.object)) {
            old.erase(holder);
        }
    }

    Directory root_;
    std::map<ObjectKey, Names, ByNumber> names_;
};

inline std::map<std::string, std::uint64_t> numbers(const ChangingTree::All& all) {
    std::map<std::string, std::uint64_t> out;
    for (const auto& [path, seen] : all) {
        out[path] = seen.ino;
    }
    return out;
}

}  // namespace vexfs::test
