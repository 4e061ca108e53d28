// SPDX-License-Identifier: Apache-2.0
// The rule table of the translation, kernel operation -> userspace operations.
//
// A rule applies when all bits of `all` and none of `none` are set in the event's conditions: its
// VX_F_* flags, and the bits below that are derived from its fields. The rules of one operation
// stand together; those that apply give the unit, in their order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vexfs/event.hpp"

namespace vexfs::translate {

// Derived conditions, above the flags of the ABI.
inline constexpr std::uint32_t kRegular = 1U << 24;        // a regular file
inline constexpr std::uint32_t kGone = 1U << 25;           // nobody can reach it: no name, no link
inline constexpr std::uint32_t kHasVector = 1U << 26;      // known to have a vector
inline constexpr std::uint32_t kNoVector = 1U << 27;       // known to have none
inline constexpr std::uint32_t kTargetRegular = 1U << 28;  // the same for a replaced target
inline constexpr std::uint32_t kTargetNoVector = 1U << 29;
static_assert(VX_F_ALL < kRegular, "a flag of the ABI took the place of a derived condition");

struct Rule {
    std::uint16_t op;    // enum vx_op
    std::uint32_t all;   // conditions that must hold
    std::uint32_t none;  // conditions that must not
    UserOp gives;
    std::string_view when;  // in words, for the documents; empty: always
};

constexpr UserOp gives(vx_uop op, Detail detail = Detail::none, Subject subject = Subject::object) {
    return {static_cast<std::uint16_t>(op), subject, detail};
}

inline constexpr std::string_view kWhenWritten = "a regular file that had been open for writing";
inline constexpr std::string_view kWhenNotWritten = "otherwise";
inline constexpr std::string_view kWhenReplaced = "a target was replaced";
inline constexpr std::string_view kWhenTargetGone = "the target's last name was replaced";
inline constexpr std::uint32_t kTargetLast = VX_F_REPLACED | VX_F_LAST_LINK;

inline constexpr auto kRules = std::to_array<Rule>({
    {VX_OP_FILE_OPEN, 0, 0, gives(VX_UOP_GRAPH_NODE_QUERY), ""},

    // A device, a pipe, a directory, or a file that nobody can open again has no vector to renew.
    {VX_OP_FILE_CLOSE, VX_F_WROTE | kRegular, kGone, gives(VX_UOP_VECTOR_EMBED), kWhenWritten},
    {VX_OP_FILE_CLOSE, VX_F_WROTE | kRegular, kGone | kHasVector, gives(VX_UOP_VECTOR_CREATE),
     "the same, and it is not known to have a vector"},
    {VX_OP_FILE_CLOSE, VX_F_WROTE | kRegular | kHasVector, kGone, gives(VX_UOP_VECTOR_UPDATE),
     "the same, and it has a vector"},
    {VX_OP_FILE_CLOSE, VX_F_WROTE | kRegular, kGone, gives(VX_UOP_VECTOR_INDEX), kWhenWritten},
    {VX_OP_FILE_CLOSE, 0, VX_F_WROTE, gives(VX_UOP_GRAPH_NODE_QUERY), kWhenNotWritten},
    {VX_OP_FILE_CLOSE, VX_F_WROTE, kRegular, gives(VX_UOP_GRAPH_NODE_QUERY), kWhenNotWritten},
    {VX_OP_FILE_CLOSE, VX_F_WROTE | kRegular | kGone, 0, gives(VX_UOP_GRAPH_NODE_QUERY),
     kWhenNotWritten},

    {VX_OP_FILE_READ, 0, 0, gives(VX_UOP_GRAPH_NODE_QUERY, Detail::range), ""},
    {VX_OP_FILE_WRITE, 0, 0, gives(VX_UOP_GRAPH_NODE_UPDATE, Detail::range), ""},

    // An O_TMPFILE object enters the graph with its first name, which is the same.
    {VX_OP_FILE_CREATE, 0, 0, gives(VX_UOP_GRAPH_NODE_CREATE), ""},
    {VX_OP_FILE_CREATE, 0, 0, gives(VX_UOP_GRAPH_EDGE_CREATE, Detail::edge), ""},

    {VX_OP_FILE_DELETE, 0, 0, gives(VX_UOP_GRAPH_EDGE_DELETE, Detail::edge), ""},
    {VX_OP_FILE_DELETE, VX_F_LAST_LINK, 0, gives(VX_UOP_GRAPH_NODE_DELETE), "its last name"},
    {VX_OP_FILE_DELETE, VX_F_LAST_LINK | kRegular, kNoVector, gives(VX_UOP_VECTOR_DELETE),
     "the last name of a regular file that is not known to have no vector"},

    // In the order in which they apply: the name must be free before it is given anew.
    {VX_OP_FILE_RENAME, VX_F_REPLACED, VX_F_EXCHANGE,
     gives(VX_UOP_GRAPH_EDGE_DELETE, Detail::edge, Subject::target), kWhenReplaced},
    {VX_OP_FILE_RENAME, kTargetLast, VX_F_EXCHANGE,
     gives(VX_UOP_GRAPH_NODE_DELETE, Detail::none, Subject::target), kWhenTargetGone},
    {VX_OP_FILE_RENAME, kTargetLast | kTargetRegular, VX_F_EXCHANGE | kTargetNoVector,
     gives(VX_UOP_VECTOR_DELETE, Detail::none, Subject::target),
     "the same, of a regular file that is not known to have no vector"},
    {VX_OP_FILE_RENAME, 0, 0, gives(VX_UOP_GRAPH_EDGE_UPDATE, Detail::move), ""},

    {VX_OP_FILE_CHMOD, 0, 0, gives(VX_UOP_GRAPH_PROPERTY_SET, Detail::mode), ""},
    {VX_OP_FILE_CHOWN, 0, 0, gives(VX_UOP_GRAPH_PROPERTY_SET, Detail::owner), ""},
    {VX_OP_FILE_TRUNCATE, 0, 0, gives(VX_UOP_GRAPH_NODE_UPDATE, Detail::range), ""},

    {VX_OP_DIR_CREATE, 0, 0, gives(VX_UOP_GRAPH_NODE_CREATE), ""},
    {VX_OP_DIR_CREATE, 0, 0, gives(VX_UOP_GRAPH_EDGE_CREATE, Detail::edge), ""},
    // A directory has one name: it goes with it. It never has a vector.
    {VX_OP_DIR_DELETE, 0, 0, gives(VX_UOP_GRAPH_EDGE_DELETE, Detail::edge), ""},
    {VX_OP_DIR_DELETE, 0, 0, gives(VX_UOP_GRAPH_NODE_DELETE), ""},
    {VX_OP_DIR_READ, 0, 0, gives(VX_UOP_GRAPH_TRAVERSE), ""},

    {VX_OP_SYMLINK_CREATE, 0, 0, gives(VX_UOP_GRAPH_NODE_CREATE), ""},
    {VX_OP_SYMLINK_CREATE, 0, 0, gives(VX_UOP_GRAPH_EDGE_CREATE, Detail::edge), ""},
    {VX_OP_SYMLINK_CREATE, 0, 0, gives(VX_UOP_GRAPH_EDGE_CREATE, Detail::link_target), ""},
    {VX_OP_HARDLINK_CREATE, 0, 0, gives(VX_UOP_GRAPH_EDGE_CREATE, Detail::edge), ""},

    {VX_OP_MOUNT, 0, VX_F_REMOUNT | VX_F_MOVE, gives(VX_UOP_GRAPH_BULK_INSERT, Detail::subtree),
     "a new mount, also a bind mount"},
    {VX_OP_MOUNT, VX_F_MOVE, 0, gives(VX_UOP_GRAPH_EDGE_UPDATE, Detail::edge),
     "an existing mount was moved: the subtree stays what it is"},
    {VX_OP_MOUNT, VX_F_REMOUNT, VX_F_MOVE, gives(VX_UOP_GRAPH_PROPERTY_SET, Detail::options),
     "options of an existing mount changed"},
    {VX_OP_UNMOUNT, 0, 0, gives(VX_UOP_GRAPH_BULK_DELETE, Detail::subtree), ""},
    {VX_OP_SYNC, 0, 0, gives(VX_UOP_GRAPH_TRANSACTION, Detail::commit), ""},
});

// What an operation that failed becomes: it changed nothing.
inline constexpr UserOp kFailed = gives(VX_UOP_GRAPH_NODE_QUERY);

struct RuleRange {
    std::uint8_t first = 0;
    std::uint8_t last = 0;  // behind the last
};

constexpr std::array<RuleRange, VX_OP_COUNT> index_rules() {
    std::array<RuleRange, VX_OP_COUNT> index{};
    for (std::size_t i = 0; i < kRules.size(); ++i) {
        RuleRange& range = index[kRules[i].op];
        if (range.last == 0) {
            range.first = static_cast<std::uint8_t>(i);
        }
        range.last = static_cast<std::uint8_t>(i + 1);
    }
    return index;
}
inline constexpr auto kRuleIndex = index_rules();

constexpr bool applies(const Rule& rule, std::uint32_t conditions) {
    return (conditions & rule.all) == rule.all && (conditions & rule.none) == 0;
}

// Every operation gives at least one userspace operation and at most UserOps::kMax, whatever the
// combination of the conditions that its rules look at; its rules stand together.
constexpr bool rules_are_total() {
    for (std::size_t op = 0; op < VX_OP_COUNT; ++op) {
        const RuleRange range = kRuleIndex[op];
        std::uint32_t looked_at = 0;
        for (std::size_t i = range.first; i < range.last; ++i) {
            if (kRules[i].op != op) {
                return false;
            }
            looked_at |= kRules[i].all | kRules[i].none;
        }
        std::uint32_t conditions = 0;
        do {
            unsigned count = 0;
            for (std::size_t i = range.first; i < range.last; ++i) {
                count += applies(kRules[i], conditions) ? 1U : 0U;
            }
            if (count == 0 || count > UserOps::kMax) {
                return false;
            }
            conditions = (conditions - looked_at) & looked_at;  // the next subset of looked_at
        } while (conditions != 0);
    }
    return true;
}
static_assert(rules_are_total());

}  // namespace vexfs::translate
