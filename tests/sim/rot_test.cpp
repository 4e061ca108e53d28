// SPDX-License-Identifier: Apache-2.0
// Bits that change at rest, in plain and in compressed segments, and the repair of that; also on a
// machine that stops in the middle of it. VEXFS_SEED and VEXFS_ROT (journals, default 300; full:
// 20,000) choose.
#include <spdlog/spdlog.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>

#include "journal/compress.hpp"
#include "journal/repair.hpp"
#include "journal/segment_store.hpp"
#include "journal/verify.hpp"
#include "support/catch.hpp"
#include "support/journal_files.hpp"
#include "support/number_from.hpp"
#include "support/records.hpp"
#include "support/simulated_disk.hpp"
#include "support/temp_directory.hpp"
#include "translate/translate.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;  // NOLINT: a test
using journal::SegmentStore;
using test::BlockPlace;
using test::blocks_of;
using test::Files;
using test::files_in;
using test::number_from;
using test::SimulatedDisk;
using test::TempDirectory;

namespace {

bool is_compressed(const std::string& name) {
    return name.ends_with(".zst");
}

std::string content_of(const EventView& event) {
    const auto bytes = event.bytes();
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) +
           std::string(event.path) + std::to_string(event.hash);
}

class Rot {
  public:
    Rot(const std::string& directory, std::uint64_t seed)
        : directory_(directory), disk_(directory, seed), random_(seed) {}

    SimulatedDisk& disk() { return disk_; }
    std::string broken_promise;
    std::uint64_t lost = 0;  // numbers that were hit

    // A journal of several runs; some of its segments are compressed.
    void write() {
        for (std::uint64_t runs = 1 + below(3); runs > 0; --runs) {
            boot_[0] = static_cast<std::uint8_t>(boot_[0] + below(2));
            auto store = SegmentStore::open({.segment_bytes = std::uint64_t{4096} << below(4),
                                             .buffer_bytes = std::size_t{512} << 10U,
                                             .boot_id = boot_},
                                            disk_);
            REQUIRE(store.ok());
            fill(**store);
            closed_ = runs > 1 || below(4) != 0;
            REQUIRE((!closed_ || (*store)->close().ok()));
            last_number_ = (*store)->next_seq() - 1;
        }
        end_known_ = closed_;
        last_whole_ = last_number_;
        for (const std::uint64_t first_seq : segments()) {
            if (first_seq != segments().back() && below(2) == 0) {
                compress(first_seq).ignore();
            }
        }
    }

    Status compress(std::uint64_t first_seq) {
        return journal::compress_segment(disk_, first_seq,
                                         {.block_bytes = std::size_t{512} << below(5)})
            .status();
    }

    // Changes some bits, and works out which numbers that may cost.
    void flip_bits() {
        const Files before = files_in(directory_);
        note_places();
        std::map<std::string, std::set<std::uint64_t>> flipped;
        const auto flip = [&](const std::string& name, std::uint64_t bit) {
            disk_.flip(name, bit);
            flipped[name].insert(bit / 8);
        };
        for (std::uint64_t n = 1 + below(6); n > 0; --n) {
            const auto& [name, bytes] =
                *std::next(before.begin(), static_cast<long>(below(before.size())));
            const std::uint64_t bit = below(bytes.size() * 8);
            const bool header = bit / 8 < journal::kFirstBlockAt;
            // More than one in a header, and no other segment: nothing tells the journal's id.
            if (!header || header_hit_.insert(name).second) {
                flip(name, bit);
            }
            if (is_compressed(name) && below(3) == 0) {
                const std::vector<BlockPlace> blocks = blocks_of(bytes);
                flip(name, blocks[below(blocks.size())].head * 8 + below(300));
                flip(name, bytes.size() * 8 - 1 - below(500));
            }
        }
        for (const auto& [name, bytes] : flipped) {
            is_compressed(name) ? hit_compressed(name, before.at(name), bytes)
                                : hit_plain(name, bytes);
        }
        damaged_ = files_in(directory_);
    }

    // As often as the machine stops in the middle of it.
    void repair() {
        const journal::RepairReport would = run(true);
        if (files_in(directory_) != damaged_) {
            broken_promise = "a dry run has changed something";
        }
        for (std::uint64_t stops = below(3); stops > 0; --stops) {
            disk_.operations_left = below(60);
            run(false);
            disk_.operations_left = ~std::uint64_t{0};
            disk_.cut_power();
        }
        const journal::RepairReport report = run(false);
        const journal::RepairReport again = run(true);
        if (!report.status || report.repaired != report.damaged || again.damaged != 0) {
            broken_promise = "not repaired: " + report.status.message();
        }
        if (report.damaged > would.damaged) {
            broken_promise = "the dry run has not seen all";
        }
        check_kept();
    }

    void check() {
        const auto report = journal::verify(directory_, [&](const journal::Problem& problem) {
            broken_promise = "verify: " + problem.segment + " at " +
                             std::to_string(problem.offset) + ": " + problem.what;
        });
        auto reader = Reader::open(directory_);
        if (!report || !reader) {
            broken_promise = "it cannot be read";
            return;
        }
        std::uint64_t expected = 1;
        auto item = reader->next();
        for (; item && *item != Reader::Item::end; item = reader->next()) {
            if (*item == Reader::Item::event) {
                see(reader->event(), expected);
                expected = reader->event().seq + 1;
            } else {
                see(reader->gap(), expected);
                expected = reader->gap().to + 1;
            }
        }
        if (!item) {
            broken_promise = "reading: " + item.status().message();
        }
        // The end of a journal that was not closed may be a write that was torn.
        const std::uint64_t end = end_known_ ? last_number_ : last_whole_;
        if (expected <= end) {
            broken_promise = "it ends at number " + std::to_string(expected - 1) + " and not " +
                             std::to_string(end);
        }
    }

    // After a boot no number is given out again.
    void go_on() {
        boot_[0]++;
        auto store = SegmentStore::open({.segment_bytes = 4096, .boot_id = boot_}, disk_);
        if (!store || (*store)->next_seq() <= last_number_) {
            broken_promise = !store ? "it does not open: " + store.status().message()
                                    : "a number is given out again";
        }
        for (const auto& [name, bytes] : files_in(directory_)) {
            const bool plain = !is_compressed(name) && journal::parse_segment_name(name);
            if (name.ends_with(".tmp") ||
                (plain && std::filesystem::exists(directory_ + "/" + name + ".zst"))) {
                broken_promise = name + " was left behind";
            }
        }
    }

    [[nodiscard]] std::vector<std::uint64_t> segments() const {
        const auto list = journal::list_segments(disk_.directory());
        REQUIRE(list.ok());
        return *list;
    }
    std::uint64_t below(std::uint64_t n) { return random_() % n; }

  private:
    struct Place {
        std::string file;
        std::uint64_t begin;  // bytes, in the plain form
        std::uint64_t end;
        std::uint64_t from;  // numbers
        std::uint64_t to;
        bool hit = false;
    };

    void fill(SegmentStore& store) {
        for (std::uint64_t n = 1 + below(80); n > 0; --n) {
            const std::uint64_t seq = store.next_seq();
            if (below(20) == 0) {
                const std::uint64_t count = below(10) == 0 ? 100'000 : 1 + below(3);
                REQUIRE(
                    store.append(Gap{seq, seq + count - 1, 0, 0, GapReason::ring_full, {}}).ok());
                continue;
            }
            test::Record record(VX_OP_FILE_WRITE);
            record->ino = random_();
            const std::string path(below(300), 'x');
            EventView event = record.view(seq, path);
            event.hash = translate::context_hash(record.record());
            event.ops = translate::operations(record.event());
            REQUIRE(store.append(event).ok());
            events_[seq] = content_of(event);
            if (below(4) == 0) {
                REQUIRE(store.flush().ok());
                disk_.run();
            }
        }
        bool synced = false;
        store.sync([&](const Status& status) { synced = status.ok(); });
        disk_.run();
        REQUIRE(synced);
    }

    void note_places() {
        const Status read = journal::for_each_entry(
            directory_,
            [&](const journal::EntryHeader& entry, const std::string& file, std::uint64_t at) {
                places_.push_back({file, at, at + entry.len, entry.seq, journal::last_seq(entry)});
                return true;
            });
        REQUIRE(read.ok());
    }

    void hit_plain(const std::string& name, const std::set<std::uint64_t>& bytes) {
        for (Place& place : places_) {
            const auto first = bytes.lower_bound(place.begin);
            place.hit |= place.file == name && first != bytes.end() && *first < place.end;
        }
        if (journal::parse_segment_name(name) == segments().back()) {
            hit_end(name, bytes);
        }
    }

    // Of a journal that was closed the last entry says so; it costs that when it is damaged.
    void hit_end(const std::string& name, const std::set<std::uint64_t>& bytes) {
        const std::uint64_t size = std::filesystem::file_size(directory_ + "/" + name);
        end_known_ = closed_ && *bytes.rbegin() < size - journal::kLimitBytes;
        last_whole_ = 0;
        for (const Place& place : places_) {
            last_whole_ = place.hit ? last_whole_ : place.to;
        }
    }

    // A block is lost as a whole; and if neither its head nor the index says where it is.
    void hit_compressed(const std::string& name, const std::string& file,
                        const std::set<std::uint64_t>& bytes) {
        const std::vector<BlockPlace> blocks = blocks_of(file);
        const bool index = *bytes.rbegin() >= blocks.back().end;
        const auto any = [&](std::uint64_t from, std::uint64_t to) {
            const auto first = bytes.lower_bound(from);
            return first != bytes.end() && *first < to;
        };
        for (const BlockPlace& block : blocks) {
            if (!any(block.frame, block.end) && !(index && any(block.head, block.frame))) {
                continue;
            }
            for (Place& place : places_) {
                place.hit |= place.file == name && place.begin >= block.says.offset &&
                             place.begin < block.says.offset + block.says.plain_len;
            }
        }
    }

    journal::RepairReport run(bool dry_run) {
        auto report = journal::repair(disk_, {.dry_run = dry_run});
        if (!report && disk_.operations_left > 1000) {
            broken_promise = "repair: " + report.status().message();
        }
        return report ? *report : journal::RepairReport{};
    }

    // Each file that is not what it was is beside it.
    void check_kept() {
        const Files now = files_in(directory_);
        for (const auto& [name, bytes] : damaged_) {
            const auto same = now.find(name);
            bool kept = same != now.end() && same->second == bytes;
            for (const auto& [other, other_bytes] : now) {
                kept |= other.starts_with(name + ".damaged") && other_bytes == bytes;
            }
            if (!kept && journal::parse_segment_name(name)) {
                broken_promise = name + " is gone";
            }
        }
    }

    [[nodiscard]] bool may_be_lost(std::uint64_t seq) const {
        for (const Place& place : places_) {
            if (place.hit && place.from <= seq && seq <= place.to) {
                return true;
            }
        }
        return false;
    }

    void see(const EventView& event, std::uint64_t expected) {
        const auto known = events_.find(event.seq);
        if (event.seq != expected || known == events_.end() || known->second != content_of(event)) {
            broken_promise = "number " + std::to_string(event.seq) + " is not what was written";
        }
    }

    void see(const Gap& gap, std::uint64_t expected) {
        if (gap.from != expected) {
            broken_promise = "a jump before number " + std::to_string(gap.from);
        }
        if (gap.reason != GapReason::damaged) {
            if (gap.reason != GapReason::ring_full ||
                events_.lower_bound(gap.from) != events_.upper_bound(gap.to)) {
                broken_promise = "a gap from number " + std::to_string(gap.from);
            }
            return;
        }
        lost += gap.count();
        for (std::uint64_t seq = gap.from; seq <= gap.to; ++seq) {
            if (!may_be_lost(seq)) {
                broken_promise = "number " + std::to_string(seq) + " was not hit and is lost";
                return;
            }
        }
    }

    std::string directory_;
    SimulatedDisk disk_;
    std::mt19937_64 random_;
    std::array<std::uint8_t, 16> boot_{1};
    bool closed_ = false;
    bool end_known_ = false;
    std::uint64_t last_number_ = 0;
    std::uint64_t last_whole_ = 0;
    std::map<std::uint64_t, std::string> events_;
    std::vector<Place> places_;
    std::set<std::string> header_hit_;
    Files damaged_;
};

}  // namespace

TEST_CASE("journal: a repair costs what was hit at rest, says so, and nothing else is changed") {
    spdlog::set_level(spdlog::level::off);
    const std::uint64_t journals = number_from("VEXFS_ROT", 300, 20'000);
    const std::uint64_t first_seed = number_from("VEXFS_SEED", 1, 1);
    std::uint64_t lost = 0;
    for (std::uint64_t seed = first_seed; seed < first_seed + journals; ++seed) {
        const TempDirectory dir;
        Rot rot(dir.path(), seed);
        rot.write();
        rot.flip_bits();
        rot.repair();
        rot.check();
        rot.go_on();
        INFO("VEXFS_SEED=" << seed << " VEXFS_ROT=1: " << rot.broken_promise);
        REQUIRE(rot.broken_promise.empty());
        lost += rot.lost;
    }
    CHECK((journals < 100 || lost > journals));  // it has been hit
}

TEST_CASE("journal: a machine that stops while segments are compressed loses nothing") {
    spdlog::set_level(spdlog::level::off);
    const std::uint64_t journals = number_from("VEXFS_ROT", 300, 20'000);
    const std::uint64_t first_seed = number_from("VEXFS_SEED", 1, 1);
    for (std::uint64_t seed = first_seed; seed < first_seed + journals; ++seed) {
        const TempDirectory dir;
        Rot rot(dir.path(), seed);
        rot.write();
        for (int stops = 0; stops < 3; ++stops) {
            rot.disk().operations_left = rot.below(30);
            for (const std::uint64_t first_seq : rot.segments()) {
                rot.compress(first_seq).ignore();
            }
            rot.disk().operations_left = ~std::uint64_t{0};
            rot.below(2) == 0 ? rot.disk().kill() : rot.disk().cut_power();
        }
        rot.check();
        rot.go_on();
        INFO("VEXFS_SEED=" << seed << " VEXFS_ROT=1: " << rot.broken_promise);
        REQUIRE(rot.broken_promise.empty());
    }
}
