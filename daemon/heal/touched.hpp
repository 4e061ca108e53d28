// SPDX-License-Identifier: Apache-2.0
// Touched: what events have spoken of since some moment: who has a name, what an object holds, its
// attributes, where a directory is. What was found by looking since then does not count for it: the
// events say it, and say it in the right order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "heal/finding.hpp"
#include "vexfs/event.hpp"

namespace vexfs::heal {

// What is to be looked at once more, because events say a part of it.
struct Again {
    std::vector<ObjectKey> directories;  // what is in them
    std::vector<ObjectKey> objects;      // themselves, wherever they are

    // The directories that a finding is about: of a rename, both.
    void add_directories_of(const Finding& finding) {
        directories.push_back(finding.parent);
        directories.push_back(source_of(finding).parent);
    }
};

class Touched {
  public:
    static constexpr std::size_t kMost = std::size_t{1} << 20U;

    // With more than `most` of these, everything counts as touched.
    explicit Touched(std::size_t most = kMost) : most_(most) {}

    void clear();
    void note(const EventView& event);

    [[nodiscard]] bool everything() const { return all_; }

    [[nodiscard]] bool name(const ObjectKey& parent, std::string_view name) const;
    // Its content, or its attributes.
    [[nodiscard]] bool facts(const ObjectKey& object) const;

    // A directory has come, moved or gone.
    [[nodiscard]] bool place(const ObjectKey& directory) const {
        return has(Kind::place, directory);
    }

    // Whether events say what was found. What they say a part of is put into `again`.
    [[nodiscard]] bool settles(const Finding& finding, Again& again) const;

  private:
    [[nodiscard]] bool settles_name(const Finding& finding, Again& again) const;
    enum class Kind : std::uint64_t { name, content, attributes, place };
    static std::uint64_t key_of(Kind kind, const ObjectKey& object, std::string_view name = {});
    void insert(std::uint64_t key);
    [[nodiscard]] bool has(Kind kind, const ObjectKey& object) const {
        return has(key_of(kind, object));
    }
    [[nodiscard]] bool has(std::uint64_t key) const { return all_ || keys_.count(key) != 0; }

    std::size_t most_;
    std::unordered_set<std::uint64_t> keys_;  // XXH3-64 of what is named
    bool all_ = false;
};

}  // namespace vexfs::heal
