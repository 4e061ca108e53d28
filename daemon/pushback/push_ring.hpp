// SPDX-License-Identifier: Apache-2.0
// PushRing: events on their way back to the kernel. Fills entries of the push ring
// (shared/abi/command.h), sends them in batches with one call, and checks the result of every one.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "abi/command.h"
#include "abi/ioctl.h"
#include "base/mapping.hpp"
#include "base/status.hpp"
#include "vexfs/event.hpp"

namespace vexfs {

// The call that makes the kernel handle up to so many entries; fills handled and failed even when
// it fails.
using PushCall = std::function<Status(std::uint32_t entries, vx_push_call& call)>;

struct PushCounters {
    std::uint64_t pushed = 0;     // entries with a result of 0
    std::uint64_t failed = 0;     // entries with an error, or that could not be sent
    std::uint64_t calls = 0;
    std::uint64_t receivers = 0;  // deliveries to other channels
    int last_error = 0;           // a positive errno
    std::uint64_t injected = 0;   // fsnotify events raised
    std::uint64_t unwatched = 0;  // not raised: nobody can be watching there any more
    // The lowest score of an entry beside the record that the kernel had written
    // (translate::context_score): below 1.0 is a bug.
    double score_min = 1.0;
    std::array<std::uint64_t, VX_OP_COUNT> by_op{};  // of `pushed`, by kernel operation
    // of `pushed`, by userspace operation: every one of the unit's counts once, as in vx_stats
    std::array<std::uint64_t, VX_UOP_COUNT> by_uop{};
};

// Where an event is injected (shared/abi/command.h): numbers of the FUSE mount.
struct InjectPlace {
    std::uint64_t dev = 0;        // of its super block, as the kernel answered to the watch
    std::uint64_t directory = 0;  // node id
    std::uint64_t directory_ino = 0;
    std::uint64_t object = 0;  // node id; 0: not cached
};

class PushRing {
  public:
    // `area`: the VX_MMAP_PUSH mapping; must outlive this.
    PushRing(const Mapping& area, PushCall call);

    // Puts one entry in: a whole VX_REC_EVENT, with the operations in `event.ops` (not none).
    // When the ring or the batch is full it is sent first. `kernel`: the record that the kernel
    // had written for it; how much of it the entry has kept is scored. `flags`: VX_PUSH_F_*.
    Status add(const vx_event& kernel, const EventView& event, std::uint32_t flags = 0);
    // Puts in an entry that raises an fsnotify event there, and does nothing else.
    Status inject(const EventView& event, const InjectPlace& place);
    // Sends what is waiting.
    Status flush();

    [[nodiscard]] std::uint32_t waiting() const { return waiting_; }
    [[nodiscard]] const PushCounters& counters() const { return counters_; }

  private:
    struct Waiting {
        std::uint16_t op;
        bool injects;
        std::uint32_t uop_mask;
    };

    Result<vx_push*> put(const EventView& event, std::uint32_t flags);
    void count(const Waiting& entry, const vx_push_result& result);
    void collect(std::uint32_t handled);
    void drop_waiting();

    vx_push_header* header_;
    const vx_push_result* results_;
    std::byte* entries_;
    std::uint64_t size_;
    PushCall call_;
    std::uint64_t tail_ = 0;
    std::uint64_t head_ = 0;       // what the kernel has handled
    std::uint64_t handled_ = 0;    // entries since the channel was made
    std::uint32_t waiting_ = 0;
    std::array<Waiting, VX_PUSH_BATCH_MAX> entries_waiting_{};
    PushCounters counters_;
};

}  // namespace vexfs
