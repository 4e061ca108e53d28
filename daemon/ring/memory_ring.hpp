// SPDX-License-Identifier: Apache-2.0
// MemoryRing: a ring in this process's memory, laid out like a channel of /dev/vexfs. Its producers
// are threads: the FUSE workers of the daemon, and the tests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/mapping.hpp"
#include "base/status.hpp"
#include "ring.h"

namespace vexfs {

struct MemoryRingConfig {
    std::uint32_t producers = 1;
    // bytes of each sub-ring, power of two, whole pages
    std::uint64_t size_m = VX_SUBRING_M_DEFAULT;
    std::uint64_t size_d = VX_SUBRING_D_DEFAULT;
    std::uint64_t channel = 0;
};

class MemoryRing {
  public:
    // `wake` is called by a producer when the sleeping reader must be woken.
    // EINVAL: a size that is no power of two of whole pages, or no producer or too many.
    static Result<std::unique_ptr<MemoryRing>> create(const MemoryRingConfig& config,
                                                      std::function<void()> wake);

    vx_ring* ring() { return &producer_.ring; }
    // What a reader gets: the ring's mapping and the consumer's.
    [[nodiscard]] const void* mapping() const { return base_.data(); }
    [[nodiscard]] std::uint64_t mapping_bytes() const { return base_.size(); }
    [[nodiscard]] void* consumer() const { return consumer_.data(); }

  private:
    MemoryRing() = default;
    Status map(const MemoryRingConfig& config);

    // The C view and where it finds its owner again.
    struct Producer {
        vx_ring ring{};
        MemoryRing* owner = nullptr;
    };

    Mapping base_;
    Mapping consumer_;
    Producer producer_;
    std::function<void()> wake_;
};

}  // namespace vexfs
