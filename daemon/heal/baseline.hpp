// SPDX-License-Identifier: Apache-2.0
// Baseline: the first look at a scope. What is there goes into the catalogue, and not into the
// stream: it is nothing that has happened.
//
// The tree goes on changing meanwhile. Each chunk of what was found is put in when the catalogue
// has all events that had happened by then; of what these have spoken of, they know better. What
// has moved to where had been looked before is looked at where it is then. What comes from outside
// with all that is in it is no part of this: it is found and told as after a loss (healer.hpp).
#pragma once

#include <cstddef>
#include <unordered_set>
#include <vector>

#include "heal/tools.hpp"
#include "heal/touched.hpp"

namespace vexfs::heal {

class Baseline {
  public:
    static constexpr std::size_t kChunk = 20'000;  // names

    // `tools` outlives it. `replayed`: the catalogue was made of the journal, so what it has of the
    // scope already is true.
    Baseline(const Tools& tools, Scope scope, bool replayed)
        : tools_(tools),
          scope_(std::move(scope)),
          replayed_(replayed),
          touched_(tools.touched_most) {}

    // EAGAIN: it cannot be done now, the message says why. ECANCELED: stopped. What was put in
    // until then is taken out by the next attempt.
    Status take();

  private:
    using Objects = std::unordered_set<ObjectKey, ObjectKeyHash>;

    Status begin();
    Status end();
    Status pass(std::vector<Directory> directories);
    Status look(std::vector<Directory> directories);
    Status judge(const Listing& listing);
    Status insert(std::vector<Listing>& chunk);
    Status insert_listing(const Listing& listing);
    Status insert_name(const ObjectKey& parent, const ListedName& name);
    void list_again(const ObjectKey& directory);
    [[nodiscard]] auto is_to_be_listed() const {
        return [this](const ObjectKey& directory) { return listed_.count(directory) == 0; };
    }

    const Tools& tools_;
    const Scope scope_;
    const bool replayed_;
    std::uint64_t since_ = 0;  // of names that no event has told of
    Touched touched_;
    Objects listed_;
    Objects arrived_;               // directories from outside
    std::vector<ObjectKey> again_;  // directories to be looked at once more
};

}  // namespace vexfs::heal
