// SPDX-License-Identifier: Apache-2.0
// VexFS and fanotify, call by call.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "op_table.h"
#include "vm/vx_oracle/judge.hpp"

namespace vexfs::vm {

namespace {

constexpr Number kStranger = 0xffffffff;  // at fanotify, of an object that has not been learnt

using Word = Judge::Word;

template <typename Use>
void each_word(const Said& said, const Use& use) {
    const std::uint32_t on_dir = said.bits & FAN_ONDIR;
    for (std::uint32_t left = said.bits & ~on_dir; left != 0; left &= left - 1) {
        use(Word(left & -left, on_dir, said.object, said.dir, said.name, said.dir2, said.name2));
    }
}

std::string describe(const char* what, std::uint32_t tid, const Word& word,
                     const Judge::Tally& tally) {
    const Said spoken{.tid = tid,
                      .bits = std::get<0>(word) | std::get<1>(word),
                      .object = std::get<2>(word),
                      .dir = std::get<3>(word),
                      .name = std::get<4>(word),
                      .dir2 = std::get<5>(word),
                      .name2 = std::get<6>(word)};
    std::string ops;
    for (const auto& [op, count] : tally.by_op) {
        ops += fmt::format(" {} of {}", count, vx_op_name(op));
    }
    return fmt::format("{}: {} (VexFS:{}; fanotify: {})", what, describe(spoken),
                       ops.empty() ? " none" : ops, tally.said);
}

}  // namespace

struct Judge::Calls {
    std::unordered_map<std::uint32_t, Call> by_thread;
    std::vector<std::uint32_t> wanted_order;  // threads, as they first come
    std::vector<std::uint32_t> said_order;
    // Of each directory at fanotify: thread and bit of each name that comes or goes
    using Names = std::map<Number, std::vector<std::pair<std::uint32_t, std::uint32_t>>>;
    Names wanted_names;
    Names said_names;
    // What is said to come into being, or to be opened: by thread, directory and name
    using Made = std::map<std::tuple<std::uint32_t, Number, std::string>, std::vector<Number>>;
    Made made;
    // Directory and object, as they come into being
    struct Births {
        std::set<std::pair<Number, Number>> all;
        std::map<Number, std::vector<Number>> order;  // of each directory
    };
    Births wanted_births;
    Births said_births;

    static void note_names(Names& names, const Said& said) {
        constexpr std::uint32_t kBits = kNameBits & ~std::uint32_t{FAN_RENAME};
        if (const std::uint32_t bits = said.bits & kBits; bits != 0) {
            names[said.dir].emplace_back(said.tid, bits);
        }
    }
    static void note_birth(Births& births, const Said& said) {
        if ((said.bits & FAN_CREATE) != 0 && births.all.emplace(said.dir, said.object).second) {
            births.order[said.dir].push_back(said.object);
        }
    }
    void note_made(const Said& said) {
        if ((said.bits & (FAN_CREATE | FAN_OPEN)) != 0) {
            made[{said.tid, said.dir, said.name}].push_back(said.object);
        }
    }
};

Number Judge::at_fanotify(Number vexfs) const {
    if (vexfs == 0) {
        return 0;
    }
    const auto at = said_as_.find(vexfs);
    return at == said_as_.end() ? kStranger : at->second;
}

Said Judge::translated(const Said& wanted) const {
    Said said = wanted;
    said.object = at_fanotify(wanted.object);
    said.dir = at_fanotify(wanted.dir);
    said.dir2 = at_fanotify(wanted.dir2);
    return said;
}

// The file handle of what a call has made.
void Judge::learn(const Calls& calls, const Wanted& wanted) {
    if (!wanted.born || said_as_.contains(wanted.said.object)) {
        return;
    }
    const auto made =
        calls.made.find({wanted.said.tid, at_fanotify(wanted.said.dir), wanted.said.name});
    if (made == calls.made.end()) {
        return;
    }
    for (const Number object : made->second) {
        if (is_.emplace(object, wanted.said.object).second) {
            said_as_[wanted.said.object] = object;
            return;
        }
    }
}

// What this call has deleted, by the name.
Number Judge::deleted(const Call& call, const Said& said) const {
    for (const Wanted* wanted : call.wanted) {
        if ((wanted->said.bits & FAN_DELETE) != 0 && wanted->said.name == said.name &&
            at_fanotify(wanted->said.dir) == said.dir) {
            return at_fanotify(wanted->said.object);
        }
    }
    return 0;
}

Judge::Spoken Judge::count(const Call& call) const {
    Spoken words;
    for (const Wanted* wanted : call.wanted) {
        each_word(translated(wanted->said),
                  [&](const Word& word) { words[word].by_op[wanted->op]++; });
    }
    for (Said said : call.said) {
        if (kernel_.forgets_deleted && said.object == 0 && (said.bits & FAN_DELETE) != 0) {
            said.object = deleted(call, said);
        }
        each_word(said, [&](const Word& word) { words[word].said++; });
    }
    return words;
}

void Judge::compare(const Call& call, Differences& differences) const {
    const bool reads = std::any_of(call.wanted.begin(), call.wanted.end(), [](const Wanted* it) {
        return it->op == VX_OP_FILE_READ;
    });
    for (const auto& [word, tally] : count(call)) {
        const bool parts =
            kernel_.tells_parts && reads && tally.by_op.contains(VX_OP_FILE_WRITE);
        const auto add = [&, &word = word, &tally = tally](const char* what) {
            differences.add(describe(what, call.tid, word, tally));
        };
        if (tally.by_op.empty()) {
            add("only fanotify");
        } else if (tally.said == 0) {
            add("only VexFS");
        } else if (tally.said > (parts ? 2 : 1)) {
            add("fanotify more than once");
        }
        for (const auto& [op, events] : tally.by_op) {
            if (events != 1) {
                add("VexFS more than once");
            }
        }
    }
}

void Judge::compare_joined(const Call& call, Differences& differences) {
    for (const auto& [word, tally] : count(call)) {
        unsigned events = 0;
        for (const auto& [op, times] : tally.by_op) {
            events += times;
        }
        const bool parts = kernel_.tells_parts && tally.by_op.contains(VX_OP_FILE_WRITE);
        if (events == 0 && std::get<0>(word) == FAN_ATTRIB) {
            others_ += tally.said;
        } else if (events == 0) {
            differences.add(describe("only fanotify", call.tid, word, tally));
        } else if (tally.said == 0) {
            differences.add(describe("only VexFS", call.tid, word, tally));
        } else if (tally.said > events && !parts) {
            differences.add(describe("fanotify more often", call.tid, word, tally));
        }
    }
}

void Judge::compare_order(const Calls& calls, Differences& differences) const {
    std::map<std::uint32_t, std::vector<std::uint32_t>> wanted;
    std::map<std::uint32_t, std::vector<std::uint32_t>> said;
    const auto sort = [&](const std::vector<std::uint32_t>& order, auto& by_process) {
        for (const std::uint32_t tid : order) {
            const Call& call = calls.by_thread.at(tid);
            if (!call.wanted.empty() && !call.said.empty()) {
                by_process[call.pid].push_back(tid);
            }
        }
    };
    sort(calls.wanted_order, wanted);
    sort(calls.said_order, said);
    for (const auto& [pid, order] : wanted) {
        for (std::size_t i = 0; i < order.size(); ++i) {
            if (order[i] != said[pid][i]) {
                differences.add(fmt::format("order of process {}: VexFS has thread {}, fanotify {}",
                                            pid, order[i], said[pid][i]));
                break;
            }
        }
    }
    std::set<Number> dirs;
    for (const auto* side : {&calls.wanted_names, &calls.said_names}) {
        for (const auto& [dir, names] : *side) {
            dirs.insert(dir);
        }
    }
    static const Calls::Names::mapped_type kNone;
    for (const Number dir : dirs) {
        const auto a = calls.wanted_names.find(dir);
        const auto b = calls.said_names.find(dir);
        if ((a == calls.wanted_names.end() ? kNone : a->second) !=
            (b == calls.said_names.end() ? kNone : b->second)) {
            differences.add(fmt::format("names in directory {} in another order", dir));
        }
    }
}

// Everything is at a standstill: nobody has a file open.
void Judge::compare_deaths(Differences& differences) {
    std::set<Number> ended;
    for (const Number object : expect_.take_dead()) {
        ended.insert(at_fanotify(object));
    }
    for (const Number object : ended) {
        if (!deaths_.contains(object) && !kernel_.forgets_deleted) {
            differences.add(fmt::format("object {}: no DELETE_SELF of fanotify", object));
        }
    }
    for (const Number object : deaths_) {
        if (!ended.contains(object) && !(object == 0 && kernel_.forgets_deleted)) {
            differences.add(fmt::format("object {}: only fanotify: DELETE_SELF", object));
        }
    }
    deaths_.clear();
}

void Judge::calls(const std::vector<Wanted>& wanted, const std::vector<Said>& said, bool joined,
                  Differences& differences) {
    Calls calls;
    for (const Wanted& it : wanted) {
        Call& call = calls.by_thread[it.said.tid];
        if (call.wanted.empty()) {
            calls.wanted_order.push_back(it.said.tid);
        }
        call.tid = it.said.tid;
        call.pid = it.pid;
        call.wanted.push_back(&it);
    }
    for (Said it : said) {
        if ((it.bits & FAN_DELETE_SELF) != 0) {
            deaths_.insert(it.object);
        }
        it.bits &= ~std::uint32_t{FAN_DELETE_SELF};
        if ((it.bits & ~std::uint32_t{FAN_ONDIR}) == 0) {
            continue;
        }
        Calls::note_names(calls.said_names, it);
        Calls::note_birth(calls.said_births, it);
        calls.note_made(it);
        Call& call = calls.by_thread[it.tid];
        call.tid = it.tid;
        if (call.said.empty()) {
            calls.said_order.push_back(it.tid);
        }
        call.said.push_back(std::move(it));
    }
    for (const Wanted& it : wanted) {
        learn(calls, it);
    }
    for (const auto& [tid, call] : calls.by_thread) {
        joined ? compare_joined(call, differences) : compare(call, differences);
    }
    for (const Wanted& it : wanted) {
        const Said same = translated(it.said);
        Calls::note_names(calls.wanted_names, same);
        Calls::note_birth(calls.wanted_births, same);
    }
    if (!joined) {
        compare_order(calls, differences);
    } else if (calls.wanted_births.order != calls.said_births.order) {
        differences.add("objects come into being in another order");
    }
    compare_deaths(differences);
}

}  // namespace vexfs::vm
