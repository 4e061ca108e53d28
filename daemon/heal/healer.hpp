// SPDX-License-Identifier: Apache-2.0
// Healer: after a loss, looks at what is there and tells the difference to the catalogue: events
// flagged `resync` that say what must have happened, then a Sync event with that flag for each
// scope, which says that it is done. The catalogue learns of it from the stream, like anybody.
//
// How this can be right while the tree goes on changing (after DBLog, Andreakis and Papapanagiotou
// 2020): the stream remembers what its events speak of since before the look. All that is found and
// that no event has spoken of by the time it is told was so all the while. The rest is left out,
// because the events say it, and its directories are looked at once more.
#pragma once

#include <cstddef>
#include <vector>

#include "heal/comparison.hpp"
#include "heal/tools.hpp"

namespace vexfs::heal {

class Healer {
  public:
    static constexpr unsigned kLossesMax = 10;  // passes that are given up when more is lost
    static constexpr unsigned kRoundsMax = 10;  // after what moves while it is looked for
    static constexpr std::size_t kDifferencesMax = 500'000;  // of one pass; the next has the rest

    // `tools` outlives it.
    explicit Healer(const Tools& tools) : tools_(tools) {}

    // `wanted`: what is to be looked at; on an error, what of it is left. EAGAIN: it cannot be done
    // now, the message says why. ECANCELED: stopped.
    Status heal(Pending& wanted, const std::vector<Scope>& scopes);

  private:
    struct Look;
    Status begin(Pending& wanted);
    Status pass(Pending& wanted, const std::vector<Scope>& scopes, bool careful);
    Status look_at(const Pending& wanted, const std::vector<Scope>& scopes, Look& look);
    Status take(const Listing& listing, bool everywhere, const std::vector<Scope>& scopes,
                Look& look);
    Status look_nowhere(std::vector<ObjectKey> gone, bool everywhere, Look& look);
    Result<bool> turns_up(const ObjectKey& directory, bool everywhere, const Look& look);
    Status tell(std::vector<Finding> findings, Pending& left);

    const Tools& tools_;
};

}  // namespace vexfs::heal
