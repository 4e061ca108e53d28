// SPDX-License-Identifier: Apache-2.0
#include "pushback/conflict.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "route/glob.hpp"

namespace vexfs::pushback {

namespace {

constexpr auto kStrategies = std::to_array<std::pair<std::string_view, Strategy>>({
    {"last-writer-wins", Strategy::last_writer_wins},
    {"first-writer-wins", Strategy::first_writer_wins},
    {"merge", Strategy::merge},
    {"reject", Strategy::reject},
});

// What an event changes of its object.
std::uint8_t changes_of(const vx_event& e) {
    switch (e.rec.op) {
        case VX_OP_FILE_WRITE:
        case VX_OP_FILE_TRUNCATE:
            return kContent;
        case VX_OP_FILE_CHMOD:
            return kMode;
        case VX_OP_FILE_CHOWN:
            return kOwner;
        case VX_OP_FILE_DELETE:
        case VX_OP_DIR_DELETE:
            // Nothing can be written to what is gone.
            return (e.flags & VX_F_LAST_LINK) != 0 ? kEverything : kNames;
        case VX_OP_FILE_CREATE:
        case VX_OP_DIR_CREATE:
        case VX_OP_SYMLINK_CREATE:
        case VX_OP_HARDLINK_CREATE:
        case VX_OP_FILE_RENAME:
        case VX_OP_MOUNT:
        case VX_OP_UNMOUNT:
            return kNames;
        default:
            return 0;
    }
}

}  // namespace

Result<Strategy> parse_strategy(std::string_view name) {
    for (const auto& [known, strategy] : kStrategies) {
        if (name == known) {
            return strategy;
        }
    }
    return Status::error(EINVAL, "there is no strategy \"" + std::string(name) +
                                     "\", use one of last-writer-wins, first-writer-wins, merge, "
                                     "reject");
}

std::uint8_t writes(unsigned uop, unsigned kernel_op) {
    switch (uop) {
        case VX_UOP_GRAPH_NODE_CREATE:
        case VX_UOP_GRAPH_NODE_DELETE:
        case VX_UOP_GRAPH_EDGE_CREATE:
        case VX_UOP_GRAPH_EDGE_DELETE:
        case VX_UOP_GRAPH_EDGE_UPDATE:
        case VX_UOP_GRAPH_BULK_INSERT:
        case VX_UOP_GRAPH_BULK_DELETE:
            return kNames;
        case VX_UOP_GRAPH_NODE_UPDATE:
        case VX_UOP_VECTOR_CREATE:
        case VX_UOP_VECTOR_UPDATE:
        case VX_UOP_VECTOR_DELETE:
        case VX_UOP_VECTOR_INDEX:
        case VX_UOP_VECTOR_EMBED:
            return kContent;
        case VX_UOP_GRAPH_PROPERTY_SET:
        case VX_UOP_GRAPH_PROPERTY_DELETE:
            return kernel_op == VX_OP_FILE_CHOWN ? kOwner
                   : kernel_op == VX_OP_MOUNT    ? kNames
                                                 : kMode;
        default:
            return 0;
    }
}

void Changes::note(const EventView& event) {
    if (event.pushed() || event.event().error != 0 || event.duplicate) {
        return;
    }
    const vx_event& e = event.event();
    if (e.fsid != fsid_) {
        return;
    }
    if (e.ino == ino_ && e.gen == gen_) {
        changed(changes_of(e), event.seq);
    }
    const vx_rename* rename = event.rename();
    if (rename != nullptr && (e.flags & VX_F_REPLACED) != 0 && rename->target_ino == ino_ &&
        rename->target_gen == gen_) {
        changed((e.flags & VX_F_LAST_LINK) != 0 ? kEverything : kNames, event.seq);
    }
}

void Changes::note(const Gap& gap) {
    changed(kEverything, std::max<std::uint64_t>(gap.to, 1));
}

void Changes::changed(std::uint8_t what, std::uint64_t seq) {
    what_ |= what;
    newest_ = what != 0 ? seq : newest_;
}

Verdict decide(Strategy strategy, const Changes& changes, std::uint32_t uops, unsigned kernel_op) {
    if (changes.what() == 0) {
        return {Decision::current, uops};
    }
    switch (strategy) {
        case Strategy::last_writer_wins:
            return {Decision::last_writer, uops};
        case Strategy::first_writer_wins:
            return {Decision::first_writer, 0};
        case Strategy::merge:
            for (unsigned uop = 0; uop < VX_UOP_COUNT; uop++) {
                if ((writes(uop, kernel_op) & changes.what()) != 0) {
                    uops &= ~(1U << uop);
                }
            }
            return {uops != 0 ? Decision::merged : Decision::rejected, uops};
        case Strategy::reject:
            break;
    }
    return {Decision::rejected, 0};
}

Status Rules::add(const std::string& rule) {
    const std::size_t equals = rule.rfind('=');
    const std::size_t colon = rule.find(':');
    if (equals == std::string::npos || colon == std::string::npos || colon > equals) {
        return Status::error(EINVAL, "\"" + rule + "\" is not OPERATION:PATH=STRATEGY");
    }
    const Result<Strategy> strategy = parse_strategy(std::string_view(rule).substr(equals + 1));
    if (!strategy) {
        return strategy.status().with_context("\"" + rule + "\"");
    }
    Rule added{rule.substr(0, colon), rule.substr(colon + 1, equals - colon - 1), *strategy};
    if (!route::glob_valid(added.op) || !route::glob_valid(added.path)) {
        return Status::error(EINVAL,
                             "\"" + rule + "\" has a set that is not closed, or a \\ at the end");
    }
    const auto fits = [&](unsigned uop) { return route::glob_match(added.op, vx_uop_name(uop)); };
    unsigned uop = 0;
    while (uop < VX_UOP_COUNT && !fits(uop)) {
        uop++;
    }
    if (uop == VX_UOP_COUNT) {
        return Status::error(EINVAL, "\"" + rule +
                                         "\" fits none of the userspace operations "
                                         "(`vexctl ops` lists them)");
    }
    if (rules_.size() == kMax) {
        return Status::error(EINVAL, "more than " + std::to_string(kMax) + " rules");
    }
    rules_.push_back(std::move(added));
    return {};
}

Strategy Rules::choose(std::uint32_t uops, std::string_view path) const {
    for (const Rule& rule : rules_) {
        for (unsigned uop = 0; uop < VX_UOP_COUNT; uop++) {
            if ((uops >> uop & 1U) != 0 && route::glob_match(rule.op, vx_uop_name(uop)) &&
                route::glob_match(rule.path, path)) {
                return rule.strategy;
            }
        }
    }
    return Strategy::reject;
}

}  // namespace vexfs::pushback
