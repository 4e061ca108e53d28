// SPDX-License-Identifier: Apache-2.0
// Scope, Progress, Tools: what looking at the tree is about, how far it is, and what it is done
// with.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "heal/follower.hpp"
#include "heal/listing.hpp"
#include "heal/stream_port.hpp"

namespace vexfs::heal {

// A tree that is kept in the catalogue.
struct Scope {
    ObjectKey root;
    std::string path;         // absolute, as events call it
    std::string place;        // absolute: where to look
    std::uint64_t ops = 0;    // VX_OP_BIT()s that are observed
    std::uint64_t since = 0;  // observed from behind this event on

    [[nodiscard]] bool same(const Scope& other) const {
        return root == other.root && path == other.path && place == other.place &&
               ops == other.ops;
    }
};

// Read by other threads meanwhile.
struct Progress {
    std::atomic<std::uint64_t> directories{0};  // that were looked at, of this look
    std::atomic<std::uint64_t> waiting{0};      // that are known of besides
    std::atomic<std::uint64_t> told{0};         // events, since the start
};

struct Tools {
    static constexpr unsigned kThreads = 4;      // that read directories
    static constexpr unsigned kPassesMax = 100;  // of one look: then the tree changes too fast

    Follower& follower;
    StreamPort& stream;
    Progress& progress;
    std::function<bool()> stop;  // whether to give up
    unsigned call_ms = 100;      // that a call takes to say what it has done
    std::size_t touched_most = Touched::kMost;  // what is remembered of events in a first look

    // Changes the catalogue, or leaves it as it is.
    Status change(const std::function<Status(Catalogue&)>& fn) const {
        return follower.change(fn);
    }
    // The catalogue knows all that has happened before this call.
    Status catch_up() const {
        const Result<std::uint64_t> seq = stream.sync();
        return seq ? follower.catch_up(*seq) : seq.status();
    }
    // The same, and what was done by a call that was not over by then: what it did can be looked at
    // a little before its event is written, above all through a mount.
    Status catch_up_with_calls() const;
    // Where directories are, as far as the catalogue knows; the others are put into `nowhere`.
    Result<std::vector<Directory>> find_places(std::vector<ObjectKey> objects,
                                               std::vector<ObjectKey>& nowhere) const;
    // ECANCELED, or nothing.
    [[nodiscard]] Status stopped() const {
        return stop() ? Status::error(ECANCELED, "vexfsd ends") : Status();
    }
};

// A scope that is not where it should be, or cannot be read: EAGAIN.
Status cannot_look(const Listing& listing);

}  // namespace vexfs::heal
