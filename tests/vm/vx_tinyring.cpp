// SPDX-License-Identifier: Apache-2.0
// vx_tinyring DIRECTORY
//   The smallest rings there are and a reader that does not read: what every CPU attempted, of all
//   18 operations, is known from processes pinned to it, and must be what was delivered and what
//   was lost, for each CPU, class and operation; the gaps of the stream must say the same. A flood
//   of reads, with a reader at work, must not lose a single one of class M among thousands. Each
//   directory with a lost operation on names is in the account of its CPU, or the account says
//   that it does not have them all.
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "vm/vx_tinyring/ring.hpp"
#include "vm/vx_tinyring/work.hpp"

namespace vexfs::vm {
namespace {

int failures = 0;

void check(const std::string& what, bool right, const std::string& why = "") {
    fmt::print("{} {}{}{}\n", right ? "ok" : "not ok", what, right ? "" : ": ", right ? "" : why);
    failures += right ? 0 : 1;
}

std::uint64_t sum(const PerOp& counts) {
    std::uint64_t n = 0;
    for (const std::uint64_t count : counts) {
        n += count;
    }
    return n;
}

std::string text(const PerOp& counts) {
    return fmt::format("{}", fmt::join(counts, ","));
}

// truth = delivered + lost, as the stream says and as the ring's own accounts say.
void compare(const std::string& name, TinyRing& ring, const Account& account,
             const std::vector<PerOp>& truth, const std::vector<std::array<PerOp, 2>>& before) {
    std::uint64_t lost = 0;
    std::uint64_t attempted = 0;
    for (unsigned cpu = 0; cpu < ring.cpus(); ++cpu) {
        PerOp found{};
        PerOp accounted{};
        const auto delivered = account.delivered.find(cpu);
        const auto missing = account.lost.find(cpu);
        std::uint64_t counted = 0;
        for (unsigned op = 0; op < VX_OP_SLOTS; ++op) {
            const std::uint64_t d =
                delivered == account.delivered.end() ? 0 : delivered->second[op];
            const std::uint64_t l = missing == account.lost.end() ? 0 : missing->second[op];
            const vx_producer& p = ring.producer(cpu, vx_op_class(op));
            found[op] = d + l;
            accounted[op] = p.delivered[op] + p.lost[op] - before[cpu][0][op] - before[cpu][1][op];
            lost += l;
            const bool same =
                p.delivered[op] - before[cpu][0][op] == d && p.lost[op] - before[cpu][1][op] == l;
            if (!same) {
                check(fmt::format("{}: cpu {} {}: the ring's account is the stream's", name, cpu,
                                  vx_op_name(op)),
                      false);
            }
            counted += p.delivered[op] + p.lost[op];
        }
        attempted += sum(truth[cpu]);
        check(fmt::format("{}: cpu {}: attempted = delivered + lost, each operation", name, cpu),
              found == truth[cpu] && accounted == truth[cpu],
              fmt::format("truth {} stream {} ring {}", text(truth[cpu]), text(found),
                          text(accounted)));
        check(fmt::format("{}: cpu {}: the ring counted every attempt", name, cpu),
              counted == ring.producer(cpu, 0).attempted + ring.producer(cpu, 1).attempted);
    }
    check(name + ": the gaps sum to what is lost", account.gap_m + account.gap_d == lost,
          fmt::format("{} + {}, lost {}", account.gap_m, account.gap_d, lost));
    check(name + ": every attempt has its number", account.dense && account.numbers == attempted,
          fmt::format("{} numbers, {} attempts", account.numbers, attempted));
    check(name + ": the ring can be read to its end", !account.broken);
    fmt::print("    {}: {} attempted, {} lost\n", name, attempted, lost);
}

std::vector<std::array<PerOp, 2>> snapshot(const TinyRing& ring) {
    std::vector<std::array<PerOp, 2>> all(ring.cpus());
    for (unsigned cpu = 0; cpu < ring.cpus(); ++cpu) {
        for (unsigned op = 0; op < VX_OP_SLOTS; ++op) {
            const vx_producer& p = ring.producer(cpu, vx_op_class(op));
            all[cpu][0][op] = p.delivered[op];
            all[cpu][1][op] = p.lost[op];
        }
    }
    return all;
}

// Where one CPU works: `width` directories of its own, side by side.
std::string place(const std::string& directory, unsigned width, unsigned cpu, unsigned i) {
    return fmt::format("{}/w{}-{}-{}", directory, width, cpu, i % width);
}

// Makes a directory, moves it to the next place, removes it there, again and again.
bool wander(const std::string& directory, unsigned width, unsigned cpu, unsigned rounds) {
    bool right = true;
    for (unsigned i = 0; i < rounds && right; ++i) {
        const std::string from = place(directory, width, cpu, i) + "/m";
        const std::string to = place(directory, width, cpu, i + 1) + "/n";
        right = ::mkdir(from.c_str(), 0700) == 0 && ::rename(from.c_str(), to.c_str()) == 0 &&
                ::rmdir(to.c_str()) == 0;
    }
    return right;
}

// In each round two operations are in the one place and two in the next.
std::uint64_t operations_in(unsigned width, unsigned rounds, unsigned i) {
    std::uint64_t n = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        n += (round % width == i ? 2 : 0) + ((round + 1) % width == i ? 2 : 0);
    }
    return n;
}

void check_directories(TinyRing& ring, const std::string& directory, unsigned width,
                       unsigned rounds) {
    const std::string name = fmt::format("{} directories a CPU", width);
    for (unsigned i = 0; i < width * ring.cpus(); ++i) {
        ::mkdir(place(directory, width, i / width, i).c_str(), 0700);
        if (i % 8 == 7) {
            ring.read();
        }
    }
    OnEveryCpu workers(ring.cpus(), [&](unsigned cpu) {
        return wander(directory, width, cpu, rounds);
    });
    check(name + ": work on every CPU", workers.wait());
    Account account = ring.read();
    unsigned lost_in = 0;
    for (unsigned cpu = 0; cpu < ring.cpus(); ++cpu) {
        std::set<std::uint64_t> named;
        std::set<std::uint64_t> mine;
        bool known = true;
        for (const vx_dirty& dir : account.dirty[cpu]) {
            named.insert(dir.ino);
            known = known && dir.fsid == ring.fsid();
        }
        bool all = true;
        for (unsigned i = 0; i < width; ++i) {
            struct stat st {};
            ::stat(place(directory, width, cpu, i).c_str(), &st);
            mine.insert(st.st_ino);
            const bool lost = account.in_directory[st.st_ino] < operations_in(width, rounds, i);
            lost_in += lost ? 1 : 0;
            const bool told =
                named.count(st.st_ino) == 1 || account.overflowed.count(cpu) == 1;
            all = all && (!lost || told);
        }
        for (const std::uint64_t ino : named) {
            known = known && mine.count(ino) == 1;
        }
        check(fmt::format("{}: cpu {}: each with a loss is in the account, or it overflows", name,
                          cpu),
              all);
        check(fmt::format("{}: cpu {}: the account names only these", name, cpu), known);
        check(fmt::format("{}: cpu {}: the set overflows when it must", name, cpu),
              (account.overflowed.count(cpu) == 1) == (width > VX_DIRTY_MAX));
    }
    check(name + ": some have a loss", lost_in > 0);
    fmt::print("    {}: {} with a loss\n", name, lost_in);
}

void balance(const std::string& name, TinyRing& ring) {
    auto stats = ring.stats();
    bool balanced = stats.ok();
    for (unsigned op = 0; balanced && op < VX_OP_COUNT; ++op) {
        balanced = stats->seen[op] == stats->filtered[op] + stats->emitted[op] + stats->lost[op];
    }
    check(name + ": the channel's counters: seen = filtered + emitted + lost", balanced);
}

// A reader that does not read, and rings that hold a hundredth of what comes.
void paused(const std::string& directory) {
    auto opened = TinyRing::open(directory, VX_SUBRING_MIN);
    if (!opened) {
        check("open", false, opened.status().message());
        return;
    }
    TinyRing& ring = **opened;
    constexpr unsigned kRounds = 1000;
    const auto before = snapshot(ring);
    const std::vector<PerOp> truth(ring.cpus(), attempts(kRounds));
    OnEveryCpu workers(ring.cpus(), [&](unsigned cpu) { return work(directory, cpu, kRounds); });
    check("work on every CPU", workers.wait());
    const Account account = ring.read();
    compare("paused reader", ring, account, truth, before);
    check("paused reader: both classes lost something", account.gap_m > 0 && account.gap_d > 0);
    balance("paused reader", ring);
}

// A reader that keeps up with class M: each round of it is read before the next. Class M comes to
// several times what its rings hold, class D to more in each round: only of it may something be
// lost.
void flooded(const std::string& directory) {
    auto opened = TinyRing::open(directory, std::uint64_t{VX_SUBRING_MIN} * 16);
    if (!opened) {
        check("open", false, opened.status().message());
        return;
    }
    TinyRing& ring = **opened;
    constexpr unsigned kRounds = 400;
    constexpr unsigned kReads = 250;
    const auto before = snapshot(ring);
    const std::vector<PerOp> truth(ring.cpus(), attempts(kRounds, kReads));
    Turns turns(ring.cpus());
    OnEveryCpu workers(ring.cpus(), [&](unsigned cpu) {
        return work_in_flood(directory, cpu, kRounds, kReads, [&] { return turns.wait(cpu); });
    });
    const Account account = ring.read(ring.follow(workers.end(), turns));
    check("a flood on every CPU", workers.wait());
    compare("read flood", ring, account, truth, before);
    check("read flood: reads are lost", account.gap_d > 0);
    check("read flood: nothing of class M is lost", account.gap_m == 0,
          fmt::format("{} are", account.gap_m));
    for (unsigned cpu = 0; cpu < ring.cpus(); ++cpu) {
        check(fmt::format("read flood: cpu {}: its class M ring was gone around", cpu),
              ring.producer(cpu, VX_CLASS_M).head > 2 * 16 * VX_SUBRING_MIN);
    }
    balance("read flood", ring);
}

// Few directories, which the account of a loss can hold, and more than it can.
void scattered(const std::string& directory) {
    auto opened = TinyRing::open(directory, VX_SUBRING_MIN);
    if (!opened) {
        check("open", false, opened.status().message());
        return;
    }
    check_directories(**opened, directory, 5, 1000);
    check_directories(**opened, directory, VX_DIRTY_MAX + 37, 1000);
}

}  // namespace
}  // namespace vexfs::vm

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (argc != 2) {
        fmt::print(stderr, "vx_tinyring DIRECTORY\n");
        return 2;
    }
    vexfs::vm::paused(argv[1]);
    vexfs::vm::flooded(argv[1]);
    vexfs::vm::scattered(argv[1]);
    return vexfs::vm::failures == 0 ? 0 : 1;
}
