// SPDX-License-Identifier: Apache-2.0
// vx_load work DIRECTORY TRUTH PROCESSES OPERATIONS [SEED]
//   Real file operations by several processes below DIRECTORY; what worked is written to TRUTH.
// vx_load check DIRECTORY TRUTH JOURNAL
//   Reads the journal and compares: nothing lost, numbers dense, each process did exactly what it
//   says it did and in its order, every event possible where it stands, the last name of each
//   object said to be so once, and in the end the tree that the events describe is the one on the
//   disk.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>

#include "vexfs/reader.hpp"
#include "vm/vx_load/model.hpp"
#include "vm/vx_load/truth.hpp"

namespace vexfs::vm {
namespace {

constexpr unsigned kMistakesShown = 20;
int failures = 0;

void check(const std::string& what, bool right, const std::string& why = "") {
    fmt::print("{} {}{}\n", right ? "ok" : "not ok", what, right || why.empty() ? "" : ": " + why);
    failures += right ? 0 : 1;
}

struct Process {
    PerOp seen{};
    std::uint64_t last_ns = 0;
};

struct Account {
    std::uint64_t events = 0;
    std::uint64_t next_seq = 1;
    std::uint64_t lost = 0;
    std::uint64_t jumps = 0;
    std::uint64_t impossible = 0;
    std::uint64_t backwards = 0;  // a process's own events out of its order
    std::uint64_t other = 0;      // fields that cannot be
    std::map<std::uint32_t, Process> processes;
};

void take(const EventView& event, Model& model, Account& account) {
    account.jumps += event.seq == account.next_seq ? 0 : 1;
    account.next_seq = event.seq + 1;
    account.events++;
    const vx_event& e = event.event();
    Process& process = account.processes[e.pid];
    process.seen[event.op()]++;
    account.backwards += event.record->mono_ns >= process.last_ns ? 0 : 1;
    process.last_ns = event.record->mono_ns;
    // What io_uring may block on is done by a thread of the kernel.
    const bool who = e.tid == e.pid || event.comm().starts_with("iou-wrk-");
    account.other += e.error == 0 && who && event.score == 1.0F ? 0 : 1;
    const std::string wrong = model.apply(event);
    if (!wrong.empty() && account.impossible++ < kMistakesShown) {
        fmt::print("    seq {} ticket {} {} {} by {}: {}\n", event.seq, event.record->ticket,
                   event.op_name(), event.path, e.pid, wrong);
    }
}

bool read_all(const std::string& journal, Model& model, Account& account) {
    auto reader = Reader::open(journal);
    if (!reader) {
        check("open the journal", false, reader.status().message());
        return false;
    }
    for (;;) {
        const auto item = reader->next();
        if (!item) {
            check("read the journal", false, item.status().message());
            return false;
        }
        if (*item == Reader::Item::end) {
            return true;
        }
        if (*item == Reader::Item::gap) {
            account.lost += reader->gap().count();
            account.next_seq = reader->gap().to + 1;
            continue;
        }
        take(reader->event(), model, account);
    }
}

void compare_counts(const std::vector<ProcessTruth>& truth, Account& account) {
    std::string wrong;
    std::uint64_t done = 0;
    std::uint64_t failed = 0;
    for (const ProcessTruth& it : truth) {
        const PerOp& seen = account.processes[it.pid].seen;
        failed += it.failed;
        for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
            done += it.done[op];
            if (seen[op] != it.done[op]) {
                wrong += fmt::format("pid {} {}: seen {}, done {}; ", it.pid, vx_op_name(op),
                                     seen[op], it.done[op]);
            }
        }
    }
    check("each process did what it says, operation by operation", wrong.empty(), wrong);
    check("nobody else did anything",
          account.processes.size() == truth.size() && account.events == done,
          fmt::format("{} processes, {} events, {} operations", account.processes.size(),
                      account.events, done));
    check("everything that must work worked", failed == 0, std::to_string(failed));
    fmt::print("    {} operations, {} events, {} lost\n", done, account.events, account.lost);
}

int run_check(const std::string& directory, const std::string& file, const std::string& journal) {
    struct stat root {};
    if (::stat(directory.c_str(), &root) != 0) {
        check("the directory", false);
        return 1;
    }
    const auto truth = load(file);
    Model model(directory, root.st_ino);
    Account account;
    if (truth.empty() || !read_all(journal, model, account)) {
        check("something to compare", false);
        return 1;
    }
    check("nothing is lost", account.lost == 0, std::to_string(account.lost));
    check("the numbers are dense", account.jumps == 0, std::to_string(account.jumps));
    compare_counts(truth, account);
    check("every process's events are in its own order", account.backwards == 0,
          std::to_string(account.backwards));
    check("every event is possible where it stands", account.impossible == 0,
          std::to_string(account.impossible));
    check(fmt::format("the last name's end is said exactly once of each of {} objects",
                      model.last_links()),
          model.last_links_wrong().empty(),
          fmt::format("{}", fmt::join(model.last_links_wrong(), "; ")));
    check("each exchange is told of both sides", model.halves() == 0,
          std::to_string(model.halves()));
    check("every event is whole", account.other == 0, std::to_string(account.other));
    const auto differences = model.compare_with_disk();
    check(fmt::format("the tree that the events describe is the one on the disk ({} names)",
                      model.size()),
          differences.empty(), fmt::format("{}", fmt::join(differences, "; ")));
    return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vexfs::vm

int main(int argc, char** argv) {
    using namespace vexfs::vm;
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "check" && argc == 5) {
        return run_check(argv[2], argv[3], argv[4]);
    }
    if (what == "work" && (argc == 6 || argc == 7)) {
        const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
        const auto truth =
            work({.directory = argv[2],
                  .processes = static_cast<unsigned>(number(4)),
                  .operations = number(5),
                  .seed = argc == 7 ? number(6) : 1});
        return save(truth, argv[3]) ? 0 : 1;
    }
    fmt::print(stderr,
               "vx_load work DIRECTORY TRUTH PROCESSES OPERATIONS [SEED]\n"
               "vx_load check DIRECTORY TRUTH JOURNAL\n");
    return 2;
}
