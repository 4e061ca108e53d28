// SPDX-License-Identifier: Apache-2.0
// A small ring, its reader, what the reader finds in it, and processes that fill it.
#pragma once

#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pipeline/source.hpp"
#include "record.h"
#include "ring/channel.hpp"
#include "vm/vx_tinyring/work.hpp"

namespace vexfs::vm {

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

// Workers, one for each CPU, each of which waits at times until what it has done is read.
class Turns {
  public:
    explicit Turns(unsigned workers) {
        for (unsigned i = 0; i < workers; ++i) {
            int ends[2] = {-1, -1};
            ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
            worker_.emplace_back(ends[0]);
            reader_.emplace_back(ends[1]);
        }
    }

    // The worker waits. False: nobody reads any more.
    bool wait(unsigned worker) {
        char byte = 0;
        const int fd = worker_[worker].get();
        return ::write(fd, &byte, 1) == 1 && ::read(fd, &byte, 1) == 1;
    }

    // The reader's ends: one can be read while its worker waits. give() lets that one go on,
    // close() tells all that nobody reads any more.
    [[nodiscard]] const std::vector<UniqueFd>& ends() const { return reader_; }
    static bool give(int end) {
        char byte = 0;
        return ::read(end, &byte, 1) == 1 && ::write(end, &byte, 1) == 1;
    }
    void close() {
        for (const UniqueFd& end : reader_) {
            ::shutdown(end.get(), SHUT_RDWR);
        }
    }

  private:
    std::vector<UniqueFd> worker_;
    std::vector<UniqueFd> reader_;
};

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
        self->fsid_ = watch->fsid;
        return self;
    }

    // Reads what comes until `end` can be read: sleeps while there is nothing. Whoever waits goes
    // on when all that had come by then is read.
    Account follow(int end, Turns& turns) {
        Account account;
        std::vector<pollfd> waits;
        for (const UniqueFd& worker : turns.ends()) {
            waits.push_back({.fd = worker.get(), .events = POLLIN, .revents = 0});
        }
        waits.push_back({.fd = channel_->fd(), .events = POLLIN, .revents = 0});
        waits.push_back({.fd = end, .events = POLLIN, .revents = 0});
        while (waits.back().revents == 0 && !account.broken) {
            vx_item item{};
            while (vx_reader_next(&source_->reader(), &item) != VX_ITEM_NONE && !account.broken) {
                take(item, account);
            }
            vx_reader_release(&source_->reader());
            for (std::size_t i = 0; i < turns.ends().size(); ++i) {
                if (waits[i].revents != 0) {
                    Turns::give(waits[i].fd);
                }
            }
            if (vx_reader_loss_pending(&source_->reader()) != 0) {
                account.broken = account.broken || !channel_->barrier().ok();
            }
            const bool slept = vx_reader_sleep(&source_->reader(), 1) != 0;
            ::poll(waits.data(), waits.size(), slept ? -1 : 0);
            vx_reader_awake(&source_->reader());
        }
        turns.close();
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

}  // namespace vexfs::vm
