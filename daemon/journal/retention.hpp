// SPDX-License-Identifier: Apache-2.0
// Retention: which of the journal's segments are kept. The oldest are removed, whole, when all
// together are too large, or when what they hold is too old; but not what a named consumer has not
// dealt with, unless all together are larger than the cap; and never the segment that is written.
//
// Looking at the directory and removing files takes time, so it has a thread of its own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "journal/disk.hpp"
#include "journal/retention_limits.hpp"
#include "vexfs/consumer.hpp"
#include "vexfs/cursor.hpp"

namespace vexfs::journal {

// What the last pass has found and done.
struct Retained {
    std::uint64_t oldest_seq = 0;  // the first number that is kept; 0: there was no pass yet
    std::uint64_t bytes = 0;       // of all segments, on the disk
    std::uint64_t retired = 0;     // segments, since the start
    std::string held_by;           // the consumer without which more would have been removed
};

class Retention {
  public:
    // `path` and `disk`: the journal's directory, by its name for consumers. `clock` and `disk`
    // outlive it; remove() and sync_directory() of the disk are called from its thread.
    Retention(std::string path, JournalId id, const RetentionLimits& limits, Disk& disk,
              const Clock& clock);
    ~Retention();
    Retention(const Retention&) = delete;
    Retention& operator=(const Retention&) = delete;

    // Asks for a pass. Segments with numbers from `needed` on are not removed: who takes over the
    // kernel's ring reads them.
    void poke(std::uint64_t needed);
    [[nodiscard]] Retained last() const;

    // A pass, now. An error of the last one is said in the log once.
    Status pass(std::uint64_t needed);

  private:
    struct Segment {
        std::uint64_t first_seq;
        std::uint64_t bytes;
    };
    using Consumers = std::vector<ConsumerInfo>;

    void work();
    [[nodiscard]] Result<std::vector<Segment>> segments() const;
    Consumers slowest();
    Status remove(std::uint64_t first_seq);
    [[nodiscard]] bool too_old(const Segment& next) const;
    void say_lost(const Consumers& consumers, std::uint64_t last_seq) const;
    void note(const Retained& now);

    const std::string path_;
    const JournalId id_;
    const RetentionLimits limits_;
    Disk& disk_;
    const Clock& clock_;
    std::string said_;  // the error that was said last

    mutable std::mutex mutex_;
    std::condition_variable poked_;
    std::uint64_t needed_ = 0;  // of the pass that was asked for; 0: none was
    bool ending_ = false;
    Retained last_;
    std::thread thread_;
};

}  // namespace vexfs::journal
