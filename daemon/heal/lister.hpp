// SPDX-License-Identifier: Apache-2.0
// Lister: directories are listed by some threads at once; one takes what they have found.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "heal/listing.hpp"

namespace vexfs::heal {

class Lister {
  public:
    static constexpr std::size_t kWaitingMax = 64;  // listings that nobody has taken yet

    explicit Lister(unsigned threads);
    ~Lister();
    Lister(const Lister&) = delete;
    Lister& operator=(const Lister&) = delete;

    void add(std::vector<Directory> directories);
    // The next listing, in no order; nothing: all that was added has been taken.
    std::optional<Listing> next();
    // Directories that were added and not taken.
    [[nodiscard]] std::size_t left() const;
    // What was not begun is forgotten.
    void forget();

  private:
    void work();

    mutable std::mutex mutex_;
    std::condition_variable todo_changed_;
    std::condition_variable done_changed_;
    std::vector<Directory> todo_;  // the last first: fewer are open at once than in width
    std::deque<Listing> done_;
    std::size_t under_way_ = 0;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace vexfs::heal
