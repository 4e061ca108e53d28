// SPDX-License-Identifier: Apache-2.0
// vx_tinyring DIRECTORY
//   The smallest rings there are and a reader that does not read: what every CPU attempted, of all
//   18 operations, is known from processes pinned to it, and must be what was delivered and what
//   was lost, for each CPU, class and operation; the gaps of the stream must say the same. A flood
//   of reads, with a reader at work, must not lose a single one of class M among thousands.
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "pipeline/source.hpp"
#include "ring/channel.hpp"
#include "vm/vx_tinyring/work.hpp"

namespace vexfs::vm {
namespace {

int failures = 0;

void check(const std::string& what, bool right, const std::string& why = "") {
    fmt::print("{} {}{}{}\n", right ? "ok" : "not ok", what, right ? "" : ": ", right ? "" : why);
    failures += right ? 0 : 1;
}

// Processes that run `act`, one on each CPU and on that only, at the same time.
class OnEveryCpu {
  public:
    OnEveryCpu(unsigned cpus, const std::function<bool(unsigned)>& act) {
        int ends[2] = {};
        if (::pipe(ends) != 0) {
            return;
        }
        for (unsigned cpu = 0; cpu < cpus; ++cpu) {
            const pid_t child = ::fork();
            if (child == 0) {
                cpu_set_t only;
                CPU_ZERO(&only);
                CPU_SET(cpu, &only);
                ::_exit(::sched_setaffinity(0, sizeof(only), &only) == 0 && act(cpu) ? 0 : 1);
            }
            children_.push_back(child);
        }
        ::close(ends[1]);
        end_ = UniqueFd(ends[0]);
    }

    // Can be read when the last of them has ended.
    [[nodiscard]] int end() const { return end_.get(); }

    bool wait() {
        bool all = !children_.empty();
        for (const pid_t child : children_) {
            int status = 0;
            ::waitpid(child, &status, 0);
            all = all && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
        children_.clear();
        return all;
    }

  private:
    std::vector<pid_t> children_;
    UniqueFd end_;
};

// What the stream says.
struct Account {
    std::map<unsigned, PerOp> delivered;  // by producer
    std::map<unsigned, PerOp> lost;       // by producer, from the LOST records
    std::uint64_t gap_m = 0;              // attempts, from the gaps of class M
    std::uint64_t gap_d = 0;
    std::uint64_t numbers = 0;  // seq given away
    bool dense = true;
    bool broken = false;
};

class TinyRing {
  public:
    static Result<std::unique_ptr<TinyRing>> open(const std::string& directory,
                                                  std::uint64_t size_m) {
        std::unique_ptr<TinyRing> self(new TinyRing);
        auto channel = Channel::open({.size_m = size_m, .size_d = VX_SUBRING_MIN});
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
        auto watch =
            self->channel_->add_watch({.path = directory, .not_me = false, .ops = VX_OPS_ALL});
        if (!watch) {
            return watch.status();
        }
        return self;
    }

    // Reads what comes until `end` can be read: sleeps while there is nothing.
    Account follow(int end) {
        Account account;
        pollfd waits[2] = {{.fd = channel_->fd(), .events = POLLIN, .revents = 0},
                           {.fd = end, .events = POLLIN, .revents = 0}};
        while (waits[1].revents == 0 && !account.broken) {
            vx_item item{};
            while (vx_reader_next(&source_->reader(), &item) != VX_ITEM_NONE && !account.broken) {
                take(item, account);
            }
            vx_reader_release(&source_->reader());
            if (vx_reader_loss_pending(&source_->reader()) != 0) {
                account.broken = account.broken || !channel_->barrier().ok();
            } else if (vx_reader_sleep(&source_->reader(), 1) == 0) {
                continue;
            }
            ::poll(waits, 2, -1);
            vx_reader_awake(&source_->reader());
        }
        return account;
    }

    // Reads all there is until now, with the losses, and adds it to `account`.
    Account read(Account account = {}) {
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

  private:
    void number(std::uint64_t seq, std::uint64_t count, Account& account) {
        account.dense = account.dense && seq == next_seq_;
        next_seq_ = seq + count;
        account.numbers += count;
    }

    void take(const vx_item& item, Account& account) {
        if (item.kind == VX_ITEM_EVENT) {
            account.delivered[item.producer][item.record->op]++;
            number(item.seq, 1, account);
        } else if (item.kind == VX_ITEM_GAP) {
            (item.cls == VX_CLASS_M ? account.gap_m : account.gap_d) += item.count;
            number(item.seq, item.count, account);
        } else if (item.kind == VX_ITEM_LOST) {
            const auto& lost = *reinterpret_cast<const vx_lost*>(item.record);
            for (unsigned op = 0; op < VX_OP_SLOTS; ++op) {
                account.lost[item.producer][op] += lost.per_op[op];
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

// A reader at work. Class M comes to several times what its rings hold, class D to hundreds of
// times: only of it may something be lost.
void flooded(const std::string& directory) {
    auto opened = TinyRing::open(directory, std::uint64_t{VX_SUBRING_MIN} * 16);
    if (!opened) {
        check("open", false, opened.status().message());
        return;
    }
    TinyRing& ring = **opened;
    constexpr unsigned kRounds = 400;
    constexpr unsigned kReads = 60;
    const auto before = snapshot(ring);
    const std::vector<PerOp> truth(ring.cpus(), attempts(kRounds, kReads));
    OnEveryCpu workers(ring.cpus(), [&](unsigned cpu) {
        return work_in_flood(directory, cpu, kRounds, kReads);
    });
    const Account account = ring.read(ring.follow(workers.end()));
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
    return vexfs::vm::failures == 0 ? 0 : 1;
}
