// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Decision: what became of a userspace operation that a program had vexfsd push, when the object
// may have changed since the version that the program knew. It is kept in the event that vexfsd
// writes of it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "abi/event.h"

namespace vexfs {

// Append only: stored in journals.
enum class Decision : std::uint8_t {
    none = 0,          // no decision was asked for: no version was expected
    current = 1,       // the object has not changed since: pushed
    last_writer = 2,   // it has, and the push stands nevertheless
    first_writer = 3,  // it has, and its change stands: not pushed
    merged = 4,        // it has; pushed was what the change does not touch
    rejected = 5,      // it has: not pushed
};
inline constexpr unsigned kDecisions = 6;

// "current", "last_writer" ...; "unknown" for what is none of them.
constexpr std::string_view decision_name(Decision decision) {
    constexpr std::array<std::string_view, kDecisions> names = {
        "none", "current", "last_writer", "first_writer", "merged", "rejected"};
    const auto i = static_cast<std::size_t>(decision);
    return i < names.size() ? names[i] : std::string_view("unknown");
}

// Where it is in vx_user::flags, above what a push can ask for (VX_PUSH_F_*).
inline constexpr unsigned kDecisionShift = 24;

constexpr Decision decision_of(const vx_user& user) {
    return static_cast<Decision>(user.flags >> kDecisionShift);
}

}  // namespace vexfs
