// SPDX-License-Identifier: Apache-2.0
// Coverage: what two do at once.
#include "vm/vx_coverage/race.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "abi/event.h"

namespace vexfs::vm {
namespace {

constexpr int kRounds = 2000;
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

// What the stream says of an object whose two names went at once.
struct End {
    int gone = 0;  // names that it lost
    int last = 0;  // how many of them were called the last one
};

// Of each object. Inode numbers are used again, and a random generation can be that of an earlier
// object: one that is created is a new one.
std::vector<End> ends_of(const Stream& stream) {
    std::map<std::pair<std::uint64_t, std::uint32_t>, End> ends;
    std::vector<End> all;
    for (const Event& event : stream.events()) {
        const vx_event& e = event.view().event();
        const int last = (e.flags & VX_F_LAST_LINK) != 0 ? 1 : 0;
        if (event.view().op() == VX_OP_FILE_CREATE) {
            if (const auto before = ends.extract({e.ino, e.gen})) {
                all.push_back(before.mapped());
            }
        } else if (event.view().op() == VX_OP_FILE_DELETE) {
            End& end = ends[{e.ino, e.gen}];
            end.gone++;
            end.last += last;
        } else if (const vx_rename* r = vx_event_rename_const(&e);
                   r != nullptr && (e.flags & VX_F_REPLACED) != 0) {
            End& end = ends[{r->target_ino, r->target_gen}];
            end.gone++;
            end.last += last;
        }
    }
    for (const auto& [object, end] : ends) {
        all.push_back(end);
    }
    return all;
}

struct LastCounts {
    int objects = 0, right = 0, twice = 0, never = 0;
};

void count_last(const Stream& stream, LastCounts& counts) {
    for (const End& end : ends_of(stream)) {
        if (end.gone != 2) {
            continue;  // what replaced a name has one itself
        }
        counts.objects++;
        counts.right += end.last == 1 ? 1 : 0;
        counts.twice += end.last == 2 ? 1 : 0;
        counts.never += end.last == 0 ? 1 : 0;
    }
}

// The new name goes by unlink, or because another object takes it.
Status run_last(const Names& names, bool replace, Stream& stream, LastCounts& counts) {
    const std::string other_object = names.new_name + "-other";
    std::atomic<int> round{0}, done{0};
    std::jthread other(remove_old_names, std::cref(names), std::cref(round), std::ref(done));
    Status collected;
    for (int i = 1; i <= kRounds; ++i) {
        ::mknod(names.old_name.c_str(), S_IFREG | 0600, 0);
        ::link(names.old_name.c_str(), names.new_name.c_str());
        if (replace) {
            ::mknod(other_object.c_str(), S_IFREG | 0600, 0);
        }
        round.store(i, std::memory_order_release);
        if (replace) {
            ::rename(other_object.c_str(), names.new_name.c_str());
        } else {
            ::unlink(names.new_name.c_str());
        }
        while (done.load(std::memory_order_acquire) < i) {
        }
        if (replace) {
            ::unlink(names.new_name.c_str());
        }
        if (i % kRoundsBetweenLooks == 0 && collected.ok()) {
            collected = stream.collect();
            count_last(stream, counts);
            stream.forget();
        }
    }
    return collected;
}

Names make_names(const std::string& where, const char* what) {
    const std::string old_directory = where + "/race-old-" + what;
    const std::string new_directory = where + "/race-new-" + what;
    ::mkdir(old_directory.c_str(), 0700);
    ::mkdir(new_directory.c_str(), 0700);
    return {old_directory + "/name", new_directory + "/name"};
}

}  // namespace

bool last_link_race(const std::string& where, Stream& stream) {
    bool all_right = true;
    for (const bool replace : {false, true}) {
        const Names names = make_names(where, replace ? "replaced" : "unlinked");
        LastCounts counts;
        const Status collected = run_last(names, replace, stream, counts);
        const bool right = collected.ok() && counts.objects > 0 && counts.right == counts.objects;
        fmt::print(
            "{} two names that go at once, one {}, on {}: {} objects, {} with one last "
            "name, {} with two, {} with none\n",
            right ? "ok" : "not ok", replace ? "replaced" : "unlinked", where, counts.objects,
            counts.right, counts.twice, counts.never);
        all_right = all_right && right;
    }
    return all_right;
}

bool link_race(const std::string& where, Stream& stream) {
    const Names names = make_names(where, "linked");
    Counts counts;
    const Status collected = run(names, stream, counts);
    const bool right = collected.ok() && counts.links > 0 && counts.hard_links == counts.links &&
                       counts.first_names == 0;
    fmt::print(
        "{} links whose old name goes at once on {}: {} made, {} hard links, {} first "
        "names\n",
        right ? "ok" : "not ok", where, counts.links, counts.hard_links, counts.first_names);
    return right;
}

}  // namespace vexfs::vm
