// SPDX-License-Identifier: Apache-2.0
// Compressor: compresses the segments of a journal that is being written, as they become full, on a
// thread of its own with low priority. Nobody waits for it, and it has no queue: what is to be done
// is what is in the directory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "base/fd.hpp"
#include "journal/disk.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

// Since the start.
struct CompressorStats {
    std::uint64_t segments = 0;      // that were compressed
    std::uint64_t plain_bytes = 0;   // of them, before
    std::uint64_t packed_bytes = 0;  // and after
    std::uint64_t refused = 0;       // segments without a whole seal, which stay as they are
};

class Compressor {
  public:
    // `directory` is the journal's, locked by this process, and outlives the compressor. Begins
    // with what is there: all but the last segment.
    static Result<std::unique_ptr<Compressor>> start(int directory);
    // Stops between two blocks, and waits for that.
    ~Compressor();
    // From any thread.
    [[nodiscard]] CompressorStats stats() const;
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;

  private:
    explicit Compressor(int directory) : disk_(directory) {}
    void run();
    void look();
    Status compress(std::uint64_t first_seq);
    bool wait_for_segment();

    DirectoryDisk disk_;
    UniqueFd news_;  // inotify: a segment got its name
    UniqueFd stop_;  // eventfd
    std::atomic<bool> stopped_{false};
    std::set<std::uint64_t> refused_;  // segments that cannot be compressed
    mutable std::mutex mutex_;
    CompressorStats stats_;  // [mutex_]
    std::thread thread_;
};

}  // namespace vexfs::journal
