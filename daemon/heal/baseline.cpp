// SPDX-License-Identifier: Apache-2.0
#include "heal/baseline.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "heal/lister.hpp"

namespace vexfs::heal {

Status Baseline::take() {
    Status status = begin();
    std::vector<Directory> next{{scope_.root, scope_.place}};
    std::vector<ObjectKey> nowhere;  // gone, or below what has not been found yet
    for (unsigned n = 0; status && !next.empty(); ++n) {
        if (n == Tools::kPassesMax) {
            return Status::error(EAGAIN, "the tree changes faster than it can be looked at");
        }
        status = pass(std::exchange(next, {}));
        const auto left = std::exchange(nowhere, {});
        std::copy_if(left.begin(), left.end(), std::back_inserter(again_), is_to_be_listed());
        Result<std::vector<Directory>> places =
            status ? tools_.find_places(again_, nowhere) : status;
        status = places.status();
        next = places.value_or({});
    }
    return status ? end() : status;
}

// What an earlier look has put in and not finished is not to be trusted.
Status Baseline::begin() {
    if (Status status = tools_.catch_up(); !status) {
        return status;
    }
    const std::uint64_t next = tools_.follower.applied_seq() + 1;
    return tools_.change([&](Catalogue& catalogue) {
        const Status status = catalogue.add_root(scope_.root, scope_.path, scope_.place,
                                                  scope_.since);
        if (!status || replayed_) {
            return status;
        }
        const Result<std::vector<CatalogueName>> left =
            catalogue.names_in(scope_.root);
        since_ = left && left->empty() ? 0 : next;
        return left ? catalogue.forget_below(scope_.root, next) : left.status();
    });
}

Status Baseline::end() {
    return tools_.change(
        [&](Catalogue& catalogue) { return catalogue.set_complete(scope_.root); });
}

// Looks into directories, and below. again_ is then what is left.
Status Baseline::pass(std::vector<Directory> directories) {
    std::vector<ObjectKey> moved;  // before they were listed
    again_.clear();
    touched_.clear();
    tools_.follower.tell(&touched_);
    tools_.follower.catalogue().set_on_unlooked(
        [&](const ObjectKey& directory, Catalogue::From from) {
            if (from == Catalogue::From::outside) {
                arrived_.insert(directory);
            } else {
                moved.push_back(directory);
            }
        });
    const Status status = look(std::move(directories));
    tools_.follower.catalogue().set_on_unlooked({});
    tools_.follower.tell(nullptr);
    std::copy_if(moved.begin(), moved.end(), std::back_inserter(again_), is_to_be_listed());
    return status;
}

Status Baseline::look(std::vector<Directory> directories) {
    Lister lister(Tools::kThreads);
    lister.add(std::move(directories));
    tools_.progress.directories = 0;
    std::vector<Listing> chunk;
    std::size_t names = 0;
    Status status;
    while (std::optional<Listing> listing = lister.next()) {
        tools_.progress.directories++;
        tools_.progress.waiting = lister.left();
        status = tools_.stopped();
        if (status) {
            status = judge(*listing);
        }
        if (!status) {
            return status;
        }
        std::vector<Directory> next;
        for (const ListedName& name : listing->names) {
            if (S_ISDIR(name.facts.mode) && !name.covered && listed_.count(name.object) == 0) {
                next.push_back(below(listing->directory, name));
            }
        }
        lister.add(std::move(next));
        names += listing->names.size();
        chunk.push_back(std::move(*listing));
        if (names >= kChunk) {
            status = insert(chunk);
            names = 0;
        }
        if (!status) {
            return status;
        }
    }
    return insert(chunk);
}

// What could not be listed: the scope itself must be.
Status Baseline::judge(const Listing& listing) {
    if (listing.state == Listing::State::complete) {
        listed_.insert(listing.directory.object);
        return {};
    }
    if (listing.directory.object == scope_.root) {
        return cannot_look(listing);
    }
    if (listing.state == Listing::State::refused) {
        spdlog::warn("the catalogue lacks what cannot be read: {}", listing.status.message());
    } else {
        again_.push_back(listing.directory.object);
    }
    return {};
}

// Or leaves it to the next pass, when nobody knows any more what events have spoken of.
Status Baseline::insert(std::vector<Listing>& chunk) {
    const Status current = tools_.catch_up();
    if (!current) {
        return current;
    }
    if (touched_.everything()) {
        for (const Listing& listing : std::exchange(chunk, {})) {
            list_again(listing.directory.object);
        }
        return {};
    }
    return tools_.change([&](Catalogue&) {
        Status status;
        for (const Listing& listing : std::exchange(chunk, {})) {
            if (status && listing.state == Listing::State::complete) {
                status = insert_listing(listing);
            }
        }
        return status;
    });
}

void Baseline::list_again(const ObjectKey& directory) {
    listed_.erase(directory);
    again_.push_back(directory);
}

// A directory that has left the scope by now takes nothing in.
Status Baseline::insert_listing(const Listing& listing) {
    const ObjectKey& parent = listing.directory.object;
    const Result<bool> known = tools_.follower.catalogue().knows(parent);
    if (!known || !*known || arrived_.count(parent) != 0) {
        return known.status();
    }
    for (const ListedName& name : listing.names) {
        if (!name.covered && !touched_.name(parent, name.name)) {
            if (Status status = insert_name(parent, name); !status) {
                return status;
            }
        }
    }
    return {};
}

Status Baseline::insert_name(const ObjectKey& parent, const ListedName& name) {
    Catalogue& catalogue = tools_.follower.catalogue();
    const Result<std::optional<CatalogueName>> before = catalogue.find(parent, name.name);
    const Result<std::optional<ObjectFacts>> known = catalogue.facts_of(name.object);
    if (!before || !known) {
        return before ? known.status() : before.status();
    }
    ObjectFacts facts = name.facts;
    facts.changed = *known ? (*known)->changed : tools_.follower.applied_seq();
    if (touched_.facts(name.object)) {
        // Looked at before what an event says of it, or after: nobody knows.
        if (*known) {
            facts = **known;
        } else {
            list_again(parent);
        }
    }
    const bool same = *before && (*before)->object == name.object;
    return catalogue.set_name(parent, name.name, name.object, facts,
                              same ? (*before)->since : since_);
}

}  // namespace vexfs::heal
