// SPDX-License-Identifier: Apache-2.0
// Pusher: an operation that a program has vexfsd push, from the question whether its object is
// still as the program knew it to the event that says what became of it.
//
// The version of an object is the number of the last event that changed it. Whether there is a
// newer one than expected is read in the journal, behind a barrier: nothing is kept for it on the
// way of events, nothing is forgotten, and a restart changes nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "pipeline/pipeline.hpp"
#include "pushback/conflict.hpp"
#include "pushback/push_ring.hpp"
#include "vexfs/reader.hpp"

namespace vexfs {

struct PushRequest {
    std::uint64_t event = 0;                       // number of the event that the operations answer
    std::uint32_t uops = 0;                        // bit n: userspace operation n
    std::optional<std::uint64_t> expect{};         // the version of the object that they are for
    std::optional<pushback::Strategy> strategy{};  // without: as the rules say
    std::uint32_t pid = 0;                         // who asks
};

struct PushAnswer {
    Decision decision = Decision::none;
    std::uint32_t pushed = 0;     // bit n: userspace operation n
    std::uint64_t newer = 0;      // number of the newest event that changed the object; 0: none
    std::uint64_t seq = 0;        // number of the event that says so
    std::uint64_t receivers = 0;  // channels that the kernel passed it on to
};

class Pusher {
  public:
    // Events between the expected version and now that are looked through.
    static constexpr std::uint64_t kLookMax = 250'000;

    // `ring`: nullptr: without the module, when only readers of the stream get it. `channel`: its
    // number. All outlive this.
    Pusher(std::string journal, Pipeline& pipeline, const pushback::Rules& rules, PushRing* ring,
           std::uint64_t channel, std::uint64_t look_max = kLookMax)
        : journal_(std::move(journal)),
          pipeline_(pipeline),
          rules_(rules),
          ring_(ring),
          channel_(channel),
          look_max_(look_max) {}

    // When all that happened before is written (Pipeline::sync()). EINVAL: the operations can't
    // answer that event; ENOENT: there is none of that number; ERANGE: the version is too far back;
    // errors of Reader::seek(); EIO: the kernel did not take it. Then nothing was pushed.
    Result<PushAnswer> push(const PushRequest& request);

    // How often each was decided.
    [[nodiscard]] const std::array<std::uint64_t, kDecisions>& decisions() const {
        return decisions_;
    }

  private:
    Result<Event> find(Reader& reader, const PushRequest& request) const;
    Result<pushback::Changes> look(Reader& reader, const Event& event, std::uint64_t expect) const;
    Result<std::uint64_t> send(const EventView& event, std::uint32_t uops);
    Result<std::uint64_t> note(const EventView& event, const PushRequest& request,
                               const PushAnswer& answer);

    const std::string journal_;
    Pipeline& pipeline_;
    const pushback::Rules& rules_;
    PushRing* ring_;
    std::uint64_t channel_;
    std::uint64_t look_max_;
    std::array<std::uint64_t, kDecisions> decisions_{};
};

}  // namespace vexfs
