// SPDX-License-Identifier: Apache-2.0
// vx_coverage MOUNT_POINT [CASE...]
//   Plays every case of the matrix on the file system mounted there and compares what the kernel
//   says with what must come: exactly one right event each, nothing besides. Then the races; CASE
//   "race" plays only these.
// vx_coverage --alone MOUNT_POINT [CASE...]
//   The same for each operation alone: watched with a mask of only this one, in every case that has
//   it.
// vx_coverage --play DIRECTORY [CASE...]
//   Only plays them, below DIRECTORY, and prints what must come as JSON Lines, for a comparison
//   with what somebody else has seen. A directory ".begin" is made where a case's stage stands, and
//   ".end" where it is over.
// vx_coverage --list
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "vm/vx_coverage/compare.hpp"
#include "vm/vx_coverage/race.hpp"
#include "vm/vx_coverage/scene.hpp"
#include "vm/vx_coverage/stream.hpp"

namespace vexfs::vm {
namespace {

std::vector<Case> all_cases() {
    std::vector<Case> all;
    for (const auto table :
         {create_cases(), read_cases(), write_cases(), rename_cases(), link_cases(),
          attribute_cases(), uring_cases(), mount_cases(), sync_cases(), unseen_cases()}) {
        all.insert(all.end(), table.begin(), table.end());
    }
    return all;
}

constexpr std::string_view kRaces = "race";
constexpr auto kCloseLimit = std::chrono::seconds(60);

struct Arguments {
    std::string where;
    bool play_only = false;
    bool alone = false;
    std::vector<std::string> wanted;

    [[nodiscard]] bool wants(const Case& it) const {
        if (play_only && it.needs_channel) {
            return false;
        }
        for (const std::string& word : wanted) {
            if (std::string_view(it.name).starts_with(word)) {
                return true;
            }
        }
        return wanted.empty();
    }
    [[nodiscard]] bool wants_races() const {
        return wanted.empty() || std::ranges::find(wanted, kRaces) != wanted.end();
    }
};

// An empty directory for one case.
std::string make_stage(const std::string& where, const char* name) {
    std::string stage = where + "/case-";
    for (const char* c = name; *c != '\0'; ++c) {
        stage += *c == '/' || *c == ' ' ? '-' : *c;
    }
    std::filesystem::remove_all(stage);
    std::filesystem::create_directory(stage);
    ::chmod(stage.c_str(), 0777);
    return stage;
}

void fail(const std::string& name, const std::vector<std::string>& reasons) {
    fmt::print("not ok {}\n", name);
    for (const std::string& reason : reasons) {
        fmt::print("    {}\n", reason);
    }
}

// io_uring lets go of a request's file when the thread that worked on it comes to that, which can
// be after the request is done and the file's descriptor closed: when the next case has begun.
void forget_late_closes(std::vector<Event>& events, const std::string& stage) {
    std::erase_if(events, [&](const Event& event) {
        const std::string_view path = event.view().path;
        return event.view().op() == VX_OP_FILE_CLOSE && path != stage &&
               !path.starts_with(stage + "/");
    });
}

// What came between two cases: of the one that is over only the last closing of its files.
std::vector<std::string> stragglers(Stream& stream) {
    stream.forget();
    const Status collected = stream.collect();
    std::vector<std::string> problems;
    if (!collected) {
        problems.push_back(collected.message());
    }
    for (const Event& event : stream.events()) {
        if (event.view().op() != VX_OP_FILE_CLOSE) {
            problems.push_back("late:   " + describe(event.view()));
        }
    }
    stream.forget();
    return problems;
}

// Of what must come, what has one of these operations (VX_OP_BIT()s).
std::vector<Want> only(std::vector<Want> wants, std::uint64_t ops) {
    std::erase_if(wants, [&](const Want& want) { return (ops & VX_OP_BIT(want.op)) == 0; });
    return wants;
}

// One case against the kernel, whose stream has the operations `ops`. Returns whether it passed.
bool run(const Case& it, const std::string& where, std::uint64_t ops, Stream& stream) {
    std::string name = fmt::format("{} on {}", it.name, where);
    if (ops != VX_OPS_ALL) {
        name += fmt::format(", {} alone", vx_op_name(std::countr_zero(ops)));
    }
    Status collected;
    std::vector<Event> events;
    std::vector<std::string> problems;
    const std::string stage = make_stage(where, it.name);
    {
        Scene scene(stage, [&] {
            collected = stream.collect();
            stream.forget();
        });
        it.play(scene);
        if (!scene.skipped().empty()) {
            fmt::print("skipped: {}: {}\n", name, scene.skipped());
            return true;
        }
        collected = collected.ok() ? stream.collect() : collected;
        events = stream.events();
        if (ops == VX_OPS_ALL) {
            forget_late_closes(events, stage);  // all_closed() counts them
        }
        problems = scene.troubles();
        if (!collected) {
            problems.push_back(collected.message());
        }
        const std::vector<Want> wants = only(scene.wants(), ops);
        const auto differences = compare(wants, events);
        problems.insert(problems.end(), differences.begin(), differences.end());
        if (!problems.empty()) {
            for (const Want& want : wants) {
                problems.push_back("wanted: " + describe(want));
            }
            for (const Event& event : events) {
                problems.push_back("came:   " + describe(event.view()));
            }
        }
    }
    const auto late = stragglers(stream);
    problems.insert(problems.end(), late.begin(), late.end());
    if (stream.lost() != 0) {
        problems.push_back(fmt::format("{} events lost", stream.lost()));
    }
    if (!problems.empty()) {
        fail(name, problems);
        return false;
    }
    fmt::print("ok {}\n", name);
    return true;
}

// A filter that chooses nothing is misspelt, and no success.
int check_filters(const Arguments& arguments) {
    int failed = 0;
    for (const std::string& word : arguments.wanted) {
        const auto cases = all_cases();
        if (word != kRaces && std::none_of(cases.begin(), cases.end(), [&](const Case& it) {
                return std::string_view(it.name).starts_with(word);
            })) {
            fmt::print("not ok no case is called {}\n", word);
            failed++;
        }
    }
    return failed;
}

// However late it is, each file that was opened is closed, once.
bool all_closed(const std::string& where, Stream& stream) {
    const auto end = std::chrono::steady_clock::now() + kCloseLimit;
    Status collected;
    do {
        collected = stream.collect();
        stream.forget();
    } while (collected && stream.closed() < stream.opened() &&
             std::chrono::steady_clock::now() < end);
    const bool right = collected.ok() && stream.closed() == stream.opened();
    fmt::print("{} what was opened is closed on {}: {} opened, {} closed\n",
               right ? "ok" : "not ok", where, stream.opened(), stream.closed());
    return right;
}

int run_all(const Arguments& arguments) {
    int failed = check_filters(arguments);
    auto stream = Stream::open(arguments.where, VX_OPS_ALL);
    if (!stream) {
        fmt::print("not ok watch {}: {}\n", arguments.where, stream.status().message());
        return 1;
    }
    for (const Case& it : all_cases()) {
        if (arguments.wants(it)) {
            failed += run(it, arguments.where, VX_OPS_ALL, **stream) ? 0 : 1;
        }
    }
    failed += all_closed(arguments.where, **stream) ? 0 : 1;
    if (arguments.wants_races()) {
        failed += link_race(arguments.where, **stream) ? 0 : 1;
        failed += last_link_race(arguments.where, **stream) ? 0 : 1;
    }
    return failed == 0 ? 0 : 1;
}

// The operations that a case is to raise, played where nobody watches.
std::uint64_t ops_of(const Case& it, const std::string& where) {
    Scene scene(make_stage(where, it.name), [] {});
    it.play(scene);
    std::uint64_t ops = 0;
    for (const Want& want : scene.wants()) {
        ops |= VX_OP_BIT(want.op);
    }
    return scene.skipped().empty() ? ops : 0;
}

int run_alone(const Arguments& arguments) {
    int failed = check_filters(arguments);
    std::vector<std::pair<Case, std::uint64_t>> cases;
    for (const Case& it : all_cases()) {
        if (arguments.wants(it)) {
            cases.emplace_back(it, ops_of(it, arguments.where));
        }
    }
    for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
        auto stream = Stream::open(arguments.where, VX_OP_BIT(op));
        if (!stream) {
            fmt::print("not ok watch {}: {}\n", arguments.where, stream.status().message());
            return 1;
        }
        for (const auto& [it, ops] : cases) {
            if ((ops & VX_OP_BIT(op)) != 0) {
                failed += run(it, arguments.where, VX_OP_BIT(op), **stream) ? 0 : 1;
            }
        }
    }
    return failed == 0 ? 0 : 1;
}

int play_all(const Arguments& arguments) {
    int failed = check_filters(arguments);
    for (const Case& it : all_cases()) {
        if (!arguments.wants(it)) {
            continue;
        }
        const std::string stage = make_stage(arguments.where, it.name);
        Scene scene(stage, [&] { ::mkdir((stage + "/.begin").c_str(), 0755); });
        it.play(scene);
        ::mkdir((stage + "/.end").c_str(), 0755);
        if (!scene.troubles().empty()) {
            fmt::print(stderr, "{}: {}\n", it.name, scene.troubles().front());
            failed++;
        }
        if (!scene.skipped().empty()) {
            continue;
        }
        std::string wants;
        for (const Want& want : scene.wants()) {
            wants += (wants.empty() ? "" : ",") + to_json(want);
        }
        fmt::print("{{\"case\":\"{}\",\"stage\":\"{}\",\"wants\":[{}]}}\n", it.name, stage, wants);
    }
    return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vexfs::vm

int main(int argc, char** argv) {
    vexfs::vm::Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--list") {
            for (const vexfs::vm::Case& it : vexfs::vm::all_cases()) {
                fmt::print("{}\n", it.name);
            }
            return 0;
        }
        if (word == "--play") {
            arguments.play_only = true;
        } else if (word == "--alone") {
            arguments.alone = true;
        } else if (arguments.where.empty()) {
            arguments.where = word;
        } else {
            arguments.wanted.push_back(word);
        }
    }
    if (arguments.where.empty()) {
        fmt::print(stderr, "vx_coverage [--play | --alone] DIRECTORY [CASE...]\n");
        return 2;
    }
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(022);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (arguments.play_only) {
        return vexfs::vm::play_all(arguments);
    }
    return arguments.alone ? vexfs::vm::run_alone(arguments) : vexfs::vm::run_all(arguments);
}
