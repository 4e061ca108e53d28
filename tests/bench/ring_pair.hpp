// SPDX-License-Identifier: Apache-2.0
// A ring in memory with its reader, for the benchmarks.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "ring/memory_ring.hpp"
#include "ring_reader.h"

namespace vexfs::bench {

class RingPair {
  public:
    explicit RingPair(const MemoryRingConfig& config) {
        auto made = MemoryRing::create(config, [] {});
        if (!made) {
            std::fprintf(stderr, "no ring: %s\n", made.status().message().c_str());
            std::exit(1);
        }
        ring_ = std::move(*made);
        scratch_.resize(vx_reader_scratch(config.producers) / 8 + 1);
        if (vx_reader_init(&reader, ring_->mapping(), ring_->mapping_bytes(), ring_->consumer(),
                           scratch_.data(), 1) != 0) {
            std::fprintf(stderr, "the ring cannot be read\n");
            std::exit(1);
        }
    }

    vx_ring* get() { return ring_->ring(); }
    MemoryRing& memory() { return *ring_; }

    vx_reader reader{};

  private:
    std::unique_ptr<MemoryRing> ring_;
    std::vector<std::uint64_t> scratch_;
};

// Bytes of a typical record: an event with a name of 16 bytes.
inline constexpr std::uint32_t kRecordBytes = sizeof(vx_event) + 16;

}  // namespace vexfs::bench
