// SPDX-License-Identifier: Apache-2.0
// docs/examples/file_index.cpp, killed again and again: its index is that of a run that nobody
// kills.
#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "support/journal.hpp"
#include "support/program.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"

#ifdef VEXFS_FILE_INDEX

using namespace vexfs;  // NOLINT: a test
using std::chrono::microseconds;
using test::Record;

namespace {

// Files that are made, written, renamed, exchanged and deleted, in two directories one of which is
// renamed now and then; and losses.
class Tree {
  public:
    Tree(test::TestJournal& journal, std::uint64_t seed) : journal_(journal), random_(seed) {}

    void happen(unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            step();
        }
        REQUIRE(journal_.flush().ok());
    }

  private:
    std::string any() {
        return (below(2) == 0 ? "/w/a/" : directory_ + "/") + "f" + std::to_string(below(12));
    }
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

    void add(Record& record, const std::string& path, const std::string& old_path = {}) {
        record->fsid = 7;
        record->ino = 100 + below(50);
        record->size = below(5000);
        EventView event = record.view(journal_.next_seq(), path);
        event.old_path = old_path;
        REQUIRE(journal_.append(event).ok());
    }
    void exchange() {
        const std::string a = any();
        const std::string b = any();
        Record record(VX_OP_FILE_RENAME, VX_F_EXCHANGE);
        record->cookie = ++cookie_;
        add(record, b, a);
        add(record, a, b);
    }
    void step() {
        const std::uint32_t what = below(100);
        if (what == 0) {
            const std::uint64_t next = journal_.next_seq();
            REQUIRE(journal_.append(Gap{next, next + below(3) - 1, 0, 0, GapReason::ring_full, ""})
                        .ok());
        } else if (what < 3) {
            Record record(VX_OP_FILE_RENAME, VX_F_DIRECTORY);
            const std::string now = directory_ == "/w/b" ? "/w/c" : "/w/b";
            add(record, now, std::exchange(directory_, now));
        } else if (what < 6) {
            exchange();
        } else if (what < 15) {
            Record record(VX_OP_FILE_RENAME);
            add(record, any(), any());
        } else if (what < 25) {
            Record record(VX_OP_FILE_DELETE, VX_F_LAST_LINK);
            add(record, any());
        } else {
            Record record(what < 40 ? VX_OP_FILE_CREATE : VX_OP_FILE_WRITE);
            add(record, any());
        }
    }

    test::TestJournal& journal_;
    std::mt19937_64 random_;
    std::string directory_ = "/w/b";
    std::uint32_t cookie_ = 0;
};

struct Scene {
    explicit Scene(std::uint64_t seed) : journal(dir / "j"), random(seed) {
        Tree(journal, seed).happen(2500);
    }
    [[nodiscard]] std::vector<std::string> args(const std::string& database, bool apart) const {
        std::vector<std::string> all = {"--batch", "5", dir / "j", dir / database};
        if (apart) {
            all.insert(all.begin(), "--cursor-apart");
        }
        return all;
    }
    // All that the index says.
    [[nodiscard]] std::string index(const std::string& database) const {
        test::Program sqlite("sqlite3", {dir / database,
                                         "SELECT hex(path), fsid, ino, gen, size, seq, op, events "
                                         "FROM files ORDER BY path; SELECT * FROM losses; "
                                         "SELECT * FROM position"});
        std::string text = sqlite.rest();
        REQUIRE(sqlite.status() == 0);
        return text;
    }
    // One run that nobody kills; how long it takes.
    [[nodiscard]] microseconds run_once(const std::string& database) const {
        const auto start = std::chrono::steady_clock::now();
        test::Program program(VEXFS_FILE_INDEX, args(database, false));
        REQUIRE(program.status() == 0);
        return std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - start);
    }
    // Runs that are killed after a random time, until one gets to the end; how many were killed.
    unsigned run_killed(const std::string& database, bool apart, microseconds longest) {
        double window = static_cast<double>(longest.count());
        for (unsigned kills = 0; kills < 5000; ++kills) {
            test::Program program(VEXFS_FILE_INDEX, args(database, apart));
            std::uniform_real_distribution<double> delay(0, window);
            if (program.ends_within(microseconds(static_cast<long>(delay(random))))) {
                INFO(program.errors());
                REQUIRE(program.status() == 0);
                return kills;
            }
            program.signal(SIGKILL);
            const int status = program.status();
            if (status == 0) {
                return kills;  // it was at its end at that moment
            }
            REQUIRE(status == 1000 + SIGKILL);
            window *= 1.01;  // a busy machine starts programs slowly
        }
        FAIL("it never came to its end");
        return 0;
    }

    test::TempDirectory dir;
    test::TestJournal journal;
    std::mt19937_64 random;
};

}  // namespace

TEST_CASE(
    "example: an index with its cursor in one transaction is right, however often it is killed") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    Scene scene(seed);
    const microseconds whole = scene.run_once("once");
    const std::string once = scene.index("once");
    REQUIRE(std::count(once.begin(), once.end(), '\n') > 20);
    // How long it takes is different each time: when one was killed too seldom, another is earlier.
    microseconds longest = whole / 12;
    for (unsigned kills = 0; kills < 10; longest /= 2) {
        REQUIRE(longest.count() > 0);
        const std::string database = "killed" + std::to_string(longest.count());
        kills = scene.run_killed(database, false, longest);
        REQUIRE(scene.index(database) == once);
    }
}

TEST_CASE(
    "example: with the cursor in a transaction of its own it is wrong, and the test sees it") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    Scene scene(seed);
    const microseconds whole = scene.run_once("once");
    const std::string once = scene.index("once");
    bool wrong = false;
    for (unsigned round = 0; round < 20 && !wrong; ++round) {
        const std::string database = "killed" + std::to_string(round);
        scene.run_killed(database, true, whole / 12);
        wrong = scene.index(database) != once;
    }
    CHECK(wrong);
}

#endif
