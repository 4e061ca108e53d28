// SPDX-License-Identifier: Apache-2.0
// Sessions: an open file from its open to its close, as far as that can be told without doubt.
//
// A record says which process did something to which object, and not through which descriptor. So
// an event belongs to an open for sure only if that is the only one of the object, and the event is
// of the process that made it. As soon as an object is open twice, whoever opened it (a descriptor
// can be inherited and passed on), nothing of it is said to belong to an open, until all are
// closed. Nor is anything of another process than the opener.
//
// What was not seen cannot be taken into account: an open before the watch, or of a directory or an
// operation that is not watched. When opens are lost, what is open then is in doubt.
//
// Fixed size: the files that are open, 64 bytes each. When there is no room for one, the oldest in
// its place is forgotten, and from then on opens of objects that have the same place are in doubt.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "vexfs/event.hpp"

namespace vexfs::correlate {

struct Session {
    std::uint64_t fsid;
    std::uint64_t ino;
    std::uint64_t chain;  // of all its events
    std::uint64_t open;   // number of the open
    std::uint64_t write;  // of the last write; 0: none
    std::uint32_t gen;
    std::uint32_t pid;    // who opened it
    std::uint32_t opens;  // of the object, not closed; 0: the place is empty
    std::uint32_t round;  // losses of opens before it
    Boundary boundary;
    bool doubtful;
};
static_assert(sizeof(Session) == 64);

struct SessionCounters {
    std::uint64_t open = 0;  // objects that are open now
    std::uint64_t doubtful =
        0;  // opens that got no session: open already, or something was forgotten
    std::uint64_t evicted = 0;  // sessions that were forgotten before their end
};

class Sessions {
  public:
    // `sets` is a power of two; room for 8 objects in each.
    explicit Sessions(std::size_t sets = kSets, std::uint64_t seed = 0);

    // Where an object's session is, if it has one.
    struct Key {
        std::uint64_t fsid;
        std::uint64_t ino;
        std::uint32_t gen;
        Boundary boundary;
        std::uint32_t set;
        std::uint32_t tag;  // never 0
    };
    [[nodiscard]] Key key_of(const vx_event& event, Boundary boundary) const;
    // An on_event() with this key comes: fetches the place where that begins.
    void prepare(const Key& key) const { __builtin_prefetch(&tags_[key.set], 1); }

    // An event of this operation can begin, go on with or end a session now.
    [[nodiscard]] bool concerned(unsigned op) const {
        return (kOps >> op & 1U) != 0 && (counters_.open != 0 || op == VX_OP_FILE_OPEN);
    }
    // Sets cause and chain of such an event, if it belongs to a session.
    // Returns the session of an open that begins one, else nullptr; good until the next call.
    Session* on_event(EventView& view, const Key& key);

    // Opens were lost: what is open now is in doubt until it is closed.
    void on_lost_opens() { round_++; }

    [[nodiscard]] const SessionCounters& counters() const { return counters_; }

    static constexpr std::size_t kWays = 8;
    // 65,536 objects: 4.3 MiB.
    static constexpr std::size_t kSets = 8192;

  private:
    static constexpr std::uint64_t kOps = VX_OP_BIT(VX_OP_FILE_OPEN) | VX_OP_BIT(VX_OP_FILE_CLOSE) |
                                          VX_OP_BIT(VX_OP_FILE_READ) | VX_OP_BIT(VX_OP_FILE_WRITE) |
                                          VX_OP_BIT(VX_OP_DIR_READ) | VX_OP_BIT(VX_OP_SYNC);

    struct Tags {
        std::array<std::uint32_t, kWays> of{};  // of each way; 0: empty
        bool forgetful = false;                 // an object of this set was forgotten while open
    };

    [[nodiscard]] Session* find(const Key& key);
    Session& make(const Key& key);
    Session* on_open(EventView& view, const Key& key);
    void on_use(EventView& view, const Key& key);
    void on_close(EventView& view, const Key& key);
    [[nodiscard]] bool belongs(const Session& session, const vx_event& event) const {
        return !session.doubtful && session.round == round_ && session.pid == event.pid;
    }

    const std::uint64_t seed_;
    std::vector<Tags> tags_;
    std::vector<Session> sessions_;
    std::uint32_t round_ = 0;
    SessionCounters counters_;
};

}  // namespace vexfs::correlate
