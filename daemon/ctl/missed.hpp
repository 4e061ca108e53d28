// SPDX-License-Identifier: Apache-2.0
// Missed: what a scan of a tree can have missed, because it was moved past it, and where that is
// now.
//
// It is told of the events since the scan was begun. A directory that has been moved and that the
// scan has not seen is missing, with all that is below it. Anything else that was moved, or got one
// more name, is known from its event, but for what no event tells (the target of a link, times): it
// is looked at once more. What was made since the beginning is known from its events altogether.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/path_text.hpp"
#include "ctl/tree_scan.hpp"
#include "vexfs/event.hpp"
#include "vexfs/status.hpp"

namespace vexfs::ctl {

class Missed {
  public:
    // Below `root`, an absolute path as events name it.
    Missed(const TreeScan& tree, std::string root) : tree_(tree), root_(std::move(root)) {}

    // The next event. EAGAIN: it does not say where.
    Status follow(const EventView& event);

    // What is to be looked at, by its path as of the last event.
    using Names = std::unordered_map<std::string, ScanName>;
    [[nodiscard]] const Names& names() const { return names_; }
    [[nodiscard]] bool has_directory() const { return directories_ != 0; }
    // It was looked at.
    void seen(const std::string& path) { erase(path); }
    // Whether names that are not directories are collected. Not any more when all directories have
    // been scanned: what is moved from then on has been seen already.
    void collect(bool on) { collect_ = on; }

  private:
    void erase(const std::string& path);
    void add(const EventView& event);
    void move(std::string_view from, std::string_view to);
    void rename(const EventView& event);

    const TreeScan& tree_;
    std::string root_;
    Names names_;
    std::unordered_set<ObjectKey, ObjectKeyHash> made_;  // since the beginning
    std::size_t directories_ = 0;                        // among names_
    std::uint32_t exchange_ = 0;  // cookie of an exchange of which one half was read
    bool collect_ = true;
};

}  // namespace vexfs::ctl
