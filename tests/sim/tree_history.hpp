// SPDX-License-Identifier: Apache-2.0
// A random history of a tree, event by event as the kernel would tell it: every event is possible
// where it stands. Much of it is about few objects, so that a lot happens to each in a row.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "vexfs/event.hpp"

namespace vexfs::test {

class TreeHistory {
  public:
    // Inode number of the directory that all is in, which has the path "/w".
    static constexpr std::uint64_t kRoot = 1;

    explicit TreeHistory(std::uint64_t seed);
    ~TreeHistory();

    // What one step gives: one event or two. `seq`: the number of the first.
    std::vector<Event> step(std::uint64_t seq);

  private:
    class World;
    std::unique_ptr<World> world_;
};

}  // namespace vexfs::test
