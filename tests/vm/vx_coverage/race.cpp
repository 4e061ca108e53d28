// SPDX-License-Identifier: Apache-2.0
// Coverage: what two do at once.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "abi/event.h"
#include "vm/vx_coverage/race.hpp"

namespace vexfs::vm {
namespace {

constexpr int kRounds = 10000;
constexpr int kRoundsBetweenLooks = 500;  // what the ring holds easily

struct Names {
    std::string old_name, new_name;
};

// Removes the old name in each round, as soon as the round has begun.
void remove_old_names(const Names& names, const std::atomic<int>& round, std::atomic<int>& done) {
    for (int mine = 1; mine <= kRounds; ++mine) {
        while (round.load(std::memory_order_acquire) < mine) {
        }
        ::unlink(names.old_name.c_str());
        done.store(mine, std::memory_order_release);
    }
}

struct Counts {
    int links = 0, hard_links = 0, first_names = 0;
};

void count(const Stream& stream, Counts& counts) {
    for (const Event& event : stream.events()) {
        const EventView& e = event.view();
        counts.hard_links += e.op() == VX_OP_HARDLINK_CREATE ? 1 : 0;
        counts.first_names += (e.event().flags & VX_F_TMPFILE) != 0 ? 1 : 0;
    }
}

Status run(const Names& names, Stream& stream, Counts& counts) {
    std::atomic<int> round{0}, done{0};
    std::jthread other(remove_old_names, std::cref(names), std::cref(round), std::ref(done));
    Status collected;
    for (int i = 1; i <= kRounds; ++i) {
        ::mknod(names.old_name.c_str(), S_IFREG | 0600, 0);
        round.store(i, std::memory_order_release);
        counts.links += ::link(names.old_name.c_str(), names.new_name.c_str()) == 0 ? 1 : 0;
        while (done.load(std::memory_order_acquire) < i) {
        }
        ::unlink(names.new_name.c_str());
        if (i % kRoundsBetweenLooks == 0 && collected.ok()) {
            collected = stream.collect();
            count(stream, counts);
            stream.forget();
        }
    }
    return collected;
}

// By inode number and generation.
using Lasts = std::map<std::pair<std::uint64_t, std::uint32_t>, int>;

// How often each object was told to have lost its last name.
void count_last(const Stream& stream, Lasts& last) {
    for (const Event& event : stream.events()) {
        const vx_event& e = event.view().event();
        if (e.rec.op == VX_OP_FILE_DELETE) {
            last[{e.ino, e.gen}] += (e.flags & VX_F_LAST_LINK) != 0 ? 1 : 0;
        }
    }
}

}  // namespace

bool last_name_race(const std::string& where, Stream& stream) {
    const Names names{where + "/race-old/name", where + "/race-new/name"};
    Lasts last;
    std::atomic<int> round{0}, done{0};
    Status collected;
    {
        std::jthread other(remove_old_names, std::cref(names), std::cref(round), std::ref(done));
        for (int i = 1; i <= kRounds; ++i) {
            ::mknod(names.old_name.c_str(), S_IFREG | 0600, 0);
            ::link(names.old_name.c_str(), names.new_name.c_str());
            round.store(i, std::memory_order_release);
            ::unlink(names.new_name.c_str());
            while (done.load(std::memory_order_acquire) < i) {
            }
            if (i % kRoundsBetweenLooks == 0 && collected.ok()) {
                collected = stream.collect();
                count_last(stream, last);
                stream.forget();
            }
        }
    }
    const auto said = [&](int times) {
        return std::count_if(last.begin(), last.end(),
                             [&](const auto& object) { return object.second == times; });
    };
    const bool right = collected.ok() && said(1) == kRounds && last.size() == kRounds;
    fmt::print("{} last two names that go at once on {}: of {} objects {} end once, {} never\n",
               right ? "ok" : "not ok", where, last.size(), said(1), said(0));
    return right;
}

bool link_race(const std::string& where, Stream& stream) {
    const Names names{where + "/race-old/name", where + "/race-new/name"};
    ::mkdir((where + "/race-old").c_str(), 0700);
    ::mkdir((where + "/race-new").c_str(), 0700);
    Counts counts;
    const Status collected = run(names, stream, counts);
    const bool right = collected.ok() && counts.links > 0 && counts.hard_links == counts.links &&
                       counts.first_names == 0;
    fmt::print("{} links whose old name goes at once on {}: {} made, {} hard links, {} first "
               "names\n",
               right ? "ok" : "not ok", where, counts.links, counts.hard_links,
               counts.first_names);
    return right;
}

}  // namespace vexfs::vm
