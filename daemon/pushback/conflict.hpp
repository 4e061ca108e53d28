// SPDX-License-Identifier: Apache-2.0
// Conflicts: a program pushes an operation for a version of an object, which is the number of an
// event, and the object may have changed since.
//
// What counts as a change is what changes names, content, mode or owner: class M events and
// FileWrite. A strategy says what to do then; a table of rules says which strategy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.hpp"
#include "vexfs/decision.hpp"
#include "vexfs/event.hpp"

namespace vexfs::pushback {

enum class Strategy : std::uint8_t {
    last_writer_wins,   // push it all the same
    first_writer_wins,  // the change stands: do not push, and that is no failure
    merge,              // push what the change does not touch; nothing left: reject
    reject,             // do not push, and say that it failed
};

// "last-writer-wins", "first-writer-wins", "merge", "reject". EINVAL with a message that names
// them.
Result<Strategy> parse_strategy(std::string_view name);

// What two writers can collide in.
inline constexpr std::uint8_t kNames = 1;    // that it is there, and where
inline constexpr std::uint8_t kContent = 2;  // what it holds, and the vectors made of that
inline constexpr std::uint8_t kMode = 4;
inline constexpr std::uint8_t kOwner = 8;
inline constexpr std::uint8_t kEverything = 15;

// What a userspace operation that answers an event of `kernel_op` writes; 0: nothing (queries,
// searches, commit points), so it collides with nothing.
std::uint8_t writes(unsigned uop, unsigned kernel_op);

// What has happened to one object since some event.
class Changes {
  public:
    // The object of this event.
    explicit Changes(const vx_event& of) : fsid_(of.fsid), ino_(of.ino), gen_(of.gen) {}

    // The next event, whatever it is about.
    void note(const EventView& event);
    // Something that nobody knows.
    void note(const Gap& gap);

    [[nodiscard]] std::uint8_t what() const { return what_; }
    // Number of the last one that changed it; 0: none did.
    [[nodiscard]] std::uint64_t newest() const { return newest_; }

  private:
    void changed(std::uint8_t what, std::uint64_t seq);

    std::uint64_t fsid_;
    std::uint64_t ino_;
    std::uint32_t gen_;
    std::uint8_t what_ = 0;
    std::uint64_t newest_ = 0;
};

struct Verdict {
    Decision decision = Decision::none;
    std::uint32_t push = 0;  // bit n: userspace operation n is pushed
};

// `uops`: the operations of the push, for an event of `kernel_op`.
Verdict decide(Strategy strategy, const Changes& changes, std::uint32_t uops, unsigned kernel_op);

// "OPERATION:PATH=STRATEGY", both globs: the first rule that fits one of the operations and the
// path says the strategy. None does: reject.
class Rules {
  public:
    static constexpr std::size_t kMax = 256;

    // EINVAL with the rule and what is wrong with it.
    Status add(const std::string& rule);
    [[nodiscard]] Strategy choose(std::uint32_t uops, std::string_view path) const;
    [[nodiscard]] bool empty() const { return rules_.empty(); }

  private:
    struct Rule {
        std::string op;
        std::string path;
        Strategy strategy;
    };
    std::vector<Rule> rules_;
};

}  // namespace vexfs::pushback
