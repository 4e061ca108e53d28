// SPDX-License-Identifier: Apache-2.0
// Telling: what was found, one after the other, but for what events say since it was looked for,
// and for what is only possible, or only where it is said to be, behind something that is left out.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
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
    [[nodiscard]] bool may_not_have_gone(const Finding& finding, const Touched& touched) const;
    [[nodiscard]] bool needs_what_is_left_out(const Finding& finding) const;
    [[nodiscard]] bool is_where_nothing_is(std::string_view path) const;
    void leave_out(const Finding& finding, const Touched& touched);

    std::vector<Finding> findings_;
    std::size_t next_ = 0;
    std::size_t told_ = 0;
    Again again_;
    // Directories that were found to be gone, and where among the findings.
    std::unordered_map<ObjectKey, std::size_t, ObjectKeyHash> gone_;
    // Behind what is left out, and no event has said it:
    std::set<Place> taken_;  // names that are not free
    std::set<Place> free_;   // names that nobody has
    std::unordered_set<ObjectKey, ObjectKeyHash> elsewhere_;  // directories
    std::unordered_set<std::string> nothing_at_;              // paths where these are not
};

}  // namespace vexfs::heal
