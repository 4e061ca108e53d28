// SPDX-License-Identifier: Apache-2.0
// Telling: what was found, one after the other, but for what events say since it was looked for.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "heal/finding.hpp"
#include "heal/touched.hpp"

namespace vexfs::heal {

class Telling {
  public:
    Telling() = default;
    explicit Telling(std::vector<Finding> findings);

    // The next one to be told; nullptr: there is none any more. It is there until the next call.
    const Finding* next(const Touched& touched);

    [[nodiscard]] std::size_t told() const { return told_; }
    [[nodiscard]] const Again& again() const { return again_; }

  private:
    [[nodiscard]] bool is_to_be_told(const Finding& finding, const Touched& touched);

    std::vector<Finding> findings_;
    std::size_t next_ = 0;
    std::size_t told_ = 0;
    Again again_;
    // Directories that were found to be gone, and where among the findings.
    std::unordered_map<ObjectKey, std::size_t, ObjectKeyHash> gone_;
};

}  // namespace vexfs::heal
