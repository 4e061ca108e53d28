// SPDX-License-Identifier: Apache-2.0
// vx_tinyring DIRECTORY
//   The smallest rings there are and a reader that does not read: what every CPU attempted is known
//   from processes pinned to it, and must be what was delivered and what was lost, for each CPU,
//   class and operation; the gaps of the stream must say the same. A flood of reads must not lose
//   a single operation on names. Each directory with a lost operation on names is in the account
//   of its CPU, or the account says that it does not have them all.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "pipeline/source.hpp"
#include "record.h"
#include "ring/channel.hpp"

namespace vexfs::vm {
namespace {

constexpr std::uint64_t kOps = VX_OP_BIT(VX_OP_DIR_CREATE) | VX_OP_BIT(VX_OP_DIR_DELETE) |
                               VX_OP_BIT(VX_OP_FILE_RENAME) | VX_OP_BIT(VX_OP_FILE_CHMOD) |
                               VX_OP_BIT(VX_OP_FILE_READ) | VX_OP_BIT(VX_OP_FILE_WRITE);

using PerOp = std::array<std::uint64_t, VX_OP_SLOTS>;

int failures = 0;

void check(const std::string& what, bool right, const std::string& why = "") {
    fmt::print("{} {}{}{}\n", right ? "ok" : "not ok", what, right ? "" : ": ", right ? "" : why);
    failures += right ? 0 : 1;
}

// Runs `act` in a process for each CPU, on that CPU only, at the same time.
bool on_every_cpu(unsigned cpus, const std::function<bool(unsigned)>& act) {
    std::vector<pid_t> children;
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
        const pid_t child = ::fork();
        if (child == 0) {
            cpu_set_t only;
            CPU_ZERO(&only);
            CPU_SET(cpu, &only);
            ::_exit(::sched_setaffinity(0, sizeof(only), &only) == 0 && act(cpu) ? 0 : 1);
        }
        children.push_back(child);
    }
    bool all = true;
    for (const pid_t child : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        all = all && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return all;
}

// What the stream says.
struct Account {
    std::map<unsigned, PerOp> delivered;  // by producer
    std::map<unsigned, PerOp> lost;       // by producer, from the LOST records
    std::uint64_t gap_m = 0;              // attempts, from the gaps of class M
    std::uint64_t gap_d = 0;
    std::map<std::uint64_t, std::uint64_t> in_directory;  // delivered operations on names, by ino
    std::map<unsigned, std::vector<vx_dirty>> dirty;      // by producer
    std::set<unsigned> overflowed;                        // producers
    std::uint64_t numbers = 0;  // seq given away
    bool dense = true;
    bool broken = false;
};

class TinyRing {
  public:
    static Result<std::unique_ptr<TinyRing>> open(const std::string& directory) {
        std::unique_ptr<TinyRing> self(new TinyRing);
        auto channel = Channel::open({.size_m = VX_SUBRING_MIN, .size_d = VX_SUBRING_MIN});
        if (!channel) {
            return channel.status();
        }
        self->channel_ = std::move(*channel);
        auto source = Source::create(
            {.ring = self->channel_->ring().bytes(), .consumer = self->channel_->consumer()});
        if (!source) {
            return source.status();
        }
        self->source_ = std::move(*source);
        auto watch = self->channel_->add_watch({.path = directory, .not_me = false, .ops = kOps});
        if (!watch) {
            return watch.status();
        }
        self->fsid_ = watch->fsid;
        return self;
    }

    // Reads all there is until now, with the losses.
    Account read() {
        Account account;
        for (bool more = true; more && !account.broken;) {
            more = false;
            if (!channel_->barrier()) {
                account.broken = true;
            }
            vx_item item{};
            while (vx_reader_next(&source_->reader(), &item) != VX_ITEM_NONE && !account.broken) {
                more = true;
                take(item, account);
            }
            // A loss may have waited for the room that this gives.
            vx_reader_release(&source_->reader());
        }
        return account;
    }

    [[nodiscard]] const vx_producer& producer(unsigned cpu, unsigned cls) const {
        const auto* base = channel_->ring().bytes().data();
        const auto* header = reinterpret_cast<const vx_ring_header*>(base);
        return reinterpret_cast<const vx_producer*>(base +
                                                    header->producer_off)[cpu * VX_CLASSES + cls];
    }
    [[nodiscard]] unsigned cpus() const { return source_->reader().header->producers; }
    Result<vx_stats> stats() { return channel_->stats(); }
    [[nodiscard]] std::uint64_t fsid() const { return fsid_; }

  private:
    static void count_directories(const vx_event& event, Account& account) {
        account.in_directory[event.parent_ino]++;
        const vx_rename* rename = vx_event_rename_const(&event);
        if (rename != nullptr && rename->old_parent_ino != event.parent_ino) {
            account.in_directory[rename->old_parent_ino]++;
        }
    }

    void number(std::uint64_t seq, std::uint64_t count, Account& account) {
        account.dense = account.dense && seq == next_seq_;
        next_seq_ = seq + count;
        account.numbers += count;
    }

    void take(const vx_item& item, Account& account) {
        if (item.kind == VX_ITEM_EVENT) {
            account.delivered[item.producer][item.record->op]++;
            if (item.cls == VX_CLASS_M) {
                count_directories(*reinterpret_cast<const vx_event*>(item.record), account);
            }
            number(item.seq, 1, account);
        } else if (item.kind == VX_ITEM_GAP) {
            (item.cls == VX_CLASS_M ? account.gap_m : account.gap_d) += item.count;
            number(item.seq, item.count, account);
        } else if (item.kind == VX_ITEM_LOST) {
            const auto& lost = *reinterpret_cast<const vx_lost*>(item.record);
            for (unsigned op = 0; op < VX_OP_SLOTS; ++op) {
                account.lost[item.producer][op] += lost.per_op[op];
            }
            auto& dirty = account.dirty[item.producer];
            dirty.insert(dirty.end(), vx_lost_dirs(&lost), vx_lost_dirs(&lost) + lost.dirty);
            if (lost.flags == VX_LOST_F_OVERFLOW) {
                account.overflowed.insert(item.producer);
            }
            if (item.cls == VX_CLASS_D) {
                account.gap_d += item.count;
                number(item.seq, item.count, account);
            }
        } else if (item.kind == VX_ITEM_BROKEN) {
            account.broken = true;
        }
    }

    std::unique_ptr<Channel> channel_;
    std::unique_ptr<Source> source_;
    std::uint64_t next_seq_ = 1;
    std::uint64_t fsid_ = 0;
};

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

// Operations on names and data, far more than the rings hold.
bool mixed(const std::string& directory, unsigned cpu, unsigned rounds) {
    const std::string a = fmt::format("{}/a{}", directory, cpu);
    const std::string b = fmt::format("{}/b{}", directory, cpu);
    const int fd = ::open(fmt::format("{}/f{}", directory, cpu).c_str(), O_RDWR | O_CREAT, 0600);
    char byte = 'x';
    bool right = fd >= 0;
    for (unsigned i = 0; i < rounds && right; ++i) {
        right = ::mkdir(a.c_str(), 0700) == 0 && ::rename(a.c_str(), b.c_str()) == 0 &&
                ::chmod(b.c_str(), 0755) == 0 && ::rmdir(b.c_str()) == 0 &&
                ::pwrite(fd, &byte, 1, 0) == 1 && ::pread(fd, &byte, 1, 0) == 1;
    }
    return right;
}

PerOp mixed_truth(std::uint64_t rounds) {
    PerOp truth{};
    for (const unsigned op : {VX_OP_DIR_CREATE, VX_OP_FILE_RENAME, VX_OP_FILE_CHMOD,
                              VX_OP_DIR_DELETE, VX_OP_FILE_WRITE, VX_OP_FILE_READ}) {
        truth[op] = rounds;
    }
    return truth;
}

// A flood of reads with a few operations on names, which fit.
bool flood(const std::string& directory, unsigned cpu, unsigned reads, unsigned names) {
    const int fd = ::open(fmt::format("{}/f{}", directory, cpu).c_str(), O_RDWR);
    char byte = 0;
    bool right = fd >= 0;
    for (unsigned i = 0; i < reads && right; ++i) {
        right = ::pread(fd, &byte, 1, 0) == 1;
        if (i % (reads / names) == 0) {
            right =
                right && ::mkdir(fmt::format("{}/n{}-{}", directory, cpu, i).c_str(), 0700) == 0;
        }
    }
    return right;
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
    check(name + ": work on every CPU", on_every_cpu(ring.cpus(), [&](unsigned cpu) {
              return wander(directory, width, cpu, rounds);
          }));
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

int run(const std::string& directory) {
    auto opened = TinyRing::open(directory);
    if (!opened) {
        check("open", false, opened.status().message());
        return 1;
    }
    TinyRing& ring = **opened;
    constexpr unsigned kRounds = 2000;
    auto before = snapshot(ring);
    std::vector<PerOp> truth(ring.cpus(), mixed_truth(kRounds));
    check("work on every CPU",
          on_every_cpu(ring.cpus(), [&](unsigned cpu) { return mixed(directory, cpu, kRounds); }));
    Account account = ring.read();
    compare("paused reader", ring, account, truth, before);
    check("paused reader: both classes lost something", account.gap_m > 0 && account.gap_d > 0);

    constexpr unsigned kReads = 20000;
    constexpr unsigned kNames = 20;
    before = snapshot(ring);
    PerOp flooded{};
    flooded[VX_OP_FILE_READ] = kReads;
    flooded[VX_OP_DIR_CREATE] = kNames;
    truth.assign(ring.cpus(), flooded);
    check("a flood on every CPU", on_every_cpu(ring.cpus(), [&](unsigned cpu) {
              return flood(directory, cpu, kReads, kNames);
          }));
    account = ring.read();
    compare("read flood", ring, account, truth, before);
    check("read flood: reads are lost", account.gap_d > 0);
    check("read flood: no operation on names is lost", account.gap_m == 0);

    check_directories(ring, directory, 5, 1000);
    check_directories(ring, directory, VX_DIRTY_MAX + 37, 1000);

    auto stats = ring.stats();
    bool balanced = stats.ok();
    for (unsigned op = 0; balanced && op < VX_OP_COUNT; ++op) {
        balanced = stats->seen[op] == stats->filtered[op] + stats->emitted[op] + stats->lost[op];
    }
    check("the channel's counters: seen = filtered + emitted + lost", balanced);
    return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace vexfs::vm

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (argc != 2) {
        fmt::print(stderr, "vx_tinyring DIRECTORY\n");
        return 2;
    }
    return vexfs::vm::run(argv[1]);
}
