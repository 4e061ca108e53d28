// SPDX-License-Identifier: Apache-2.0
// RingSink: the FUSE boundary's events, written into a ring in memory, so that the pipeline has one
// kind of input.
//
// Every worker thread is a producer with sub-rings of its own. Threads beyond the ring's producers
// share the last one behind a lock: slower, never wrong.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "fuse/observation.hpp"
#include "ring/memory_ring.hpp"

namespace vexfs::fuse {

class RingSink final : public BoundarySink {
  public:
    // `ring` outlives the sink.
    explicit RingSink(MemoryRing& ring);

    void on_event(const Observation& event) override;
    void on_directory(const DirectoryPlace& place) override;

    // Writes pending losses out, so that the reader finds them. A producer that is writing just now
    // writes its own.
    void barrier();

  private:
    // The calling thread as a producer, for as long as this lives.
    class Producer {
      public:
        explicit Producer(RingSink& sink);
        [[nodiscard]] std::uint32_t number() const { return number_; }

      private:
        std::uint32_t number_;
        std::unique_lock<std::mutex> hold_;
    };

    // A producer's lock: taken by its own thread (never contended) and by barrier().
    struct alignas(64) Lock {
        std::mutex mutex;
    };

    vx_ring* ring_;
    std::uint64_t id_;
    std::unique_ptr<Lock[]> locks_;
    std::atomic<std::uint32_t> threads_{0};
};

}  // namespace vexfs::fuse
