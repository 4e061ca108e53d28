// SPDX-License-Identifier: Apache-2.0
#include "vexfs/reader.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <thread>
#include <vector>

#include "journal/segment_reader.hpp"
#include "journal/verify.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"

using namespace vexfs;  // NOLINT: a test
using test::offset_of;
using test::Record;
using test::TempDirectory;
using test::TestJournal;
using Item = Reader::Item;

namespace {

std::unique_ptr<TestJournal> open_store(const std::string& path, std::uint64_t segment = 1 << 20) {
    return std::make_unique<TestJournal>(path, journal::StoreConfig{.segment_bytes = segment});
}

void put(TestJournal& store, unsigned n) {
    const Record record(VX_OP_FILE_CREATE);
    for (unsigned i = 0; i < n; ++i) {
        REQUIRE(store.append(record.view(store.next_seq(), "/w/name")).ok());
    }
    REQUIRE(store.flush().ok());
}

// A journal that nobody writes any more.
void write_journal(const std::string& path, int writes, unsigned each,
                   std::uint64_t segment = 1 << 20) {
    auto store = open_store(path, segment);
    for (int i = 0; i < writes; ++i) {
        put(*store, each);
    }
    REQUIRE(store->close().ok());
}

Reader open_reader(const std::string& path) {
    auto reader = Reader::open(path);
    INFO((reader ? std::string() : reader.status().message()));
    REQUIRE(reader.ok());
    return std::move(*reader);
}

Item next(Reader& reader) {
    const auto item = reader.next();
    INFO((item ? std::string() : item.status().message()));
    REQUIRE(item.ok());
    return *item;
}

// The numbers of the events up to the end; a gap is pushed as two negative ones.
std::vector<long> read_all(Reader& reader) {
    std::vector<long> seqs;
    for (;;) {
        const Item item = next(reader);
        if (item == Item::end) {
            return seqs;
        }
        if (item == Item::gap) {
            seqs.push_back(-static_cast<long>(reader.gap().from));
            seqs.push_back(-static_cast<long>(reader.gap().to));
        } else {
            seqs.push_back(static_cast<long>(reader.event().seq));
        }
    }
}

std::vector<std::uint64_t> segments_of(const std::string& directory) {
    const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY));
    auto segments = journal::list_segments(fd.get());
    REQUIRE(segments.ok());
    return *segments;
}

std::vector<long> range(long from, long to) {
    std::vector<long> seqs;
    for (; from <= to; ++from) {
        seqs.push_back(from);
    }
    return seqs;
}

}  // namespace

TEST_CASE("reader: reads everything from the start, over segments, and stops at the end") {
    const TempDirectory dir;
    auto store = open_store(dir.path(), 4096);
    Reader reader = open_reader(dir.path());
    CHECK(next(reader) == Item::end);
    for (int i = 0; i < 20; ++i) {
        put(*store, 5);
    }
    CHECK(read_all(reader) == range(1, 100));
    CHECK(reader.event().path == "/w/name");
    CHECK(next(reader) == Item::end);
    put(*store, 1);
    CHECK(read_all(reader) == range(101, 101));
    CHECK(reader.cursor().text() == "vx1:" + store->id().text() + ":101");
}

TEST_CASE("reader: goes on behind any cursor, and no event comes twice or not at all") {
    const TempDirectory dir;
    auto store = open_store(dir.path(), 4096);
    for (int i = 0; i < 10; ++i) {
        put(*store, 5);
    }
    Reader reader = open_reader(dir.path());
    for (std::uint64_t seq = 0; seq <= 50; ++seq) {
        REQUIRE(reader.seek({reader.journal(), seq}).ok());
        REQUIRE(read_all(reader) == range(static_cast<long>(seq) + 1, 50));
    }
    REQUIRE(reader.seek_end().ok());
    CHECK(reader.cursor().seq == 50);
    CHECK(next(reader) == Item::end);
    put(*store, 2);
    CHECK(read_all(reader) == range(51, 52));
    REQUIRE(reader.seek_start().ok());
    CHECK(read_all(reader) == range(1, 52));
}

TEST_CASE("reader: a cursor of another journal, or of events that are not there, is refused") {
    const TempDirectory dir;
    auto store = open_store(dir.path());
    put(*store, 3);
    Reader reader = open_reader(dir.path());
    const Status other = reader.seek({JournalId{{1}}, 2});
    CHECK(other.code() == kEpochChanged);
    CHECK(other.message().find("EPOCH_CHANGED") == 0);
    CHECK(other.message().find("belongs to journal") != std::string::npos);
    CHECK(reader.seek({reader.journal(), 3}).ok());
    const Status ahead = reader.seek({reader.journal(), 4});
    CHECK(ahead.code() == EINVAL);
    CHECK(ahead.message().find("number 3") != std::string::npos);
    CHECK(reader.seek({reader.journal(), ~std::uint64_t{0} - 1}).code() == EINVAL);
}

TEST_CASE("reader: gaps come at their place, also when the cursor stands inside one") {
    const TempDirectory dir;
    auto store = open_store(dir.path());
    put(*store, 2);
    REQUIRE(store->append(Gap{3, 7, 0, 0, GapReason::ring_full, "class D, cpu 0"}).ok());
    put(*store, 1);
    REQUIRE(store->append(Gap{9, 8, 0, 0, GapReason::stopped, {}}).ok());
    put(*store, 1);
    Reader reader = open_reader(dir.path());
    CHECK(read_all(reader) == std::vector<long>{1, 2, -3, -7, 8, -9, -8, 9});
    REQUIRE(reader.seek({reader.journal(), 5}).ok());
    CHECK(next(reader) == Item::gap);
    CHECK(reader.gap().from == 6);
    CHECK(reader.gap().to == 7);
    CHECK(reader.gap().scope == "class D, cpu 0");
    CHECK(reader.cursor().seq == 7);
}

TEST_CASE("reader: a gap of no numbers comes to who stands right before it, and only to him") {
    const TempDirectory dir;
    auto store = open_store(dir.path(), 4096);
    put(*store, 2);
    REQUIRE(store->append(Gap{3, 2, 0, 0, GapReason::stopped, "a stop"}).ok());
    REQUIRE(store->flush().ok());
    // What follows is in a segment of its own or in the same one.
    const unsigned more = GENERATE(1U, 20U);
    put(*store, more);
    REQUIRE(store->stats().segments == (more == 1 ? 1 : 2));
    Reader reader = open_reader(dir.path());
    REQUIRE(reader.seek({reader.journal(), 2}).ok());
    CHECK(next(reader) == Item::gap);
    CHECK(reader.gap().from == 3);
    CHECK(reader.gap().count() == 0);
    CHECK(reader.gap().reason == GapReason::stopped);
    CHECK(reader.cursor().seq == 2);
    CHECK(read_all(reader) == range(3, 2 + static_cast<long>(more)));
    REQUIRE(reader.seek({reader.journal(), 3}).ok());
    CHECK(read_all(reader) == range(4, 2 + static_cast<long>(more)));
}

TEST_CASE("reader: what is damaged or gone is reported as a gap and never passed over") {
    const TempDirectory dir;
    write_journal(dir.path(), 10, 5, 4096);
    const std::string first = dir / journal::segment_name(1);
    const std::uint64_t second = *std::next(segments_of(dir.path()).begin());
    const auto last = static_cast<long>(second) - 1;  // of the first segment
    REQUIRE(last > 5);
    SECTION("damaged bytes in an entry") {
        const UniqueFd fd(::open(first.c_str(), O_WRONLY));
        const auto at = static_cast<off_t>(offset_of(dir.path(), 3) + 80);
        REQUIRE(::pwrite(fd.get(), "zzzz", 4, at) == 4);
        Reader reader = open_reader(dir.path());
        CHECK(next(reader) == Item::event);
        CHECK(next(reader) == Item::event);
        CHECK(next(reader) == Item::gap);
        CHECK(reader.gap().from == 3);
        CHECK(reader.gap().to == 3);
        CHECK(reader.gap().reason == GapReason::damaged);
        CHECK(read_all(reader) == range(4, 50));
    }
    SECTION("a segment's end is missing") {
        std::filesystem::resize_file(first, offset_of(dir.path(), 6) + 10);
        Reader reader = open_reader(dir.path());
        std::vector<long> expected = range(1, 5);
        const std::vector<long> rest = range(last + 1, 50);
        expected.insert(expected.end(), {-6, -last});
        expected.insert(expected.end(), rest.begin(), rest.end());
        CHECK(read_all(reader) == expected);
    }
    SECTION("the oldest segment was removed") {
        std::filesystem::remove(first);
        Reader reader = open_reader(dir.path());
        CHECK(read_all(reader) == range(last + 1, 50));
        const Status expired = reader.seek({reader.journal(), 3});
        CHECK(expired.code() == kCursorExpired);
        CHECK(expired.message().find("CURSOR_EXPIRED") == 0);
        CHECK(reader.earliest()->seq == second - 1);
        CHECK(expired.message().find(reader.earliest()->text()) != std::string::npos);
        CHECK(reader.cursor().seq == 50);
        REQUIRE(reader.seek(*reader.earliest()).ok());
        CHECK(read_all(reader) == range(last + 1, 50));
        REQUIRE(reader.seek({reader.journal(), 3}, Reader::Expired::gap).ok());
        CHECK(next(reader) == Item::gap);
        CHECK(reader.gap().from == 4);
        CHECK(reader.gap().to == second - 1);
        CHECK(reader.gap().reason == GapReason::expired);
        CHECK(read_all(reader) == range(last + 1, 50));
    }
}

TEST_CASE("reader: old segments that are removed while it reads are a gap of their own reason") {
    const TempDirectory dir;
    write_journal(dir.path(), 40, 5, 4096);
    const std::vector<std::uint64_t> segments = segments_of(dir.path());
    REQUIRE(segments.size() > 4);
    Reader reader = open_reader(dir.path());
    REQUIRE(next(reader) == Item::event);
    for (std::size_t i = 0; i < 3; ++i) {
        std::filesystem::remove(dir / journal::segment_name(segments[i]));
    }
    // It goes on to the end of the one that it has open.
    const auto last = static_cast<long>(segments[1]) - 1;
    const auto oldest = static_cast<long>(segments[3]);
    std::vector<long> expected = range(2, last);
    const std::vector<long> rest = range(oldest, 200);
    expected.insert(expected.end(), {-(last + 1), -(oldest - 1)});
    expected.insert(expected.end(), rest.begin(), rest.end());
    CHECK(read_all(reader) == expected);
    REQUIRE(reader.seek({reader.journal(), 1}, Reader::Expired::gap).ok());
    REQUIRE(next(reader) == Item::gap);
    CHECK(reader.gap().reason == GapReason::expired);
    CHECK(reader.gap().from == 2);
    // Damage in what is the oldest now is no expiry.
    const std::string first = dir / journal::segment_name(segments[3]);
    const UniqueFd fd(::open(first.c_str(), O_WRONLY));
    const auto at = static_cast<off_t>(offset_of(dir.path(), segments[3] + 1) + 80);
    REQUIRE(::pwrite(fd.get(), "zzzz", 4, at) == 4);
    REQUIRE(reader.seek({reader.journal(), segments[3]}).ok());
    REQUIRE(next(reader) == Item::gap);
    CHECK(reader.gap().reason == GapReason::damaged);
}

TEST_CASE("reader: what is being written is not an entry yet, and not damage") {
    const TempDirectory dir;
    write_journal(dir.path(), 1, 2);
    const std::string path = dir / journal::segment_name(1);
    std::vector<char> bytes(std::filesystem::file_size(path));
    const UniqueFd fd(::open(path.c_str(), O_RDWR));
    REQUIRE(::pread(fd.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    const std::size_t half = offset_of(dir.path(), 2) + 50;
    REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(half)) == 0);
    Reader reader = open_reader(dir.path());
    CHECK(next(reader) == Item::event);
    CHECK(next(reader) == Item::end);
    CHECK(next(reader) == Item::end);
    REQUIRE(::pwrite(fd.get(), bytes.data(), bytes.size(), 0) ==
            static_cast<ssize_t>(bytes.size()));
    CHECK(next(reader) == Item::event);
    CHECK(reader.event().seq == 2);
}

TEST_CASE("reader: a directory that is no journal is an error that says so") {
    const TempDirectory dir;
    CHECK(Reader::open(dir.path()).status().code() == ENOENT);
    CHECK(Reader::open(dir / "none").status().code() == ENOENT);
}

TEST_CASE("reader: waits until something is written, or until it is stopped") {
    const TempDirectory dir;
    auto store = open_store(dir.path(), 4096);
    Reader reader = open_reader(dir.path());
    const UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
    // The first wait makes the watch and asks for another look.
    REQUIRE(*reader.wait(stop.get(), -1) == Reader::Wake::written);
    CHECK(next(reader) == Item::end);
    CHECK(*reader.wait(stop.get(), 0) == Reader::Wake::timeout);
    put(*store, 1);
    CHECK(*reader.wait(stop.get(), -1) == Reader::Wake::written);
    CHECK(next(reader) == Item::event);
    CHECK(next(reader) == Item::end);
    REQUIRE(::eventfd_write(stop.get(), 1) == 0);
    CHECK(*reader.wait(stop.get(), -1) == Reader::Wake::stopped);
}

TEST_CASE("reader: follows a writer in another thread over many segments and misses nothing") {
    constexpr std::uint64_t kEvents = 20'000;
    const TempDirectory dir;
    auto store = open_store(dir.path(), 64 << 10);
    Reader reader = open_reader(dir.path());
    std::thread writer([&] {
        const Record record(VX_OP_FILE_WRITE);
        while (store->next_seq() <= kEvents) {
            for (int i = 0; i < 50; ++i) {
                (void)store->append(record.view(store->next_seq(), "/w/name"));
            }
            (void)store->flush();
        }
    });
    std::uint64_t seen = 0;
    bool fine = true;
    while (seen < kEvents && fine) {
        const auto item = reader.next();
        fine = item.ok() && *item != Item::gap;
        if (fine && *item == Item::event) {
            fine = reader.event().seq == ++seen;
        } else if (fine) {
            fine = reader.wait(-1, 20'000).value_or(Reader::Wake::timeout) == Reader::Wake::written;
        }
    }
    writer.join();
    CHECK(fine);
    CHECK(seen == kEvents);
}

namespace {

// Writes in small pieces, as a kernel may that copies page by page while others read.
class SlowIo final : public test::QueuedIo {
  protected:
    Status write_now(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override {
        while (!bytes.empty()) {
            const std::size_t n = std::min<std::size_t>(bytes.size(), 97);
            if (Status status = QueuedIo::write_now(fd, bytes.first(n), offset); !status) {
                return status;
            }
            bytes = bytes.subspan(n);
            offset += n;
        }
        return {};
    }
};

}  // namespace

TEST_CASE("what is being written while it is read, in any order, is never taken for damage") {
    constexpr std::uint64_t kEvents = 20'000;
    const TempDirectory dir;
    TestJournal journal(dir.path(), {.segment_bytes = 256 << 10}, std::make_unique<SlowIo>());
    put(journal, 1);
    Reader reader = open_reader(dir.path());
    std::thread writer([&journal] {
        const Record record(VX_OP_FILE_CREATE);
        while (journal.next_seq() <= kEvents) {
            for (unsigned i = 0; i < 7; ++i) {
                journal.append(record.view(journal.next_seq(), "/w/name")).ignore();
            }
            journal.store->flush().ignore();
            if (journal.io->waiting() > 1) {
                journal.io->step(1);  // the later write first
                journal.io->run();
            }
        }
        journal.io->run();
    });
    std::uint64_t read = 0;
    std::uint64_t gaps = 0;
    while (read < kEvents && gaps == 0) {
        const auto item = reader.next();
        read += item.ok() && *item == Item::event;
        gaps += !item.ok() || *item == Item::gap;
    }
    writer.join();
    CHECK(gaps == 0);
    CHECK(read == kEvents);
}

namespace {

constexpr std::uint64_t kNs = 1'000'000'000;

// Events at 1000 s, 1001 s ... by the wall clock; numbers in `lost` are gaps.
void write_seconds(const std::string& path, unsigned events, std::uint64_t segment,
                   const std::set<std::uint64_t>& lost = {}) {
    auto store = open_store(path, segment);
    const Record record(VX_OP_FILE_CREATE);
    for (unsigned i = 0; i < events; ++i) {
        const std::uint64_t seq = store->next_seq();
        EventView view = record.view(seq, "/w/name");
        view.real_ns = (1000 + i) * kNs;
        Gap gap;
        gap.from = gap.to = seq;
        REQUIRE((lost.contains(seq) ? store->append(gap) : store->append(view)).ok());
        if (i % 100 == 99) {
            REQUIRE(store->flush().ok());
        }
    }
    REQUIRE(store->close().ok());
}

// What comes first from there; a gap's is negative, 0 is the end.
long first_since(Reader& reader, std::uint64_t real_ns) {
    const Status status = reader.seek_time(real_ns);
    INFO(status.message());
    REQUIRE(status.ok());
    switch (next(reader)) {
        case Item::event:
            return static_cast<long>(reader.event().seq);
        case Item::gap:
            return -static_cast<long>(reader.gap().from);
        case Item::end:
            return 0;
    }
    return 0;
}

}  // namespace

TEST_CASE("reader: in a large segment any cursor is found, and so is the end") {
    const TempDirectory dir;
    constexpr unsigned kEvents = 20'000;  // some five times what a reader takes at once
    const std::uint64_t segment = GENERATE(std::uint64_t{64} << 20U, std::uint64_t{1} << 20U);
    write_seconds(dir.path(), kEvents, segment, {9'000, 9'001, 15'000});
    Reader reader = open_reader(dir.path());
    const JournalId id = reader.journal();
    for (std::uint64_t seq = 1; seq < kEvents; seq += 97) {
        INFO(seq);
        REQUIRE(reader.seek({id, seq}).ok());
        REQUIRE(next(reader) == Item::event);
        REQUIRE(reader.event().seq == seq + 1);
    }
    REQUIRE(reader.seek({id, 8'999}).ok());
    CHECK(next(reader) == Item::gap);
    CHECK(reader.gap().from == 9'000);
    REQUIRE(reader.seek({id, kEvents}).ok());
    CHECK(next(reader) == Item::end);
    CHECK(reader.seek({id, kEvents + 1}).code() == EINVAL);
    REQUIRE(reader.seek_end().ok());
    CHECK(reader.cursor().seq == kEvents);
    CHECK(next(reader) == Item::end);
}

TEST_CASE("reader: damage in a large segment is told, wherever one begins in front of it") {
    const TempDirectory dir;
    constexpr unsigned kEvents = 20'000;
    write_seconds(dir.path(), kEvents, std::uint64_t{64} << 20U);
    // The middle of the file, where a search would begin.
    const std::string file = dir.path() + "/" + journal::segment_name(1);
    const std::uint64_t from = offset_of(dir.path(), kEvents / 2 - 1'000);
    const std::uint64_t to = offset_of(dir.path(), kEvents / 2 + 1'000);
    const UniqueFd fd(::open(file.c_str(), O_WRONLY));
    const std::vector<char> wrong(to - from, 'x');
    REQUIRE(::pwrite(fd.get(), wrong.data(), wrong.size(), static_cast<off_t>(from)) ==
            static_cast<ssize_t>(wrong.size()));
    Reader reader = open_reader(dir.path());
    const JournalId id = reader.journal();
    for (std::uint64_t seq = 1; seq < kEvents; seq += 97) {
        INFO(seq);
        REQUIRE(reader.seek({id, seq}).ok());
        const bool in_front = seq + 1 < kEvents / 2 - 1'000;
        const bool behind = seq + 1 >= kEvents / 2 + 1'000;
        REQUIRE(next(reader) == (in_front || behind ? Item::event : Item::gap));
        REQUIRE((in_front || behind ? reader.event().seq : reader.gap().from) == seq + 1);
    }
}

TEST_CASE("reader: the first event since a time, and the loss in front of it") {
    const TempDirectory dir;
    constexpr unsigned kEvents = 20'000;
    // One segment, a few, and one for some events each.
    const std::uint64_t segment =
        GENERATE(std::uint64_t{64} << 20U, std::uint64_t{1} << 20U, std::uint64_t{64} << 10U);
    write_seconds(dir.path(), kEvents, segment, {9'000, 9'001, 15'000, kEvents});
    Reader reader = open_reader(dir.path());
    for (std::uint64_t seq = 1; seq < kEvents; seq += 97) {
        INFO(seq);
        REQUIRE(first_since(reader, (999 + seq) * kNs) == static_cast<long>(seq));
        REQUIRE(first_since(reader, (999 + seq) * kNs - 1) == static_cast<long>(seq));
    }
    CHECK(first_since(reader, 0) == 1);
    CHECK(first_since(reader, (999 + 9'000) * kNs) == -9'000);
    CHECK(first_since(reader, (999 + 9'002) * kNs) == -9'000);
    CHECK(first_since(reader, (999 + 15'001) * kNs) == -15'000);
    CHECK(first_since(reader, (999 + 15'002) * kNs) == 15'002);
    // All events are older: what stands behind them is a loss.
    CHECK(first_since(reader, UINT64_MAX) == -static_cast<long>(kEvents));
}

TEST_CASE("reader: where the clock was set back, a time is found all the same") {
    const TempDirectory dir;
    auto store = open_store(dir.path(), std::uint64_t{64} << 20U);
    const Record record(VX_OP_FILE_CREATE);
    for (unsigned i = 0; i < 20'000; ++i) {
        EventView view = record.view(store->next_seq(), "/w/name");
        view.real_ns = (i < 12'000 ? 1'000 + i : i - 5'000) * kNs;
        REQUIRE(store->append(view).ok());
    }
    REQUIRE(store->close().ok());
    Reader reader = open_reader(dir.path());
    for (std::uint64_t time = 1'000; time < 13'000; time += 131) {
        const long first = first_since(reader, time * kNs);
        INFO(time);
        CHECK(reader.event().real_ns >= time * kNs);
        REQUIRE(first > 0);
    }
}
