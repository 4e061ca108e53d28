// SPDX-License-Identifier: Apache-2.0
// RunningHash: XXH3-64 of bytes that come in pieces.
#pragma once

#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "vexfs/status.hpp"

namespace vexfs::journal {

class SegmentFile;

class RunningHash {
  public:
    RunningHash() : state_(XXH3_createState()) {
        if (!state_) {
            throw std::bad_alloc();
        }
        XXH3_64bits_reset(state_.get());
    }

    void add(std::span<const std::byte> bytes) {
        XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
    }
    // The bytes of a segment from one offset to another. EIO: it is shorter.
    Status add(const SegmentFile& file, std::uint64_t from, std::uint64_t to);
    [[nodiscard]] std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

  private:
    struct Free {
        void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
    };
    std::unique_ptr<XXH3_state_t, Free> state_;
};

}  // namespace vexfs::journal
