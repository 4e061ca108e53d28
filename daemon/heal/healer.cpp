// SPDX-License-Identifier: Apache-2.0
#include "heal/healer.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_set>
#include <utility>

#include "heal/lister.hpp"

namespace vexfs::heal {

namespace {

bool is_scope(const std::vector<Scope>& scopes, const ObjectKey& object) {
    return std::any_of(scopes.begin(), scopes.end(),
                       [&](const Scope& scope) { return scope.root == object; });
}

Suspicion suspicion_of(const Pending& wanted, const std::vector<Scope>& scopes) {
    Suspicion suspicion{.since_seq = wanted.since_seq, .since_ns = wanted.since_ns, .ops = 0};
    for (const Scope& scope : scopes) {
        suspicion.ops |= scope.ops;
    }
    return suspicion;
}

Finding mark_of(const Scope& scope) {
    Finding mark;
    mark.op = VX_OP_SYNC;
    mark.flags = VX_F_RESYNC | VX_F_SYNC_FS | VX_F_DIRECTORY;
    mark.object = scope.root;
    mark.path = scope.path;
    return mark;
}

}  // namespace

// One look at a tree, as far as it has come.
struct Healer::Look {
    Look(Catalogue& catalogue, const Suspicion& suspicion) : comparison(catalogue, suspicion) {}

    void add_trees(const std::vector<Directory>& directories) {
        for (const Directory& directory : directories) {
            trees.insert(directory.object);
        }
    }

    Comparison comparison;
    std::unordered_set<ObjectKey, ObjectKeyHash> seen;
    std::unordered_set<ObjectKey, ObjectKeyHash> trees;  // see Pending
    std::vector<ObjectKey> moved;  // directories that were not where they were looked for
    std::vector<ObjectKey> later;  // they are where this look has found something
    bool more = false;             // there are more differences than are held at once
    Lister lister{Tools::kThreads};
};

Status Healer::heal(Pending& wanted, const std::vector<Scope>& scopes) {
    for (unsigned n = 0; wanted.any(); ++n) {
        if (n == Tools::kPassesMax) {
            return Status::error(EAGAIN, "the tree changes faster than it can be looked at");
        }
        if (Status status = pass(wanted, scopes, n < kLossesMax); !status) {
            return status;
        }
    }
    std::vector<Finding> marks;
    std::transform(scopes.begin(), scopes.end(), std::back_inserter(marks), mark_of);
    const Status status = tools_.stream.tell(std::move(marks)).status();
    return status ? tools_.catch_up() : status;
}

// From here on the stream remembers what events speak of. A loss that comes with what has happened
// before is looked for at once: it may tell where something has gone to. What events have said
// before that loss does not count: it may have been undone by what was lost.
Status Healer::begin(Pending& wanted) {
    for (unsigned n = 1;; ++n) {
        Status status = tools_.stream.begin();
        if (status) {
            status = tools_.catch_up();
        }
        if (!status || !tools_.follower.pending().any() || n == kLossesMax) {
            return status;
        }
        wanted.add(tools_.follower.take_pending());
    }
}

// Looks once, and tells. `wanted` is then what is left to be looked at.
Status Healer::pass(Pending& wanted, const std::vector<Scope>& scopes, bool careful) {
    Status status = begin(wanted);
    if (!status) {
        return status;
    }
    Look look(tools_.follower.catalogue(), suspicion_of(wanted, scopes));
    status = look_at(wanted, scopes, look);
    if (status && !wanted.everywhere && !look.moved.empty()) {
        wanted.everywhere = true;  // a directory above has moved within the loss: to anywhere
        return {};
    }
    Result<std::vector<Finding>> findings = status ? look.comparison.findings() : status;
    status = !findings          ? findings.status()
             : findings->empty() ? tools_.catch_up()
                                 : tools_.catch_up_with_calls();
    if (!status || (careful && tools_.follower.pending().any())) {
        return status;  // more was lost meanwhile: it may have moved what seems to have gone
    }
    Pending left;
    left.everywhere = look.more;
    for (const auto& not_seen : {look.moved, look.later}) {
        for (const ObjectKey& directory : not_seen) {
            const bool tree = wanted.everywhere || look.trees.count(directory) != 0;
            (tree ? left.trees : left.directories).insert(directory);
        }
    }
    left.since_seq = wanted.since_seq;
    left.since_ns = wanted.since_ns;
    left.gaps = wanted.gaps;
    status = tell(*std::move(findings), left);
    wanted = status ? left : wanted;
    return status;
}

// Where events settle only a part of a finding, it is to be looked at again.
Status Healer::tell(std::vector<Finding> findings, Pending& left) {
    const Result<StreamPort::Told> told = tools_.stream.tell(std::move(findings));
    if (!told) {
        return told.status();
    }
    tools_.progress.told += told->events;
    left.directories.insert(told->again.directories.begin(), told->again.directories.end());
    if (Status status = tools_.catch_up(); !status) {
        return status;
    }
    for (const ObjectKey& object : told->again.objects) {
        const Result<std::vector<Place>> places =
            tools_.follower.catalogue().places_of(object);
        if (!places) {
            return places.status();
        }
        for (const Place& place : *places) {
            left.directories.insert(place.parent);
        }
    }
    return {};
}

// What is left in the catalogue of directories that have gone. One that was not looked into, and is
// in or below something that was found, is where that is once it is told: for the next look.
Status Healer::look_nowhere(std::vector<ObjectKey> gone, bool everywhere, Look& look) {
    if (everywhere) {
        const Result<std::vector<ObjectKey>> orphaned = tools_.follower.catalogue().orphaned();
        if (!orphaned) {
            return orphaned.status();
        }
        gone.insert(gone.end(), orphaned->begin(), orphaned->end());
    }
    for (const ObjectKey& directory : gone) {
        if (look.seen.count(directory) != 0) {
            continue;
        }
        const Result<bool> later = turns_up(directory, everywhere, look);
        Status status = later.status();
        if (status && *later) {
            look.later.push_back(directory);
        } else if (status) {
            status = look.comparison.add_gone(directory);
        }
        if (!status) {
            return status;
        }
    }
    return {};
}

// A look at everything has found what is not any more in a directory that it has looked into, or
// that has gone.
Result<bool> Healer::turns_up(const ObjectKey& directory, bool everywhere, const Look& look) {
    const auto chain = tools_.follower.catalogue().chain_of(directory);
    if (!chain) {
        return chain.status();
    }
    for (auto link = chain->begin(); link != chain->end(); ++link) {
        const auto above = std::next(link);
        if (look.comparison.appears(link->object)) {
            return true;
        }
        if (above != chain->end() && look.seen.count(above->object) != 0) {
            return !everywhere || !look.comparison.is_gone({above->object, link->name});
        }
    }
    return false;
}

// Lists all that is to be looked at. What moves meanwhile is where the events say by then.
Status Healer::look_at(const Pending& wanted, const std::vector<Scope>& scopes, Look& look) {
    std::vector<ObjectKey> nowhere;
    std::vector<ObjectKey> all(wanted.directories.begin(), wanted.directories.end());
    all.insert(all.end(), wanted.trees.begin(), wanted.trees.end());
    look.trees = wanted.trees;
    const Result<std::vector<Directory>> named = tools_.find_places(std::move(all), nowhere);
    if (!named) {
        return named.status();
    }
    look.lister.add(*named);
    if (wanted.everywhere) {
        for (const Scope& scope : scopes) {
            look.lister.add({{scope.root, scope.place}});
        }
    }
    tools_.progress.directories = 0;
    for (unsigned round = 0;; ++round) {
        while (std::optional<Listing> listing = look.lister.next()) {
            tools_.progress.directories++;
            tools_.progress.waiting = look.lister.left();
            Status status = tools_.stopped();
            if (status) {
                status = take(*listing, wanted.everywhere, scopes, look);
            }
            if (!status || look.more) {
                return status;
            }
        }
        if (look.moved.empty() || !wanted.everywhere || round == kRoundsMax) {
            return look_nowhere(std::move(nowhere), wanted.everywhere, look);
        }
        const Status status = tools_.catch_up();
        const Result<std::vector<Directory>> places =
            status ? tools_.find_places(std::exchange(look.moved, {}), nowhere) : status;
        if (!places) {
            return places.status();
        }
        look.lister.add(*places);
    }
}

Status Healer::take(const Listing& listing, bool everywhere, const std::vector<Scope>& scopes,
                    Look& look) {
    const Directory& directory = listing.directory;
    if (look.seen.count(directory.object) != 0) {
        return {};
    }
    if (listing.state != Listing::State::complete && is_scope(scopes, directory.object)) {
        return cannot_look(listing);
    }
    if (listing.state == Listing::State::moved) {
        look.moved.push_back(directory.object);
        return {};
    }
    look.seen.insert(directory.object);
    if (listing.state == Listing::State::refused) {
        spdlog::warn("cannot look for what was lost: {}", listing.status.message());
        return {};
    }
    std::vector<Directory> known;
    std::vector<Directory> unknown;
    if (Status status = look.comparison.add(listing, known, unknown); !status) {
        return status;
    }
    look.more = look.comparison.size() >= kDifferencesMax;
    const bool tree = look.trees.count(directory.object) != 0;
    if (tree) {
        look.add_trees(known);
        look.add_trees(unknown);
    }
    if (everywhere || tree) {
        look.lister.add(std::move(known));
    }
    look.lister.add(std::move(unknown));
    return {};
}

}  // namespace vexfs::heal
