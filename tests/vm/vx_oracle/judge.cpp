// SPDX-License-Identifier: Apache-2.0
// The whole of a round, and VexFS and inotify, directory by directory.
#include "vm/vx_oracle/judge.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace vexfs::vm {

namespace {

using Words = std::vector<Heard>;

bool same(const Heard& a, const Heard& b) {
    return a.bits == b.bits && a.name == b.name;
}

using Runs = std::vector<std::pair<const Heard*, std::size_t>>;

// Runs of equal ones: the first of each, and how many.
Runs runs(const Words& words) {
    Runs found;
    for (const Heard& word : words) {
        if (!found.empty() && same(*found.back().first, word)) {
            found.back().second++;
        } else {
            found.emplace_back(&word, 1);
        }
    }
    return found;
}

// What was said before and after a place in the account.
std::string around(const Runs& runs, std::size_t place) {
    constexpr std::size_t kNeighbours = 4;
    std::string text;
    for (std::size_t i = place - std::min(place, kNeighbours);
         i < std::min(runs.size(), place + kNeighbours + 1); ++i) {
        text += fmt::format("{}{}", i == place ? " >> " : "; ", describe(*runs[i].first));
    }
    return text;
}

void compare_in_order(const Words& wanted, const Words& heard, Differences& differences) {
    const Runs a = runs(wanted);
    const Runs b = runs(heard);
    for (std::size_t i = 0; i < a.size() || i < b.size(); ++i) {
        if (i >= b.size()) {
            differences.add("only VexFS: " + describe(*a[i].first));
        } else if (i >= a.size()) {
            differences.add("only inotify: " + describe(*b[i].first));
        } else if (!same(*a[i].first, *b[i].first)) {
            differences.add(fmt::format("VexFS: {}, at its place inotify: {}",
                                        describe(*a[i].first), describe(*b[i].first)));
            differences.explain("VexFS" + around(a, i));
            differences.explain("inotify" + around(b, i));
            return;
        } else if (b[i].second > a[i].second) {
            differences.add(fmt::format("{} of VexFS, {} of inotify: {}", a[i].second,
                                        b[i].second, describe(*a[i].first)));
        }
    }
}

void compare_counts(const Words& wanted, const Words& heard, Differences& differences) {
    std::map<std::pair<std::uint32_t, std::string>, std::pair<unsigned, unsigned>> counts;
    for (const Heard& word : wanted) {
        counts[{word.bits, word.name}].first++;
    }
    for (const Heard& word : heard) {
        counts[{word.bits, word.name}].second++;
    }
    for (const auto& [word, count] : counts) {
        if (count.second > count.first || (count.second == 0 && count.first > 0)) {
            differences.add(fmt::format(
                "{} of VexFS, {} of inotify: {}", count.first, count.second,
                describe(Heard{.dir = wanted.empty() ? heard[0].dir : wanted[0].dir,
                               .bits = word.first, .name = word.second})));
        }
    }
}

// Names that come and go, and the rest.
std::pair<Words, Words> split(const Words& words) {
    constexpr std::uint32_t kNames = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
    std::pair<Words, Words> both;
    for (const Heard& word : words) {
        ((word.bits & kNames) != 0 ? both.first : both.second).push_back(word);
    }
    return both;
}

bool by_one_process(const Words& wanted) {
    for (const Heard& word : wanted) {
        if (word.pid != wanted.front().pid) {
            return false;
        }
    }
    return true;
}

}  // namespace

Judge::Judge(std::uint64_t root_ino, Number root_said, Kernel kernel)
    : kernel_(kernel), expect_(root_ino) {
    said_as_[1] = root_said;
    is_[root_said] = 1;
}

void Judge::round(const Round& round, Differences& differences) {
    std::vector<Wanted> wanted;
    std::vector<Heard> wanted_heard;
    std::unordered_map<std::uint32_t, const Event*> writes;  // by thread
    for (const Event& event : round.events) {
        if (kernel_.tells_parts && event.view().op() == VX_OP_FILE_WRITE) {
            writes[event.view().event().tid] = &event;
        }
    }
    for (const Event& event : round.events) {
        const auto part = writes.find(event.view().event().tid);
        if (event.view().op() == VX_OP_FILE_READ && part != writes.end()) {
            expect_.part(part->second->view(), wanted_heard);
        }
        expect_.event(event.view(), wanted, wanted_heard);
    }
    for (const std::uint64_t ino : round.watches) {
        watched_.push_back(expect_.watched(ino));
    }
    if (round.with_fanotify) {
        calls(wanted, round.said, round.joined, differences);
    }
    if (round.with_inotify) {
        watches(wanted_heard, round.heard, differences);
    }
}

void Judge::watches(const std::vector<Heard>& wanted, const std::vector<Heard>& heard,
                    Differences& differences) {
    std::map<Number, std::pair<Words, Words>> by_directory;
    const std::set<Number> watched(watched_.begin(), watched_.end());
    for (const Heard& word : wanted) {
        if (watched.contains(word.dir)) {
            by_directory[word.dir].first.push_back(word);
        }
    }
    for (Heard word : heard) {
        word.dir = word.dir <= watched_.size() ? watched_[word.dir - 1] : 0;
        by_directory[word.dir].second.push_back(std::move(word));
    }
    for (const auto& [dir, words] : by_directory) {
        if (by_one_process(words.first)) {
            compare_in_order(words.first, words.second, differences);
            continue;
        }
        const auto a = split(words.first);
        const auto b = split(words.second);
        compare_in_order(a.first, b.first, differences);
        compare_counts(a.second, b.second, differences);
    }
}

}  // namespace vexfs::vm
