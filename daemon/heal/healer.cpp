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

// What was looked at behind a mount is called as events call it.
void rename_places(std::vector<Finding>& findings, const std::vector<Scope>& scopes) {
    for (const Scope& scope : scopes) {
        for (Finding& finding : findings) {
            if (scope.place != scope.path && finding.path.starts_with(scope.place + "/")) {
                finding.path.replace(0, scope.place.size(), scope.path);
            }
        }
    }
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

Status Healer::heal(const Pending& pending, const std::vector<Scope>& scopes) {
    Suspicion suspicion{.since_seq = pending.since_seq, .since_ns = pending.since_ns, .ops = 0};
    for (const Scope& scope : scopes) {
        suspicion.ops |= scope.ops;
    }
    Status status = tools_.catch_up();
    Result<std::vector<Directory>> places =
        status ? tools_.find_places({pending.directories.begin(), pending.directories.end()})
               : status;
    status = places.status();
    Work work{.everywhere = pending.everywhere, .directories = places.value_or({})};
    for (unsigned n = 0; status && (work.everywhere || !work.directories.empty()); ++n) {
        if (n == Tools::kPassesMax) {
            return Status::error(EAGAIN, "the tree changes faster than it can be looked at");
        }
        Result<Work> left = pass(work, suspicion, scopes);
        status = left.status();
        work = left.value_or({});
    }
    if (!status) {
        return status;
    }
    std::vector<Finding> marks;
    std::transform(scopes.begin(), scopes.end(), std::back_inserter(marks), mark_of);
    status = tools_.stream.tell(std::move(marks)).status();
    return status ? tools_.catch_up() : status;
}

// Looks once; what is left to be looked at afterwards.
Result<Healer::Work> Healer::pass(const Work& work, const Suspicion& suspicion,
                                  const std::vector<Scope>& scopes) {
    tools_.progress.passes++;
    Comparison comparison(tools_.follower.catalogue(), suspicion);
    Work again;
    Status status = tools_.stream.begin();
    if (status) {
        status = tools_.catch_up();
    }
    if (status) {
        status = look(work, scopes, comparison, again);
    }
    Result<std::vector<Finding>> findings = status ? comparison.findings() : status;
    if (!findings) {
        return findings.status();
    }
    rename_places(*findings, scopes);
    return after(*std::move(findings), std::move(again));
}

// Tells what was found. Where events have spoken in between, and where something was on its way to
// another place, is to be looked at again.
Result<Healer::Work> Healer::after(std::vector<Finding> findings, Work again) {
    const std::size_t found = findings.size();
    const Result<std::uint64_t> all_read = tools_.stream.sync();
    const Result<std::vector<Finding>> spoken_of =
        all_read ? tools_.stream.tell(std::move(findings)) : all_read.status();
    Status status = spoken_of ? tools_.catch_up() : spoken_of.status();
    if (!status) {
        return status;
    }
    tools_.progress.told += found - spoken_of->size();
    std::vector<ObjectKey> objects;
    for (const Directory& directory : again.directories) {
        objects.push_back(directory.object);
    }
    for (const Finding& finding : *spoken_of) {
        objects.push_back(finding.parent);
        if (finding.op == VX_OP_FILE_RENAME) {
            objects.push_back(finding.old_parent);
        }
    }
    Result<std::vector<Directory>> places = tools_.find_places(std::move(objects));
    if (!places) {
        return places.status();
    }
    again.directories = std::move(*places);
    return again;
}

Status Healer::look(const Work& work, const std::vector<Scope>& scopes, Comparison& comparison,
                    Work& again) {
    Lister lister(Tools::kThreads);
    lister.add(work.directories);
    if (work.everywhere) {
        for (const Scope& scope : scopes) {
            lister.add({{scope.root, scope.place}});
        }
    }
    tools_.progress.directories = 0;
    std::unordered_set<ObjectKey, ObjectKeyHash> seen;
    while (std::optional<Listing> listing = lister.next()) {
        tools_.progress.directories++;
        tools_.progress.waiting = lister.left();
        const Directory& directory = listing->directory;
        if (Status status = tools_.stopped(); !status) {
            return status;
        }
        if (!seen.insert(directory.object).second) {
            continue;
        }
        if (listing->state != Listing::State::complete && is_scope(scopes, directory.object)) {
            return cannot_look(*listing);
        }
        if (listing->state == Listing::State::refused) {
            spdlog::warn("cannot look for what was lost: {}", listing->status.message());
            continue;
        }
        if (listing->state == Listing::State::moved) {
            again.directories.push_back(directory);
            continue;
        }
        std::vector<Directory> known;
        std::vector<Directory> unknown;
        if (Status status = comparison.add(*listing, known, unknown); !status) {
            return status;
        }
        if (comparison.size() >= kDifferencesMax) {
            again.everywhere = true;
            return {};
        }
        if (work.everywhere) {
            lister.add(std::move(known));
        }
        lister.add(std::move(unknown));
    }
    return {};
}

}  // namespace vexfs::heal
