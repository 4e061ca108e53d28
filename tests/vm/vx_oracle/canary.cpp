// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_oracle/canary.hpp"

#include <sys/inotify.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <utility>

namespace vexfs::vm {

namespace {

// Changes the round; false: it has nothing that could be changed so.
using Spoiler = std::function<bool(Round&)>;

struct Trick {
    const char* what;
    bool fanotify;  // only where it is judged: inotify makes one event of equal neighbours
    Spoiler spoil;
};

// From the middle of a list, two elements one after the other (the second is the first behind it
// that `related` accepts) of which `fit` holds.
template <typename T>
std::optional<std::pair<std::size_t, std::size_t>> find_pair(
    std::span<const T> all, const std::function<bool(const T&, const T&)>& related,
    const std::function<bool(const T&, const T&)>& fit) {
    constexpr std::size_t kFar = 64;
    for (std::size_t i = all.size() / 2; i < all.size(); ++i) {
        for (std::size_t j = i + 1; j < all.size() && j < i + kFar; ++j) {
            if (!related(all[i], all[j])) {
                continue;
            }
            if (fit(all[i], all[j])) {
                return std::pair(i, j);
            }
            break;
        }
    }
    return std::nullopt;
}

std::optional<std::size_t> find_event(const Round& round, unsigned op) {
    for (std::size_t i = round.events.size() / 2; i < round.events.size(); ++i) {
        if (round.events[i].view().op() == op) {
            return i;
        }
    }
    return std::nullopt;
}

bool drop_event(Round& round, unsigned op) {
    const auto at = find_event(round, op);
    if (at) {
        round.events.erase(round.events.begin() + static_cast<std::ptrdiff_t>(*at));
    }
    return at.has_value();
}

bool repeat_event(Round& round, unsigned op) {
    const auto at = find_event(round, op);
    if (at) {
        const Event copy = round.events[*at];
        round.events.insert(round.events.begin() + static_cast<std::ptrdiff_t>(*at), copy);
    }
    return at.has_value();
}

// Two calls of one process in the wrong order.
bool swap_events(Round& round) {
    const auto pair = find_pair<Event>(
        round.events,
        [](const Event& a, const Event& b) {
            return a.view().event().pid == b.view().event().pid;
        },
        [](const Event& a, const Event& b) {
            return a.view().op() == VX_OP_FILE_WRITE && b.view().op() == VX_OP_FILE_TRUNCATE;
        });
    if (pair) {
        std::swap(round.events[pair->first], round.events[pair->second]);
    }
    return pair.has_value();
}

bool drop_said(Round& round, std::uint32_t bit) {
    const auto at = std::find_if(
        round.said.begin() + static_cast<std::ptrdiff_t>(round.said.size() / 2), round.said.end(),
        [&](const Said& it) { return (it.bits & bit) != 0; });
    if (at == round.said.end()) {
        return false;
    }
    round.said.erase(at);
    return true;
}

bool change_said(Round& round, const std::function<void(Said&)>& change) {
    for (std::size_t i = round.said.size() / 2; i < round.said.size(); ++i) {
        if ((round.said[i].bits & FAN_MODIFY) != 0) {
            change(round.said[i]);
            return true;
        }
    }
    return false;
}

// Two writes of one process.
bool swap_said(Round& round) {
    const auto pair = find_pair<Said>(
        round.said, [](const Said& a, const Said& b) { return a.object == b.object; },
        [](const Said& a, const Said& b) {
            return a.bits == FAN_MODIFY && b.bits == FAN_MODIFY && a.tid != b.tid;
        });
    if (pair) {
        std::swap(round.said[pair->first], round.said[pair->second]);
    }
    return pair.has_value();
}

bool drop_heard(Round& round) {
    for (std::size_t i = round.heard.size() / 2; i < round.heard.size(); ++i) {
        if (round.heard[i].bits == IN_CREATE) {
            round.heard.erase(round.heard.begin() + static_cast<std::ptrdiff_t>(i));
            return true;
        }
    }
    return false;
}

bool swap_heard(Round& round) {
    const auto pair = find_pair<Heard>(
        round.heard, [](const Heard& a, const Heard& b) { return a.dir == b.dir; },
        [](const Heard& a, const Heard& b) {
            return a.bits == IN_MOVED_FROM && b.bits == IN_MOVED_TO;
        });
    if (pair) {
        std::swap(round.heard[pair->first], round.heard[pair->second]);
    }
    return pair.has_value();
}

const Trick kTricks[] = {
    {"a creation that VexFS does not tell", false,
     [](Round& r) { return drop_event(r, VX_OP_FILE_CREATE); }},
    {"a rename that VexFS does not tell", false,
     [](Round& r) { return drop_event(r, VX_OP_FILE_RENAME); }},
    {"a write that VexFS does not tell", true,
     [](Round& r) { return drop_event(r, VX_OP_FILE_WRITE); }},
    {"a close that VexFS does not tell", true,
     [](Round& r) { return drop_event(r, VX_OP_FILE_CLOSE); }},
    {"a write that VexFS tells twice", true,
     [](Round& r) { return repeat_event(r, VX_OP_FILE_WRITE); }},
    {"a deletion that VexFS tells twice", true,
     [](Round& r) { return repeat_event(r, VX_OP_FILE_DELETE); }},
    {"two events that VexFS has in the wrong order", true, swap_events},
    {"a creation that fanotify does not tell", true,
     [](Round& r) { return drop_said(r, FAN_CREATE); }},
    {"a rename that fanotify does not tell", true,
     [](Round& r) { return drop_said(r, FAN_RENAME); }},
    {"a read that fanotify does not tell", true,
     [](Round& r) { return drop_said(r, FAN_ACCESS); }},
    {"a deletion that fanotify does not tell", true,
     [](Round& r) { return drop_said(r, FAN_DELETE); }},
    {"another object at fanotify", true,
     [](Round& r) { return change_said(r, [](Said& it) { it.object = 1; }); }},
    {"another name at fanotify", true,
     [](Round& r) { return change_said(r, [](Said& it) { it.name += "x"; }); }},
    {"another kind at fanotify", true,
     [](Round& r) { return change_said(r, [](Said& it) { it.bits = FAN_ATTRIB; }); }},
    {"two records that fanotify has in the wrong order", true, swap_said},
    {"a creation that inotify does not tell", false, drop_heard},
    {"two events that inotify has in the wrong order", false, swap_heard},
};

}  // namespace

std::vector<Blindness> spoil(const Judge& judge, const Round& round) {
    std::vector<Blindness> found;
    for (const Trick& trick : kTricks) {
        if (trick.fanotify && !round.with_fanotify) {
            continue;
        }
        Round spoilt = round;
        Judge copy = judge;
        Differences differences;
        if (trick.spoil(spoilt)) {
            copy.round(spoilt, differences);
        }
        found.push_back({trick.what, differences.count() > 0});
    }
    return found;
}

}  // namespace vexfs::vm
