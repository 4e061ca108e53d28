// SPDX-License-Identifier: Apache-2.0
#include "heal/comparison.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>

namespace vexfs::heal {

namespace {

constexpr std::uint64_t kContent = VX_OP_BIT(VX_OP_FILE_WRITE) | VX_OP_BIT(VX_OP_FILE_TRUNCATE);

// Without paths, as all here: set_paths().
Finding finding_of(const Directory& parent, const ListedName& now) {
    Finding finding;
    finding.object = now.object;
    finding.parent = parent.object;
    finding.name = now.name;
    finding.facts = now.facts;
    finding.nlink = now.nlink;
    return finding;
}

// `step` becomes a move.
Finding moved_from(Finding step, const Place& old) {
    step.op = VX_OP_FILE_RENAME;
    step.flags |= S_ISDIR(step.facts.mode) ? VX_F_DIRECTORY : 0;
    step.old_parent = old.parent;
    step.name2 = old.name;
    return step;
}

bool is_directory(const ListedName& name) { return S_ISDIR(name.facts.mode); }

unsigned create_op(std::uint32_t mode) {
    return S_ISDIR(mode)   ? unsigned{VX_OP_DIR_CREATE}
           : S_ISLNK(mode) ? unsigned{VX_OP_SYMLINK_CREATE}
                           : unsigned{VX_OP_FILE_CREATE};
}

std::uint32_t create_flags(std::uint32_t mode) {
    const bool special = !S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode);
    return VX_F_RESYNC | (S_ISDIR(mode) ? VX_F_DIRECTORY : 0) | (special ? VX_F_SPECIAL : 0);
}

}  // namespace

Status Comparison::add(const Listing& listing, std::vector<Directory>& known,
                       std::vector<Directory>& unknown) {
    const ObjectKey& parent = listing.directory.object;
    listed_.insert(parent);
    const Result<std::vector<CatalogueName>> before = catalogue_.names_in(parent);
    if (!before) {
        return before.status();
    }
    auto old = before->begin();
    const auto lose_until = [&](const std::string* name) {
        for (; old != before->end() && (name == nullptr || old->name < *name); ++old) {
            gone_[{parent, old->name}] = {.object = old->object, .type = old->type};
        }
    };
    for (const ListedName& now : listing.names) {
        lose_until(&now.name);
        const bool named = old != before->end() && old->name == now.name;
        Status status;
        bool is_known = true;
        const bool same = named && old->object == now.object &&
                          old->type == (now.facts.mode & S_IFMT);
        if (!now.covered && !same) {
            const Result<bool> knows = knows_as(now);
            status = knows.status();
            is_known = knows.value_or(true);
            if (named) {
                gone_[{parent, old->name}] = {.object = old->object, .type = old->type};
            }
            appeared_.push_back({listing.directory, now, is_known});
            Appearing& appearing = appearing_[now.object];
            appearing.names++;
            appearing.path = path_below(listing.directory.path, now.name);
        } else if (!now.covered) {
            status = compare(listing.directory, *old, now);
        }
        if (!status) {
            return status;
        }
        if (is_directory(now) && !now.covered) {
            (is_known ? known : unknown).push_back(below(listing.directory, now));
        }
        old += named ? 1 : 0;
    }
    lose_until(nullptr);
    return {};
}

// A number that is used again for another kind of object, where the file system tells no
// generation, is another object.
Result<bool> Comparison::knows_as(const ListedName& now) {
    const Result<std::optional<ObjectFacts>> facts = catalogue_.facts_of(now.object);
    if (!facts) {
        return facts.status();
    }
    return *facts ? ((*facts)->mode & S_IFMT) == (now.facts.mode & S_IFMT)
                  : catalogue_.knows(now.object);
}

Status Comparison::compare(const Directory& parent, const CatalogueName& before,
                           const ListedName& now) {
    const Result<std::optional<ObjectFacts>> facts = catalogue_.facts_of(before.object);
    if (facts) {
        compare_facts(parent, now, *facts);
    }
    return facts.status();
}

void Comparison::compare_facts(const Directory& parent, const ListedName& now,
                               const std::optional<ObjectFacts>& before) {
    const auto is_told = [this](unsigned op) { return (suspicion_.ops >> op & 1U) != 0; };
    if (is_told(VX_OP_FILE_CHMOD) && (!before || before->mode != now.facts.mode)) {
        tell(VX_OP_FILE_CHMOD, VX_F_MODE, parent, now);
    }
    if (is_told(VX_OP_FILE_CHOWN) && before &&
        (before->uid != now.facts.uid || before->gid != now.facts.gid)) {
        tell(VX_OP_FILE_CHOWN,
             (before->uid != now.facts.uid ? VX_F_OWNER : 0) |
                 (before->gid != now.facts.gid ? VX_F_GROUP : 0),
             parent, now);
    }
    if (!S_ISREG(now.facts.mode) || (suspicion_.ops & kContent) != kContent) {
        return;
    }
    const bool changed = now.ctime_ns >= suspicion_.since_ns &&
                         (!before || before->changed < suspicion_.since_seq);
    if (changed || before->size != now.facts.size) {
        tell_content(parent, now);
    }
}

// What is derived from the content is stale, and the file is not being written any more.
void Comparison::tell_content(const Directory& parent, const ListedName& now) {
    if ((suspicion_.ops >> VX_OP_FILE_WRITE & 1U) != 0) {
        tell(VX_OP_FILE_WRITE, 0, parent, now);
    }
    if ((suspicion_.ops >> VX_OP_FILE_CLOSE & 1U) != 0) {
        tell(VX_OP_FILE_CLOSE, VX_F_WROTE, parent, now);
    }
}

void Comparison::tell(unsigned op, std::uint32_t flags, const Directory& parent,
                      const ListedName& now) {
    if (!told_[op].insert(now.object).second) {
        return;  // by another of its names
    }
    Finding change = finding_of(parent, now);
    change.op = op;
    change.flags |= flags | (is_directory(now) ? VX_F_DIRECTORY : 0);
    changed_.push_back(std::move(change));
}

// Where a directory is to be looked for, which may be below one that has appeared elsewhere.
Result<std::string> Comparison::look_for(const ObjectKey& directory) {
    std::string below;
    const Result<std::vector<Catalogue::Link>> chain = catalogue_.chain_of(directory);
    if (!chain) {
        return chain.status();
    }
    for (const Catalogue::Link& link : *chain) {
        const auto appearing = appearing_.find(link.object);
        if (appearing != appearing_.end()) {
            return appearing->second.path + below;
        }
        below.insert(0, "/" + link.name);
    }
    return catalogue_.look_for(directory);
}

Status Comparison::add_gone(const ObjectKey& directory) {
    if (!listed_.insert(directory).second) {
        return {};
    }
    const Result<std::vector<CatalogueName>> names = catalogue_.names_in(directory);
    if (!names) {
        return names.status();
    }
    for (const CatalogueName& name : *names) {
        gone_[{directory, name.name}] = {.object = name.object, .type = name.type};
    }
    return {};
}

// All that was below a directory that is nowhere any more. Losses can have made a circle of that:
// each of two has moved into the other, as far as anybody knows.
Status Comparison::add_below_gone() {
    std::vector<ObjectKey> left;
    const auto consider = [&](const Gone& gone) {
        if (gone.type == S_IFDIR && appearing_.count(gone.object) == 0) {
            left.push_back(gone.object);
        }
    };
    for (const auto& [name, gone] : gone_) {
        consider(gone);
    }
    while (!left.empty()) {
        const ObjectKey directory = left.back();
        left.pop_back();
        if (listed_.count(directory) != 0) {
            continue;
        }
        const Result<std::vector<CatalogueName>> names = catalogue_.names_in(directory);
        const Status status = names ? add_gone(directory) : names.status();
        if (!status) {
            return status;
        }
        for (const CatalogueName& name : *names) {
            consider({.object = name.object, .type = name.type});
        }
    }
    return {};
}

Result<std::vector<Finding>> Comparison::findings() {
    Status status = add_below_gone();
    if (status) {
        status = read_untold();
    }
    for (const auto& [name, gone] : gone_) {
        gone_of_.emplace(gone.object, name);
    }
    for (auto at = appeared_.begin(); status && at != appeared_.end(); ++at) {
        status = explain(*at);
    }
    if (status) {
        status = explain_gone();
    }
    if (!status) {
        return status;
    }
    Result<std::vector<Finding>> ordered = arrange(std::move(steps_), catalogue_);
    std::vector<Finding> all;
    status = ordered ? tell_untold(all) : ordered.status();
    if (!status) {
        return status;
    }
    std::move(changed_.begin(), changed_.end(), std::back_inserter(*ordered));
    status = set_paths(*ordered, catalogue_);
    std::move(ordered->begin(), ordered->end(), std::back_inserter(all));
    return status ? Result<std::vector<Finding>>(std::move(all)) : status;
}

Status Comparison::read_untold() {
    Result<std::vector<Catalogue::Untold>> all = catalogue_.untold();
    if (!all) {
        return all.status();
    }
    untold_ = *std::move(all);
    for (const Catalogue::Untold& untold : untold_) {
        const Result<bool> named = catalogue_.knows(untold.object);
        if (!named) {
            return named.status();
        }
        if (!untold.from && !*named && appears(untold.object)) {
            left_behind_.emplace(untold.object, untold.place);
        }
    }
    return {};
}

// Where everybody has it who has followed the stream, once what is untold is told.
Result<std::optional<Place>> Comparison::told_place(const Catalogue::Untold& untold) {
    const auto behind = left_behind_.find(untold.object);
    if (untold.from || behind != left_behind_.end()) {
        return std::optional(untold.from ? untold.place : behind->second);
    }
    const Result<std::vector<Place>> places = catalogue_.places_of(untold.object);
    if (!places) {
        return places.status();
    }
    return places->empty() ? std::optional<Place>() : places->front();
}

// Whether an object has the name that it had before an exchange: an event has given it back.
Result<bool> Comparison::has_again(const Place& old, const ObjectKey& object) {
    const Result<std::optional<CatalogueName>> there = catalogue_.find(old.parent, old.name);
    if (!there) {
        return there.status();
    }
    return *there && (*there)->object == object;
}

// Before all that is found, which begins with what the catalogue has by now.
Status Comparison::tell_untold(std::vector<Finding>& out) {
    for (const Catalogue::Untold& untold : untold_) {
        const Place old = untold.from.value_or(untold.place);
        const Result<std::optional<Place>> now = told_place(untold);
        if (!now) {
            return now.status();
        }
        if (*now == old) {
            continue;  // it moves on from there, among the steps
        }
        Result<Finding> step = step_at(now->value_or(old), untold.object,
                                       untold.from ? std::uint32_t{0} : std::uint32_t{S_IFDIR});
        if (!step) {
            return step.status();
        }
        const Result<bool> again = untold.from ? has_again(old, untold.object) : false;
        if (!again) {
            return again.status();
        }
        step->op = *again ? VX_OP_HARDLINK_CREATE : VX_OP_DIR_DELETE;
        if (*now && !*again) {
            step->flags |= untold.from ? std::uint32_t{VX_F_EXCHANGE} : 0;
            step = moved_from(*std::move(step), old);
        }
        out.push_back(*std::move(step));
    }
    return set_paths(out, catalogue_);
}

// What the catalogue knows of an object at a place. `type`: what it is there, in S_IFMT bits; 0: as
// the catalogue says.
Result<Finding> Comparison::step_at(const Place& place, const ObjectKey& object,
                                    std::uint32_t type) {
    const Result<std::optional<ObjectFacts>> facts = catalogue_.facts_of(object);
    if (!facts) {
        return facts.status();
    }
    Finding step;
    step.object = object;
    step.parent = place.parent;
    step.name = place.name;
    step.facts.mode = type;
    if (*facts && (type == 0 || ((*facts)->mode & S_IFMT) == type)) {
        step.facts = **facts;
    }
    step.flags |= S_ISDIR(step.facts.mode) ? VX_F_DIRECTORY : 0;
    return step;
}

Status Comparison::explain(Appeared& appeared) {
    const ListedName& now = appeared.name;
    Finding step = finding_of(appeared.parent, now);
    if (!appeared.known) {
        const bool first = created_.insert(now.object).second;
        if (const auto behind = left_behind_.find(now.object);
            first && behind != left_behind_.end()) {
            steps_.push_back(moved_from(std::move(step), behind->second));
            return {};
        }
        step.op = first ? create_op(now.facts.mode) : unsigned{VX_OP_HARDLINK_CREATE};
        step.flags = create_flags(now.facts.mode);
        step.name2 = first ? now.target : std::string();
        steps_.push_back(std::move(step));
        if (first && S_ISREG(now.facts.mode) && now.facts.size != 0) {
            tell_content(appeared.parent, now);
        }
        return {};
    }
    Place from;
    const Result<bool> moved = find_old_name(appeared, from);
    const Result<std::optional<ObjectFacts>> facts = catalogue_.facts_of(now.object);
    if (!moved || !facts) {
        return moved ? facts.status() : moved.status();
    }
    compare_facts(appeared.parent, now, *facts);
    if (*moved) {
        steps_.push_back(moved_from(std::move(step), from));
        return {};
    }
    step.op = VX_OP_HARDLINK_CREATE;
    step.flags |= is_directory(now) ? VX_F_DIRECTORY : 0;
    steps_.push_back(std::move(step));
    return {};
}

// A name that the object has lost, and that no other of its new names has taken. False: it has
// kept all of them.
Result<bool> Comparison::find_old_name(const Appeared& appeared, Place& from) {
    const ObjectKey& object = appeared.name.object;
    const auto [first, last] = gone_of_.equal_range(object);
    for (auto at = first; at != last; ++at) {
        Gone& gone = gone_[at->second];
        if (gone.type == (appeared.name.facts.mode & S_IFMT) && !std::exchange(gone.moved, true)) {
            from = at->second;
            return true;
        }
    }
    const Result<std::vector<Place>> places = catalogue_.places_of(object);
    if (!places) {
        return places.status();
    }
    for (const Place& place : *places) {
        if (listed_.count(place.parent) != 0 || gone_.count(place) != 0) {
            continue;
        }
        const Result<std::string> path = look_for(place.parent);
        if (!path) {
            return path.status();
        }
        const bool has = has_name({place.parent, *path}, place.name, object).value_or(true);
        if (is_directory(appeared.name) || !has) {
            gone_[place] = {.object = object,
                            .type = appeared.name.facts.mode & S_IFMT,
                            .moved = true};
            from = place;
            return true;
        }
    }
    return false;
}

Status Comparison::explain_gone() {
    std::unordered_map<ObjectKey, unsigned, ObjectKeyHash> going;
    std::unordered_map<ObjectKey, unsigned, ObjectKeyHash> deletions;
    for (const auto& [name, gone] : gone_) {
        ++going[gone.object];
        deletions[gone.object] += gone.moved ? 0 : 1;
    }
    for (const auto& [name, gone] : gone_) {
        if (gone.moved) {
            continue;
        }
        const Result<std::vector<Place>> places = catalogue_.places_of(gone.object);
        Result<Finding> step = step_at(name, gone.object, gone.type);
        if (!places || !step) {
            return places ? step.status() : places.status();
        }
        const bool nameless = places->size() + appearing_[gone.object].names <= going[gone.object];
        const bool last = --deletions[gone.object] == 0 && nameless;
        const bool directory = gone.type == S_IFDIR;
        step->op = directory ? unsigned{VX_OP_DIR_DELETE} : unsigned{VX_OP_FILE_DELETE};
        step->flags |= !directory && last ? std::uint32_t{VX_F_LAST_LINK} : 0;
        steps_.push_back(*std::move(step));
    }
    return {};
}

}  // namespace vexfs::heal
