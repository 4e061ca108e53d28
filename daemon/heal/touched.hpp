// SPDX-License-Identifier: Apache-2.0
// Touched: which names and objects events have spoken of since some moment. What was found by
// looking since then does not count for them: the events say it, and say it in the right order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_set>

#include "heal/finding.hpp"
#include "vexfs/event.hpp"

namespace vexfs::heal {

class Touched {
  public:
    static constexpr std::size_t kMax = std::size_t{1} << 20U;  // then everything counts as touched

    void clear();
    void note(const EventView& event);

    [[nodiscard]] bool name(const ObjectKey& parent, std::string_view name) const;
    [[nodiscard]] bool object(const ObjectKey& object) const;
    // An event has spoken of what the finding tells.
    [[nodiscard]] bool finding(const Finding& finding) const;

  private:
    void insert(std::uint64_t key);
    [[nodiscard]] bool has(std::uint64_t key) const { return all_ || keys_.count(key) != 0; }

    std::unordered_set<std::uint64_t> keys_;  // XXH3-64 of what is named
    bool all_ = false;
};

}  // namespace vexfs::heal
