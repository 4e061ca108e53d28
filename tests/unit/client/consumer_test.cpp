// SPDX-License-Identifier: Apache-2.0
#include "vexfs/consumer.hpp"

#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include "journal/segment_reader.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"

using namespace vexfs;  // NOLINT: a test
using test::Record;
using test::TempDirectory;
using test::TestJournal;

namespace {

// A journal of 100 events in several segments.
struct Written {
    Written() {
        TestJournal store(dir.path(), {.segment_bytes = 4096});
        const Record record(VX_OP_FILE_CREATE);
        for (int i = 0; i < 100; ++i) {
            REQUIRE(store.append(record.view(store.next_seq(), "/w/name")).ok());
            REQUIRE(store.flush().ok());
        }
        id = store.id();
        REQUIRE(store.close().ok());
    }
    [[nodiscard]] Cursor at(std::uint64_t seq) const { return {id, seq}; }

    TempDirectory dir;
    JournalId id;
};

}  // namespace

TEST_CASE("consumer: is made, moved forward and back, listed and removed") {
    const Written journal;
    CHECK(Consumer::list(journal.dir.path())->empty());
    CHECK(Consumer::open(journal.dir.path(), "indexer").status().code() == ENOENT);
    REQUIRE(Consumer::create(journal.dir.path(), "indexer", journal.at(0)).ok());
    CHECK(Consumer::create(journal.dir.path(), "indexer", journal.at(1)).status().code() ==
          EEXIST);
    auto consumer = Consumer::open(journal.dir.path(), "indexer");
    REQUIRE(consumer.ok());
    CHECK(*consumer->position() == journal.at(0));
    REQUIRE(consumer->commit(journal.at(0), journal.at(60)).ok());
    REQUIRE(consumer->commit(journal.at(60), journal.at(20)).ok());
    REQUIRE(Consumer::create(journal.dir.path(), "backup.2", journal.at(7)).ok());
    const auto all = Consumer::list(journal.dir.path());
    REQUIRE(all.ok());
    REQUIRE(all->size() == 2);
    CHECK((*all)[0].name == "backup.2");
    CHECK((*all)[1].position == journal.at(20));
    CHECK((*all)[1].committed_ns >= (*all)[0].committed_ns / 2);
    REQUIRE(Consumer::remove(journal.dir.path(), "indexer").ok());
    CHECK(Consumer::remove(journal.dir.path(), "indexer").code() == ENOENT);
    CHECK(consumer->position().status().code() == ENOENT);
    CHECK(consumer->commit(journal.at(20), journal.at(21)).code() == ENOENT);
}

TEST_CASE("consumer: a commit from where it is not changes nothing and says where it is") {
    const Written journal;
    auto consumer = Consumer::create(journal.dir.path(), "c", journal.at(5));
    REQUIRE(consumer.ok());
    const Status refused = consumer->commit(journal.at(4), journal.at(9));
    CHECK(refused.code() == EAGAIN);
    CHECK(refused.message().find(journal.at(5).text()) != std::string::npos);
    CHECK(*consumer->position() == journal.at(5));
}

TEST_CASE("consumer: of many that commit at once, each position is left once") {
    const Written journal;
    REQUIRE(Consumer::create(journal.dir.path(), "c", journal.at(0)).ok());
    std::array<unsigned, 4> moved{};
    std::vector<std::thread> threads;
    for (unsigned& mine : moved) {
        threads.emplace_back([&] {
            auto consumer = Consumer::open(journal.dir.path(), "c");
            std::uint64_t seq = 0;
            for (int i = 0; i < 10'000 && seq < 100; ++i) {
                const Status status = consumer->commit(journal.at(seq), journal.at(seq + 1));
                mine += status.ok() ? 1 : 0;
                seq = consumer->position()->seq;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(moved[0] + moved[1] + moved[2] + moved[3] == 100);
}

TEST_CASE("consumer: positions that can't be gone on from are refused") {
    const Written journal;
    auto consumer = Consumer::create(journal.dir.path(), "c", journal.at(50));
    REQUIRE(consumer.ok());
    const Cursor other{JournalId{{1}}, 60};
    CHECK(consumer->commit(journal.at(50), other).code() == kEpochChanged);
    CHECK(Consumer::create(journal.dir.path(), "d", other).status().code() == kEpochChanged);
    std::filesystem::remove(journal.dir / journal::segment_name(1));
    CHECK(consumer->commit(journal.at(50), journal.at(1)).code() == kCursorExpired);
    CHECK(Consumer::create(journal.dir.path(), "d", journal.at(1)).status().code() ==
          kCursorExpired);
    CHECK(*consumer->position() == journal.at(50));
    const TempDirectory empty;
    CHECK(Consumer::create(empty.path(), "d", journal.at(1)).status().code() == ENOENT);
    CHECK_FALSE(std::filesystem::exists(empty / "consumers"));
}

TEST_CASE("consumer: names, and how many there are, have limits") {
    const Written journal;
    for (const std::string bad : {"", ".hidden", "a/b", "..", "a b", "\xc3\xa4"}) {
        CHECK(Consumer::create(journal.dir.path(), bad, journal.at(1)).status().code() == EINVAL);
        CHECK(Consumer::open(journal.dir.path(), bad).status().code() == EINVAL);
        CHECK(Consumer::remove(journal.dir.path(), bad).code() == EINVAL);
    }
    CHECK_FALSE(
        Consumer::create(journal.dir.path(), std::string(65, 'n'), journal.at(1)).ok());
    CHECK(Consumer::create(journal.dir.path(), std::string(64, 'n'), journal.at(1)).ok());
    for (std::size_t i = 1; i < kConsumersMax; ++i) {
        REQUIRE(Consumer::create(journal.dir.path(), std::to_string(i), journal.at(1)).ok());
    }
    const Status full = Consumer::create(journal.dir.path(), "more", journal.at(1)).status();
    CHECK(full.code() == ENOSPC);
    CHECK(full.message().find("256") != std::string::npos);
}

TEST_CASE("consumer: who dies in the middle of a commit leaves the old position") {
    const Written journal;
    auto consumer = Consumer::create(journal.dir.path(), "c", journal.at(5));
    REQUIRE(consumer.ok());
    std::ofstream(journal.dir / "consumers/.c") << "vx1:half";
    CHECK(*consumer->position() == journal.at(5));
    CHECK(Consumer::list(journal.dir.path())->size() == 1);
    REQUIRE(consumer->commit(journal.at(5), journal.at(6)).ok());
    CHECK_FALSE(std::filesystem::exists(journal.dir / "consumers/.c"));
}

TEST_CASE("consumer: what is no cursor is said to be damaged, and is private") {
    const Written journal;
    REQUIRE(Consumer::create(journal.dir.path(), "c", journal.at(5)).ok());
    struct stat st {};
    REQUIRE(::stat((journal.dir / "consumers/c").c_str(), &st) == 0);
    CHECK((st.st_mode & 0777U) == 0600);
    std::ofstream(journal.dir / "consumers/c") << "rubbish\n";
    const Status damaged = Consumer::open(journal.dir.path(), "c").status();
    CHECK(damaged.code() == EBADMSG);
    CHECK(damaged.message().find("consumer c") != std::string::npos);
    CHECK(Consumer::list(journal.dir.path()).status().code() == EBADMSG);
}
