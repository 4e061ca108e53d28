// SPDX-License-Identifier: Apache-2.0
// Keeper: keeps the catalogue, on a thread of its own. Follows the journal, takes the first look at
// each scope, and after each loss looks for what was missed.
//
// Losses that come one after the other do not keep it reading: between two looks at everything it
// rests for as long as the first has taken.
//
// It is never waited for: a catalogue that cannot be written, or a scope that cannot be looked at,
// is said and tried again, and the stream goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "heal/tools.hpp"

namespace vexfs::heal {

struct KeeperState {
    enum class Phase {
        following,   // everything is in the catalogue
        looking,     // a scope is looked at for the first time
        healing,     // after a loss
        rebuilding,  // it is made anew
    };
    Phase phase = Phase::following;
    std::uint64_t applied_seq = 0;
    std::uint64_t directories = 0;  // that this look has seen
    std::uint64_t waiting = 0;      // that it knows of besides
    std::uint64_t told = 0;         // events that were found, since the start
    std::uint64_t healed = 0;       // losses that were looked into, since the start
    std::uint64_t pending = 0;      // losses that were not
    std::string problem;            // why it is not going on; empty: it is
};

const char* phase_name(KeeperState::Phase phase);

class Keeper {
  public:
    static constexpr int kRetryMs = 5'000;  // after a problem
    static constexpr int kBatchMs = 20;     // what is written meanwhile is one transaction

    // `clock` and `stream` outlive it; `stream` makes its calls return ECANCELED before this ends.
    Keeper(std::string journal, std::vector<Scope> scopes, StreamPort& stream,
           const Clock& clock);
    ~Keeper();
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    // What is kept from now on. A scope that is new is looked at; one that is not among them any
    // more is forgotten.
    void set_scopes(std::vector<Scope> scopes);
    // Events up to this one are no longer kept by the journal: what had gone by then is forgotten.
    void forget_before(std::uint64_t seq);
    // Makes the catalogue anew, of the journal and of what is there.
    void rebuild();
    // Calls `done`, on the keeper's thread or this one, when everything up to this event is in the
    // catalogue and each loss among it has been looked into; or with what is in the way twice
    // (EAGAIN), or when the keeper ends (ECANCELED).
    void when_current(std::uint64_t seq, std::function<void(const Status&)> done);

    [[nodiscard]] KeeperState state() const;

    // Begins to end: as the destructor, but does not wait.
    void stop();

  private:
    struct Waiter {
        std::uint64_t seq;
        std::uint64_t round;  // under way or done when it came
        std::function<void(const Status&)> done;
    };

    void run();
    Status work();
    Status open();
    Status keep();
    Status look_at_new();
    Status heal();
    [[nodiscard]] int rest_ms() const;
    Status wait(int timeout_ms);
    Status forget_others();
    Status forget_old();
    Status begin_anew();
    Status expect_scopes();
    void note(KeeperState::Phase phase);
    void answer(const Status& problem);
    [[nodiscard]] std::vector<Scope> scopes() const;
    [[nodiscard]] bool stopping() const;
    void poke();

    const std::string journal_;
    StreamPort& stream_;
    const Clock& clock_;
    UniqueFd poked_;
    Progress progress_;
    // Of the thread:
    std::unique_ptr<Follower> follower_;
    std::uint64_t forgotten_ = 0;
    std::uint64_t rest_until_ns_ = 0;  // CLOCK_MONOTONIC: before that, not everywhere again

    mutable std::mutex mutex_;
    std::vector<Scope> scopes_;
    std::vector<Waiter> waiters_;
    std::uint64_t round_ = 0;  // of reading what there is
    KeeperState state_;
    std::uint64_t oldest_ = 0;     // that is wanted
    bool rebuild_ = false;     // asked for, not begun
    bool rebuilding_ = false;  // begun, not done
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace vexfs::heal
