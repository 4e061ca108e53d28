// SPDX-License-Identifier: Apache-2.0
// The journal on a disk that fails, lies in wait and loses power, over and over, with what it has
// promised held against it. VEXFS_SEED and VEXFS_CRASHES (default 2000; full: 100,000) choose.
#include <map>
#include <random>
#include <string>

#include "journal/retention.hpp"
#include "journal/segment_store.hpp"
#include "journal/verify.hpp"
#include "support/catch.hpp"
#include "support/lives.hpp"
#include "support/records.hpp"
#include "support/simulated_disk.hpp"
#include "translate/translate.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;  // NOLINT: a test
using journal::SegmentStore;
using test::SimulatedDisk;

namespace {

class Simulation {
  public:
    Simulation(const std::string& directory, std::uint64_t seed)
        : directory_(directory), disk_(directory, seed), random_(seed) {}

    SimulatedDisk& disk() { return disk_; }

    // Opens the journal, works, and is killed or loses its machine.
    std::string live_and_die(bool /*last*/) {
        set_faults();
        auto opened = open();
        if (opened) {
            store_ = std::move(*opened);
            check_all();
            for (std::uint64_t n = below(60); n > 0; --n) {
                work();
            }
            if (below(10) == 0) {
                end_well();
            }
            acknowledged_ = std::max(acknowledged_, store_->durable_seq());
        }
        if (below(3) == 0) {
            disk_.kill();
        } else {
            disk_.cut_power();
            boot_[0]++;
        }
        store_.reset();
        return broken_promise;
    }

    // Everything that was promised, from the journal itself. Empty: it is all there.
    std::string broken_promise;
    std::uint64_t checked = 0;
    std::uint64_t gaps = 0;
    std::uint64_t retired = 0;

  private:
    static constexpr std::uint64_t kGap = ~std::uint64_t{0};  // in place of an event's content

    std::uint64_t below(std::uint64_t n) { return random_() % n; }

    void set_faults() {
        const bool bad = below(3) == 0;
        disk_.bad_syncs = bad ? 100 : 0;
        disk_.bad_writes = bad ? 30 : 0;
        disk_.room = below(4) == 0 ? (64 + below(64)) << 10U : ~std::uint64_t{0};
    }

    // A disk that fails may refuse; in the end it opens.
    Result<std::unique_ptr<SegmentStore>> open() {
        const journal::StoreConfig config{
            .durability = static_cast<journal::Durability>(below(3)),
            .segment_bytes = std::uint64_t{4096} << below(4),
            .buffer_bytes = std::size_t{512} << 10U,
            .boot_id = boot_};
        auto store = SegmentStore::open(config, disk_);
        if (!store) {
            disk_.bad_syncs = disk_.bad_writes = 0;
            disk_.room = ~std::uint64_t{0};
            store = SegmentStore::open(config, disk_);
        }
        if (!store) {
            broken_promise = "it does not open: " + store.status().message();
        }
        return store;
    }

    void work() {
        switch (below(10)) {
            case 0:
                append_gap();
                break;
            case 1:
                acknowledge();
                break;
            case 2:
                store_->tick();
                break;
            case 3:
                read_some();
                break;
            case 4:
            case 5:
                if (disk_.waiting() != 0) {
                    disk_.step();
                }
                break;
            default:
                append_events();
        }
        if (below(20) == 0) {
            retire();
        }
        store_->flush().ignore();
        acknowledged_ = std::max(acknowledged_, store_->durable_seq());
    }

    void append_events() {
        for (std::uint64_t n = 1 + below(8); n > 0; --n) {
            test::Record record(VX_OP_FILE_WRITE);
            record->ino = ++contents_;
            const std::string path(below(400), 'x');
            EventView event = record.view(store_->next_seq(), path);
            event.hash = translate::context_hash(record.record());
            event.ops = translate::operations(record.event());
            if (store_->append(event)) {
                appended_[event.seq] = contents_;
            }
        }
    }

    void append_gap() {
        const std::uint64_t from = store_->next_seq();
        const std::uint64_t count = below(20) == 0 ? 1'000'000 : below(3);
        Gap gap;
        gap.from = from;
        gap.to = from + count - 1;
        if (store_->append(gap) && count != 0) {
            gaps_[gap.to] = from;
        }
    }

    void acknowledge() {
        const std::uint64_t last = store_->next_seq() - 1;
        store_->sync([this, last](const Status& status) {
            if (status) {
                acknowledged_ = std::max(acknowledged_, last);
            }
        });
    }

    void end_well() {
        disk_.bad_syncs = disk_.bad_writes = 0;
        disk_.room = ~std::uint64_t{0};
        bool synced = false;
        for (int i = 0; i < 3 && !synced; ++i) {
            store_->flush().ignore();
            store_->sync([&](const Status& status) { synced = status.ok(); });
            disk_.run();
        }
        if (!synced || !store_->close()) {
            broken_promise = "a disk that works again does not make it durable";
        }
    }

    // What is too old goes, and nothing else.
    void retire() {
        const journal::RetentionLimits limits{.bytes = (8 + below(64)) << 10U};
        journal::Retention retention(directory_, store_->id(), limits, disk_, clock_);
        retention.pass(1 + below(store_->next_seq())).ignore();
        if (const auto reader = Reader::open(directory_)) {
            oldest_ = reader->earliest()->seq + 1;
            retired += oldest_ > 1;
        }
    }

    // What a reader has seen once is never something else.
    void read_some() {
        auto reader = Reader::open(directory_);
        if (!reader || !reader->seek({store_->id(), below(store_->next_seq())})) {
            return;
        }
        for (auto item = reader->next(); item && *item == Reader::Item::event;
             item = reader->next()) {
            see(reader->event());
        }
    }

    void see(const EventView& event) {
        const std::uint64_t content = event.event().ino;
        const auto [seen, fresh] = seen_.emplace(event.seq, content);
        if (!fresh && seen->second != content) {
            broken_promise = "number " + std::to_string(event.seq) + " is two events";
        }
        const auto appended = appended_.find(event.seq);
        if (appended == appended_.end() || appended->second != content) {
            broken_promise = "number " + std::to_string(event.seq) + " was never appended so";
        }
        ++checked;
    }

    // Right after it was opened: what was acknowledged is there, every other loss is a gap.
    void check_all() {
        const auto report = journal::verify(directory_, [&](const journal::Problem& problem) {
            broken_promise = "verify: " + problem.segment + " at " +
                             std::to_string(problem.offset) + ": " + problem.what;
        });
        auto reader = Reader::open(directory_);
        if (!report || !reader) {
            broken_promise = "it cannot be read";
            return;
        }
        std::uint64_t expected = reader->earliest()->seq + 1;
        if (expected > oldest_) {
            broken_promise = "numbers from " + std::to_string(oldest_) + " are gone";
        }
        for (auto item = reader->next(); item && *item != Reader::Item::end;
             item = reader->next()) {
            if (*item == Reader::Item::event) {
                if (reader->event().seq != expected) {
                    broken_promise = "a jump before number " + std::to_string(reader->event().seq);
                }
                see(reader->event());
                expected = reader->event().seq + 1;
            } else {
                check_gap(reader->gap());
                expected = reader->gap().to + 1;
            }
        }
        if (expected <= acknowledged_) {
            broken_promise = "it ends at number " + std::to_string(expected - 1) + ", but " +
                             std::to_string(acknowledged_) + " was acknowledged";
        }
        appended_.erase(appended_.lower_bound(expected), appended_.end());
        if (store_->next_seq() > expected) {  // the gap of an unclean end, not yet written
            gaps_[store_->next_seq() - 1] = expected;
        }
    }

    // A gap that was not appended as one is over what was not acknowledged; from here on it is
    // known.
    void check_gap(const Gap& gap) {
        ++gaps;
        const auto known = gaps_.find(gap.to);
        if (gap.count() == 0 || (known != gaps_.end() && known->second <= gap.from)) {
            return;
        }
        if (gap.from <= acknowledged_) {
            broken_promise = "numbers from " + std::to_string(gap.from) +
                             " are lost, and were acknowledged";
        }
        gaps_[gap.to] = gap.from;
        appended_.erase(appended_.lower_bound(gap.from), appended_.upper_bound(gap.to));
    }

    std::string directory_;
    SimulatedDisk disk_;
    std::mt19937_64 random_;
    std::unique_ptr<SegmentStore> store_;
    std::array<std::uint8_t, 16> boot_{1};
    std::uint64_t contents_ = 0;
    std::uint64_t acknowledged_ = 0;
    std::uint64_t oldest_ = 1;
    SystemClock clock_;
    std::map<std::uint64_t, std::uint64_t> appended_;  // number -> content
    std::map<std::uint64_t, std::uint64_t> gaps_;      // last number -> first
    std::map<std::uint64_t, std::uint64_t> seen_;
};

}  // namespace

TEST_CASE("journal: no power cut, kill or failing disk breaks a promise") {
    test::require_that_no_crash_breaks_it<Simulation>(40);
}

TEST_CASE("journal: a disk that acknowledges without writing is noticed") {
    test::check_that_lies_are_noticed<Simulation>();
}
