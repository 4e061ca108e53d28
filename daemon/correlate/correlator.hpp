// SPDX-License-Identifier: Apache-2.0
// Correlator: what an event has to do with those before it. Sets its cause, its chain, and whether
// it is a duplicate.
//
//   echo      the same request, seen at another boundary before: a duplicate; its cause is the
//             first event
//   session   open -> read, write, sync -> close of one file by one process: the cause of what is
//             done with it is the open, of the close the last write
//   answer    a userspace operation that a program pushed for an event of this stream: its cause is
//             that event
//
// Rather nothing than something that is not so: see echo_table.hpp and sessions.hpp for when that
// is. Everything has a fixed size, and nothing is allocated on the way of an event.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "correlate/echo_table.hpp"
#include "correlate/sessions.hpp"
#include "vexfs/event.hpp"

namespace vexfs::correlate {

// Between two sightings of one request: it is under way for that long at most.
inline constexpr std::uint64_t kEchoWindowNs = 250'000'000;
// 12 MiB, and only where two boundaries report. Inside the window that is 524,000 events a second.
inline constexpr std::size_t kEchoEntries = std::size_t{1} << 17U;
// Events that can be answered: 1.5 MiB.
inline constexpr std::size_t kAnswerable = std::size_t{1} << 16U;

struct Counters {
    std::uint64_t duplicates = 0;
    std::uint64_t echoes_evicted = 0;  // EchoTable::evicted()
    std::uint64_t caused = 0;          // events with a cause, duplicates included
    std::uint64_t answers = 0;         // pushed operations whose event was found
    SessionCounters sessions;
};

class Correlator {
  public:
    struct Config {
        std::uint64_t echo_window_ns = kEchoWindowNs;
        std::size_t echo_entries = kEchoEntries;
        std::size_t session_sets = Sessions::kSets;
        // Operations that programs pushed come too, and their events are looked for.
        bool answers = true;
        // Makes the places in the tables unpredictable. Nothing: drawn at random.
        std::optional<std::uint64_t> seed{};
    };

    explicit Correlator(const Config& config);

    // A boundary that reports what it sees by itself, whatever others report. From the second one
    // on, echoes are looked for. To be called before the first event.
    void expect(Boundary boundary);

    // The next event will have this record and boundary: what it needs is fetched while other
    // things are done with it.
    void prepare(const vx_record& record, Boundary boundary);
    // Sets cause, chain and duplicate. Everything else of the view is set: seq, record, hash,
    // boundary. Events come in the order of their numbers, each once, each prepared.
    void on_event(EventView& view);
    void on_gap(const Gap& gap);

    [[nodiscard]] Counters counters() const;

  private:
    struct Prepared {
        Sessions::Key key{};
        std::uint64_t content = 0;
        bool session = false;
        bool comparable = false;
    };
    struct Recent {
        std::uint64_t seq = 0;
        std::uint64_t hash = 0;
        std::uint64_t chain = 0;
    };

    void answer(EventView& view);
    void find_echo(EventView& view, Session* opened);

    const Config config_;
    const std::uint64_t seed_;
    Sessions sessions_;
    std::unique_ptr<EchoTable> echoes_;  // none as long as one boundary reports
    std::vector<Recent> recent_;         // by number; empty: no answers come
    unsigned boundaries_ = 0;
    Prepared prepared_;
    Counters counters_;
};

}  // namespace vexfs::correlate
