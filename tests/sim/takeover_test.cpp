// SPDX-License-Identifier: Apache-2.0
// The whole way from a kernel's rings to the journal, with daemons that are killed and machines
// that lose power at any operation on a disk that fails: what has happened, held against what the
// journal says. VEXFS_SEED and VEXFS_CRASHES (default 2000; full: 100,000) choose.
#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "journal/segment_store.hpp"
#include "paths/directory_log.hpp"
#include "pipeline/takeover.hpp"
#include "support/catch.hpp"
#include "support/lives.hpp"
#include "support/simulated_disk.hpp"
#include "support/simulated_kernel.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;  // NOLINT: a test
using journal::SegmentStore;
using test::Attempt;
using test::kLists;
using test::list_of;
using test::name_of;
using test::PerList;
using test::SimulatedDisk;
using test::SimulatedKernel;

namespace {

using Kernels = std::vector<std::unique_ptr<SimulatedKernel>>;

// What vexfsd has of the boundary: everything between the ring and the journal.
class Daemon {
  public:
    Daemon(std::unique_ptr<SegmentStore> store, const std::string& journal, SimulatedKernel& kernel,
           bool taken_over)
        : store_(std::move(store)), pipeline_(*store_, paths_, clock_, {.batch = 16}) {
        auto stream = begin_stream(pipeline_, paths_,
                                   {.ring = kernel.source(),
                                    .taken_over = taken_over,
                                    .journal = journal,
                                    .next_seq = store_->next_seq()});
        INFO((stream ? std::string() : stream.status().message()));
        REQUIRE(stream.ok());
        directories_ = std::move(stream->directories);
        paths_.anchor({test::kFsid, test::kRootIno, 0}, "/w");
        if (!stream->begun) {
            pipeline_.not_observed_until_now(store_->rebooted() ? GapReason::rebooted
                                                                : GapReason::stopped);
        }
    }

    SegmentStore& store() { return *store_; }
    Pipeline& pipeline() { return pipeline_; }

  private:
    ManualClock clock_;
    DirectoryMap paths_;
    std::unique_ptr<SegmentStore> store_;
    std::unique_ptr<DirectoryLog> directories_;
    Pipeline pipeline_;
};

// Goes through the journal, and says where it is not what has happened.
class Judge {
  public:
    explicit Judge(const Kernels& kernels) : kernels_(kernels) {}

    // Empty: nothing is wrong. `complete`: everything that happened in the last channel is there.
    std::string judge(const std::string& directory, bool complete) {
        auto reader = Reader::open(directory);
        if (!reader) {
            return "it cannot be read: " + reader.status().message();
        }
        std::uint64_t expected = 1;
        for (auto item = reader->next(); wrong_.empty(); item = reader->next()) {
            if (!item) {
                return "it cannot be read on: " + item.status().message();
            }
            if (*item == Reader::Item::end) {
                break;
            }
            const bool event = *item == Reader::Item::event;
            const std::uint64_t from = event ? reader->event().seq : reader->gap().from;
            if (from != expected) {
                return "a jump before number " + std::to_string(from);
            }
            expected = event ? from + 1 : reader->gap().to + 1;
            if (event) {
                see(reader->event());
            } else if (begins(reader->gap())) {
                if (!begun_) {
                    assign(kernels_.size() - 1);
                }
                begun_ = true;
                rebooted_ |= reader->gap().reason == GapReason::rebooted;
            } else {
                see(reader->gap());
            }
        }
        begun_ ? settle(kernels_.size() - 1) : assign(kernels_.size() - 1);
        while (wrong_.empty() && at_ + 1 < kernels_.size()) {
            next_channel();
        }
        check_acknowledged();
        if (complete && wrong_.empty() && position_ != kernel().sizes()) {
            wrong("not all is there");
        }
        if (complete && wrong_.empty() && accounts_ != kernel().lost) {
            wrong("the accounts do not say what was lost");
        }
        return wrong_;
    }

  private:
    // Of a ring.
    struct Loss {
        std::size_t list = 0;
        std::uint32_t producer = 0;
        std::uint64_t to = 0;
        std::uint64_t count = 0;
        std::uint64_t first = 0;     // of the attempts of its list
        std::uint64_t of_names = 0;  // by its account
    };

    [[nodiscard]] const SimulatedKernel& kernel() const { return *kernels_[at_]; }

    void wrong(const std::string& what) {
        if (wrong_.empty()) {
            wrong_ = "channel " + std::to_string(kernel().channel()) + ": " + what;
        }
    }

    static bool begins(const Gap& gap) {
        return gap.reason == GapReason::stopped || gap.reason == GapReason::rebooted;
    }

    // The losses that wait are of this channel, or of one before it, whose end may be in what is
    // damaged.
    void assign(std::size_t channel) {
        for (const Loss& loss : std::exchange(waiting_, {})) {
            while (wrong_.empty() && at_ < channel && (begun_ || !can_be_here(loss))) {
                next_channel();
            }
            take(loss);
        }
    }

    [[nodiscard]] bool can_be_here(const Loss& loss) const {
        const auto& all = kernel().list(loss.list);
        const std::size_t to = loss.first + loss.count;
        return loss.count == 0 ||  // an account, which has no place
               (loss.first >= position_[loss.list] && to <= all.size() &&
                std::all_of(all.begin() + static_cast<std::ptrdiff_t>(loss.first),
                            all.begin() + static_cast<std::ptrdiff_t>(to),
                            [](const Attempt& attempt) { return attempt.lost; }));
    }

    // What comes is of this channel.
    void settle(std::size_t channel) {
        if (channel < at_ || (channel > at_ && !begun_ && !hidden_)) {
            wrong("what follows is of channel " + std::to_string(kernels_[channel]->channel()));
        } else if (channel == at_ && begun_ && position_ != PerList{}) {
            wrong("it is said to end, and goes on");
        } else if (channel > at_ && !rebooted_ && !hidden_) {
            wrong("nothing says that the machine was started anew");
        }
        assign(channel);
        while (wrong_.empty() && at_ < channel) {
            next_channel();
        }
        begun_ = rebooted_ = hidden_ = false;
    }

    // A channel ends somewhere, but not before what was acknowledged.
    void next_channel() {
        check_acknowledged();
        at_++;
        position_ = {};
        accounts_ = {};
        damaged_ = hidden_;
    }

    void check_acknowledged() {
        for (std::size_t i = 0; i < kLists; ++i) {
            if (position_[i] < kernel().acknowledged[i]) {
                wrong("list " + std::to_string(i) + " ends at " + std::to_string(position_[i]) +
                      ", and " + std::to_string(kernel().acknowledged[i]) +
                      " attempts were acknowledged");
            }
        }
    }

    // The next attempt of a list; null: there was none.
    const Attempt* next(std::size_t list) {
        const auto& all = kernel().list(list);
        return position_[list] < all.size() ? &all[position_[list]++] : nullptr;
    }

    // What the power cut took, on to an attempt; not what was acknowledged.
    void pass_damage(std::size_t list, std::size_t to) {
        std::size_t& at = position_[list];
        if (to > at && at >= kernel().acknowledged[list]) {
            at = to;
        }
    }

    void see(const EventView& event) {
        const std::uint64_t id = event.event().size;
        const std::string number = "number " + std::to_string(event.seq);
        settle((id >> test::kIdBits) - 1);
        const bool class_d = vx_op_class(event.op()) == VX_CLASS_D;
        const std::size_t list = list_of(class_d, event.producer);
        if (damaged_) {
            pass_damage(list, event.record->*(class_d ? &vx_record::count : &vx_record::ticket));
        }
        const Attempt* attempt = next(list);
        if (attempt == nullptr || attempt->id != id) {
            wrong(number + " of " + (class_d ? "class D, producer " : "class M, producer ") +
                  std::to_string(event.producer) + " is " + name_of(id) + ", the next one was " +
                  (attempt == nullptr ? "none" : name_of(attempt->id)) +
                  (attempt != nullptr && attempt->lost ? ", which was lost" : ""));
        } else if (attempt->lost) {
            wrong(number + " was lost in the ring");
        } else if (event.path != attempt->path) {
            wrong(number + " has the path " + std::string(event.path) + ", it was " +
                  attempt->path);
        }
    }

    void see(const Gap& gap) {
        const bool stopped = at_ + 1 < kernels_.size();
        if (gap.reason == GapReason::damaged && !stopped) {
            wrong("numbers " + std::to_string(gap.from) + " to " + std::to_string(gap.to) +
                  " are damaged, and the machine has not stopped");
        }
        hidden_ = hidden_ || gap.reason == GapReason::damaged;
        // Without that, numbers are passed over (a sync had failed), but nothing is missing.
        damaged_ = damaged_ || (stopped && (gap.reason == GapReason::damaged ||
                                            gap.reason == GapReason::unclean));
        if (gap.reason != GapReason::ring_full) {
            return;
        }
        Loss loss{.list = list_of(gap.class_d, gap.producer),
                  .producer = gap.producer,
                  .to = gap.to,
                  .count = gap.count(),
                  .first = (gap.class_d ? gap.next_count : gap.next_ticket) - gap.count()};
        for (const LostOp& op : gap.ops) {
            loss.of_names += gap.class_d ? 0 : op.count;
        }
        begun_ || hidden_ ? waiting_.push_back(loss) : take(loss);
    }

    void take(const Loss& loss) {
        if (damaged_ && loss.count != 0) {
            pass_damage(loss.list, loss.first);
        }
        for (std::uint64_t n = loss.count; n > 0; --n) {
            const Attempt* attempt = next(loss.list);
            if (attempt == nullptr || !attempt->lost) {
                wrong("a loss before number " + std::to_string(loss.to + 1) +
                      " of what was not lost");
            }
        }
        if (loss.of_names != 0) {
            accounts_.at(loss.producer) += loss.of_names;
        }
    }

    const Kernels& kernels_;
    std::string wrong_;
    // A later channel begins, which one is not said. It may be said again before its first record.
    bool begun_ = false;
    bool rebooted_ = false;      // and says why
    bool hidden_ = false;        // that may have been in what is damaged
    std::vector<Loss> waiting_;  // until it is known of which channel
    std::size_t at_ = 0;
    PerList position_{};
    bool damaged_ = false;  // something is missing in this channel
    std::array<std::uint64_t, test::kProducers> accounts_{};
};

class Simulation {
  public:
    Simulation(const std::string& directory, std::uint64_t seed)
        : directory_(directory), disk_(directory, seed), random_(seed) {
        kernels_.push_back(std::make_unique<SimulatedKernel>(1, ring_bytes()));
    }

    SimulatedDisk& disk() { return disk_; }

    // Starts a daemon, works, and kills it or the machine. What is wrong then; empty: nothing.
    std::string live_and_die(bool last) {
        set_faults();
        std::string wrong = start();
        if (wrong.empty()) {
            if (below(4) == 0) {
                disk_.operations_left = below(40);
            }
            for (std::uint64_t n = below(60); n > 0; --n) {
                work();
            }
        }
        if (last && wrong.empty()) {
            wrong = finish();
        }
        if (last && wrong.empty()) {
            wrong = judge(true);
        }
        const bool cut = below(3) == 0 && !last;
        // What the daemon had started may be done or not; then it is gone.
        cut ? disk_.cut_power() : disk_.kill();
        daemon_.reset();
        disk_.operations_left = ~std::uint64_t{0};
        if (cut) {
            kernels_.push_back(
                std::make_unique<SimulatedKernel>(kernels_.size() + 1, ring_bytes()));
            boot_[0]++;
            taken_over_ = false;
        }
        return wrong;
    }

  private:
    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    std::uint64_t ring_bytes() { return std::uint64_t{4096} << below(3); }
    SimulatedKernel& kernel() { return *kernels_.back(); }

    void set_faults() {
        const bool bad = below(3) == 0;
        disk_.bad_syncs = bad ? 100 : 0;
        disk_.bad_writes = bad ? 30 : 0;
        disk_.room = below(4) == 0 ? (64 + below(64)) << 10U : ~std::uint64_t{0};
    }

    void heal_disk() {
        disk_.bad_syncs = disk_.bad_writes = 0;
        disk_.room = ~std::uint64_t{0};
        disk_.operations_left = ~std::uint64_t{0};
    }

    std::string start() {
        const journal::StoreConfig config{
            .durability = static_cast<journal::Durability>(below(3)),
            .segment_bytes = std::uint64_t{4096} << below(4),
            .buffer_bytes = std::size_t{512} << 10U,
            .boot_id = boot_};
        auto store = SegmentStore::open(config, disk_);
        if (!store) {
            heal_disk();
            store = SegmentStore::open(config, disk_);
        }
        if (!store) {
            return "it does not open: " + store.status().message();
        }
        std::string wrong = judge(false);
        if (wrong.empty()) {
            daemon_ =
                std::make_unique<Daemon>(std::move(*store), directory_, kernel(), taken_over_);
            taken_over_ = true;
        }
        return wrong;
    }

    void work() {
        switch (below(8)) {
            case 0:
                daemon_->store().tick();
                break;
            case 1:
                acknowledge();
                break;
            case 2:
                daemon_->pipeline().retry();
                break;
            case 3:
            case 4:
                if (disk_.waiting() != 0) {
                    disk_.step();
                }
                break;
            default:
                for (std::uint64_t n = below(20); n > 0; --n) {
                    kernel().happen(random_);
                }
        }
        if (below(3) != 0) {
            daemon_->pipeline().turn();
        }
    }

    void acknowledge() {
        SimulatedKernel& kernel = this->kernel();
        daemon_->pipeline().sync([&kernel, until = kernel.sizes()](const Status& status) {
            for (std::size_t i = 0; i < kLists && status; ++i) {
                kernel.acknowledged[i] = std::max(kernel.acknowledged[i], until[i]);
            }
        });
    }

    // With a disk that works everything comes to the journal.
    std::string finish() {
        heal_disk();
        bool synced = false;
        for (int i = 0; i < 10 && !synced; ++i) {  // the first is told of what was wrong until now
            daemon_->pipeline().retry();
            daemon_->pipeline().sync([&](const Status& status) { synced = status.ok(); });
            do {
                disk_.run();
            } while (daemon_->pipeline().turn() || disk_.waiting() != 0);
        }
        return synced ? "" : "a disk that works again does not make it durable";
    }

    std::string judge(bool complete) {
        return Judge(kernels_).judge(directory_, complete);
    }

    std::string directory_;
    SimulatedDisk disk_;
    std::mt19937_64 random_;
    Kernels kernels_;
    std::unique_ptr<Daemon> daemon_;
    std::array<std::uint8_t, 16> boot_{1};
    bool taken_over_ = false;
};

}  // namespace

TEST_CASE("takeover: what happened is in the journal once, in order, or lost and said so") {
    test::require_that_no_crash_breaks_it<Simulation>(20);
}

TEST_CASE("takeover: a disk that acknowledges without writing is noticed") {
    test::check_that_lies_are_noticed<Simulation>();
}
