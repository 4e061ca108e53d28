// SPDX-License-Identifier: Apache-2.0
// Inotify: a watch on every directory of a tree. The process that makes a directory puts the watch
// on it, before it uses it: a watcher that learns of a directory by its event comes too late for
// what happens in it at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/status.hpp"
#include "vm/vx_oracle/said.hpp"

namespace vexfs::vm {

class Inotify {
  public:
    // For at most `watches` watches in the whole run.
    static Result<std::unique_ptr<Inotify>> open(std::size_t watches);
    ~Inotify();
    Inotify(const Inotify&) = delete;
    Inotify& operator=(const Inotify&) = delete;

    // By any process that was forked from the opener.
    void watch(const std::string& directory);
    // Inode numbers of the directories watched since the last call, in the order of the watches.
    std::vector<std::uint64_t> new_watches();
    // Appends what is in the queue; Heard::dir is the watch's number, from 1.
    Status read(std::vector<Heard>& heard);
    [[nodiscard]] std::uint64_t overflows() const { return overflows_; }

  private:
    Inotify() = default;

    UniqueFd fd_;
    std::uint64_t* inodes_ = nullptr;  // of each watch; shared by the processes
    std::size_t watches_ = 0;
    std::size_t known_ = 0;
    std::uint64_t overflows_ = 0;
    std::vector<char> buffer_;
};

}  // namespace vexfs::vm
