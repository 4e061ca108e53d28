// SPDX-License-Identifier: Apache-2.0
#include "journal/retention.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include "journal/segment_reader.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"

using namespace vexfs;  // NOLINT: a test
using journal::RetentionLimits;
using test::Record;
using test::TempDirectory;

namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};  // the daemon needs none
constexpr std::uint64_t kSecond = 1'000'000'000;

// A journal of many small segments.
class Journal {
  public:
    Journal()
        : store_(dir.path(), {.segment_bytes = std::uint64_t{64} << 10U}),
          fd_(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY)),
          disk_(fd_.get(), io_) {
        const Record record(VX_OP_FILE_CREATE);
        for (int i = 0; i < 4000; ++i) {
            REQUIRE(store_.append(record.view(store_.next_seq(), "/w/name")).ok());
            if (i % 50 == 0) {
                REQUIRE(store_.sync().ok());
            }
        }
        REQUIRE(store_.close().ok());
        REQUIRE(segments().size() > 10);
    }

    [[nodiscard]] std::vector<std::uint64_t> segments() const {
        return *journal::list_segments(fd_.get());
    }
    [[nodiscard]] std::uint64_t bytes() const {
        std::uint64_t sum = 0;
        for (const std::uint64_t first : segments()) {
            struct stat st {};
            REQUIRE(::stat((dir / journal::segment_name(first)).c_str(), &st) == 0);
            sum += static_cast<std::uint64_t>(st.st_blocks) * 512;
        }
        return sum;
    }
    journal::Retained retire(const RetentionLimits& limits, std::uint64_t needed = kAll) {
        journal::Retention retention(dir.path(), store_.id(), limits, disk_, clock);
        REQUIRE(retention.pass(needed).ok());
        return retention.last();
    }
    void consumer(const std::string& name, std::uint64_t seq) {
        REQUIRE(Consumer::create(dir.path(), name, {store_.id(), seq}).ok());
    }
    [[nodiscard]] const JournalId& id() const { return store_.id(); }

    TempDirectory dir;
    ManualClock clock;

  private:
    test::TestJournal store_;
    UniqueFd fd_;
    test::QueuedIo io_;
    journal::DirectoryDisk disk_;
};

std::vector<std::uint64_t> newest(const std::vector<std::uint64_t>& all, std::size_t n) {
    return {all.end() - static_cast<std::ptrdiff_t>(n), all.end()};
}

}  // namespace

TEST_CASE("retention: without limits everything is kept") {
    Journal journal;
    const auto before = journal.segments();
    const auto kept = journal.retire({.bytes = 0, .max_bytes = 0});
    CHECK(journal.segments() == before);
    CHECK(kept.oldest_seq == 1);
    CHECK(kept.bytes == journal.bytes());
    CHECK(kept.retired == 0);
}

TEST_CASE("retention: the oldest go until the rest is small enough; the last one never") {
    Journal journal;
    const auto before = journal.segments();
    const std::uint64_t half = journal.bytes() / 2;
    const auto kept = journal.retire({.bytes = half});
    const auto after = journal.segments();
    CHECK(journal.bytes() <= half);
    CHECK(journal.bytes() + (std::uint64_t{128} << 10U) > half);
    CHECK(after == newest(before, after.size()));
    CHECK(kept.oldest_seq == after.front());
    CHECK(kept.bytes == journal.bytes());
    CHECK(kept.retired == before.size() - after.size());
    journal.retire({.bytes = 1});
    CHECK(journal.segments() == newest(before, 1));
}

TEST_CASE("retention: what is too old goes; a clock that was set back removes nothing") {
    Journal journal;
    const auto before = journal.segments();
    const RetentionLimits day{.bytes = 0, .age_s = 86'400, .max_bytes = 0};
    journal.clock.set_real_ns(SystemClock().real_ns() + std::uint64_t{86'000} * kSecond);
    journal.retire(day);
    CHECK(journal.segments() == before);
    journal.clock.set_real_ns(kSecond);
    journal.retire(day);
    CHECK(journal.segments() == before);
    journal.clock.set_real_ns(SystemClock().real_ns() + std::uint64_t{86'500} * kSecond);
    journal.retire(day);
    CHECK(journal.segments() == newest(before, 1));
}

TEST_CASE("retention: what the daemon needs to take over a ring stays") {
    Journal journal;
    const auto before = journal.segments();
    journal.retire({.bytes = 1}, before[5] + 1);
    CHECK(journal.segments().front() == before[5]);
    journal.retire({.bytes = 1}, before[6]);
    CHECK(journal.segments().front() == before[6]);
}

TEST_CASE("retention: the slowest consumer holds what it has not dealt with, up to the cap") {
    Journal journal;
    const auto before = journal.segments();
    journal.consumer("slow", before[4] + 1);
    journal.consumer("fast", before[8]);
    const auto kept = journal.retire({.bytes = 1});
    CHECK(journal.segments().front() == before[4]);
    CHECK(kept.held_by == "slow");
    SECTION("it goes on") {
        auto slow = Consumer::open(journal.dir.path(), "slow");
        REQUIRE(slow->commit({journal.id(), before[4] + 1}, {journal.id(), before[9] - 1}).ok());
        CHECK(journal.retire({.bytes = 1}).held_by == "fast");
        CHECK(journal.segments().front() == before[8]);
    }
    SECTION("it is removed") {
        REQUIRE(Consumer::remove(journal.dir.path(), "slow").ok());
        CHECK(journal.retire({.bytes = 1}).held_by == "fast");
    }
    SECTION("the cap is reached") {
        const std::uint64_t cap = journal.bytes() - 1;
        CHECK(journal.retire({.bytes = 1, .max_bytes = cap}).held_by == "slow");
        CHECK(journal.segments().front() == before[5]);
    }
    SECTION("a consumer at a segment's end needs the next one only") {
        auto slow = Consumer::open(journal.dir.path(), "slow");
        REQUIRE(slow->commit({journal.id(), before[4] + 1}, {journal.id(), before[5] - 1}).ok());
        journal.retire({.bytes = 1});
        CHECK(journal.segments().front() == before[5]);
    }
}

TEST_CASE("retention: consumers that can't be read hold everything up to the cap") {
    Journal journal;
    const auto before = journal.segments();
    journal.consumer("c", before[4]);
    std::ofstream(journal.dir / "consumers/c") << "rubbish";
    CHECK_FALSE(journal.retire({.bytes = 1}).held_by.empty());
    CHECK(journal.segments() == before);
    journal.retire({.bytes = 1, .max_bytes = 1});
    CHECK(journal.segments() == newest(before, 1));
}
