// SPDX-License-Identifier: Apache-2.0
#include "journal/compress.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "journal/compressor.hpp"
#include "journal/segment_reader.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/simulated_disk.hpp"
#include "support/temp_directory.hpp"
#include "translate/translate.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;  // NOLINT: a test
using test::TempDirectory;
using test::TestJournal;

namespace {

void put(TestJournal& store, unsigned n) {
    for (unsigned i = 0; i < n; ++i) {
        test::Record record(VX_OP_FILE_WRITE);
        record->ino = store.next_seq();
        EventView event = record.view(store.next_seq(), "/w/file");
        event.hash = translate::context_hash(record.record());
        REQUIRE(store.append(event).ok());
        if (i % 16 == 15) {
            REQUIRE(store.flush().ok());
        }
    }
    REQUIRE(store.flush().ok());
}

std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

struct Journal {
    // Events in segments of 16 KiB.
    explicit Journal(unsigned events) : store(dir.path(), {.segment_bytes = 16 << 10}) {
        put(store, events);
        REQUIRE(store.sync().ok());
    }
    std::optional<journal::Compressed> compress(std::uint64_t first_seq) {
        auto done = journal::compress_segment(disk, first_seq, {.block_bytes = 2048});
        INFO((done ? std::string() : done.status().message()));
        REQUIRE(done.ok());
        return *done;
    }
    [[nodiscard]] std::vector<std::uint64_t> firsts() const {
        const auto list = journal::list_segments(fd.get());
        REQUIRE(list.ok());
        return *list;
    }
    [[nodiscard]] std::string plain(std::uint64_t first_seq) const {
        return dir / journal::segment_name(first_seq);
    }
    [[nodiscard]] std::string packed(std::uint64_t first_seq) const {
        return dir / journal::compressed_segment_name(first_seq);
    }
    [[nodiscard]] std::uint64_t problems() const { return test::verify(dir.path()).problems; }

    TempDirectory dir;
    TestJournal store;
    UniqueFd fd{::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY)};
    journal::DirectoryDisk disk{fd.get()};
};

// Reads on; how many events until the end, each the one that it should be.
std::uint64_t count_from(Reader& reader, std::uint64_t seq) {
    std::uint64_t count = 0;
    for (auto item = reader.next(); item && *item == Reader::Item::event; item = reader.next()) {
        REQUIRE(reader.event().seq == seq + count);
        REQUIRE(reader.event().event().ino == seq + count);
        ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("compress: zstd gives back the plain segment, byte by byte") {
    Journal journal(200);
    const std::string before = content(journal.plain(1));
    const auto sizes = journal.compress(1);
    REQUIRE(sizes.has_value());
    CHECK(sizes->plain_bytes == before.size());
    CHECK(sizes->packed_bytes == std::filesystem::file_size(journal.packed(1)));
    CHECK(sizes->packed_bytes < before.size() / 2);
    CHECK_FALSE(std::filesystem::exists(journal.plain(1)));
    CHECK_FALSE(std::filesystem::exists(journal.dir / "compress.tmp"));
    if (std::system("command -v zstd >/dev/null") != 0) {
        WARN("no zstd here: not tried");
        return;
    }
    const std::string out = journal.dir / "out";
    REQUIRE(std::system(("zstd -q -d -o " + out + " " + journal.packed(1)).c_str()) == 0);
    CHECK(content(out) == before);
}

TEST_CASE("compress: readers, verify and dump see the same events, from any number on") {
    Journal journal(300);
    Reader early = *Reader::open(journal.dir.path());
    REQUIRE(*early.next() == Reader::Item::event);  // has the plain file open
    const std::vector<std::uint64_t> firsts = journal.firsts();
    REQUIRE(firsts.size() > 3);
    for (std::size_t i = 0; i + 1 < firsts.size(); ++i) {
        REQUIRE(journal.compress(firsts[i]).has_value());
        REQUIRE_FALSE(journal.compress(firsts[i]).has_value());  // it is
    }
    CHECK(count_from(early, 2) == 299);
    CHECK(journal.firsts() == firsts);
    CHECK(journal.problems() == 0);
    Reader reader = *Reader::open(journal.dir.path());
    for (std::uint64_t seq = 0; seq <= 300; seq += 7) {
        REQUIRE(reader.seek({reader.journal(), seq}).ok());
        REQUIRE(count_from(reader, seq + 1) == 300 - seq);
    }
    CHECK(reader.seek({reader.journal(), 301}).code() == EINVAL);
    CHECK(test::offset_of(journal.dir.path(), 2) > sizeof(journal::SegmentHeader));
}

TEST_CASE("compress: finding a number reads one block, not those before it") {
    Journal journal(200);
    REQUIRE(journal.compress(1).has_value());
    const auto file = journal::SegmentFile::open(journal.fd.get(), 1);
    REQUIRE(file.ok());
    const std::uint64_t last = journal.firsts()[1] - 1;
    std::uint64_t before = 0;
    for (std::uint64_t seq = 1; seq <= last; ++seq) {
        const std::uint64_t place = file->place_of(seq);
        CHECK(place >= before);
        CHECK(place <= std::max<std::uint64_t>(test::offset_of(journal.dir.path(), seq), 128));
        CHECK(place + 2048 + 600 > test::offset_of(journal.dir.path(), seq));
        before = place;
    }
    CHECK(before > 8000);
}

TEST_CASE("compress: what is not sealed, or not what was sealed, stays as it is") {
    Journal journal(200);
    const std::vector<std::uint64_t> firsts = journal.firsts();
    CHECK_FALSE(journal.compress(firsts.back()).has_value());
    CHECK_FALSE(journal.compress(12'345).has_value());
    const UniqueFd file(::open(journal.plain(1).c_str(), O_WRONLY));
    REQUIRE(::pwrite(file.get(), "x", 1, 500) == 1);
    CHECK_FALSE(journal.compress(1).has_value());
    CHECK(std::filesystem::exists(journal.plain(1)));
    CHECK_FALSE(std::filesystem::exists(journal.packed(1)));
    CHECK_FALSE(std::filesystem::exists(journal.dir / "compress.tmp"));
}

TEST_CASE("compress: of both forms the plain one counts, and the other is removed at open") {
    const TempDirectory copy;
    {
        Journal journal(200);
        const std::string plain = content(journal.plain(1));
        REQUIRE(journal.compress(1).has_value());
        REQUIRE(journal.store.close().ok());
        std::ofstream(journal.plain(1), std::ios::binary) << plain;
        std::ofstream(journal.dir / "compress.tmp") << "half";
        std::filesystem::copy(journal.dir.path(), copy.path(),
                              std::filesystem::copy_options::recursive);
    }
    Reader reader = *Reader::open(copy.path());
    CHECK(count_from(reader, 1) == 200);
    TestJournal store(copy.path());
    CHECK(store.next_seq() == 201);
    CHECK(std::filesystem::exists(copy / journal::segment_name(1)));
    CHECK_FALSE(std::filesystem::exists(copy / journal::compressed_segment_name(1)));
    CHECK_FALSE(std::filesystem::exists(copy / "compress.tmp"));
}

TEST_CASE("compress: a journal whose last segment is a compressed one is gone on with") {
    const TempDirectory copy;
    std::uint64_t next = 0;
    {
        Journal journal(200);
        REQUIRE(journal.compress(1).has_value());
        next = journal.firsts()[1];
        std::filesystem::copy(journal.packed(1), copy / journal::compressed_segment_name(1));
    }
    spdlog::set_level(spdlog::level::err);
    TestJournal store(copy.path());
    CHECK(store.next_seq() == next);
    put(store, 3);
    auto reader = Reader::open(copy.path());
    CHECK(count_from(*reader, 1) == next + 2);
}

TEST_CASE("compress: a full disk leaves the plain segment") {
    const TempDirectory dir;
    test::SimulatedDisk disk(dir.path(), 1);
    auto store = *journal::SegmentStore::open({.segment_bytes = 4096}, disk);
    for (int i = 0; i < 60; ++i) {
        test::Record record(VX_OP_FILE_WRITE);
        REQUIRE(store->append(record.view(store->next_seq())).ok());
        REQUIRE(store->flush().ok());
        disk.run();
    }
    disk.room = 0;
    const auto full = journal::compress_segment(disk, 1);
    REQUIRE_FALSE(full.ok());
    CHECK(full.status().code() == ENOSPC);
    CHECK(std::filesystem::exists(dir / journal::segment_name(1)));
    CHECK_FALSE(std::filesystem::exists(dir / "compress.tmp"));
    disk.room = ~std::uint64_t{0};
    CHECK(journal::compress_segment(disk, 1)->has_value());
}

TEST_CASE("compress: the thread compresses what is full while the journal goes on") {
    Journal journal(100);
    const UniqueFd news(::inotify_init1(IN_CLOEXEC));
    REQUIRE(::inotify_add_watch(news.get(), journal.dir.path().c_str(), IN_DELETE) >= 0);
    // The plain form of a segment goes last.
    const auto wait_for = [&](std::uint64_t first_seq) {
        std::array<char, 4096> buffer;
        while (std::filesystem::exists(journal.plain(first_seq))) {
            pollfd ready{news.get(), POLLIN, 0};
            REQUIRE(::poll(&ready, 1, 60'000) == 1);
            REQUIRE(::read(news.get(), buffer.data(), buffer.size()) > 0);
        }
    };
    const auto compressor = journal::Compressor::start(journal.fd.get());
    REQUIRE(compressor.ok());
    const std::vector<std::uint64_t> before = journal.firsts();
    wait_for(before[before.size() - 2]);
    CHECK(std::filesystem::exists(journal.plain(before.back())));
    put(journal.store, 200);
    const std::vector<std::uint64_t> after = journal.firsts();
    REQUIRE(after.size() > before.size());
    wait_for(after[after.size() - 2]);
    for (const std::uint64_t first_seq : after) {
        CHECK(std::filesystem::exists(journal.packed(first_seq)) == (first_seq != after.back()));
    }
    Reader reader = *Reader::open(journal.dir.path());
    CHECK(count_from(reader, 1) == 300);
    CHECK(journal.problems() == 0);
    while ((*compressor)->stats().segments < after.size() - 1) {
        std::this_thread::yield();  // the last one is counted when its plain form has gone
    }
    const journal::CompressorStats stats = (*compressor)->stats();
    CHECK(stats.packed_bytes < stats.plain_bytes);
    CHECK(stats.refused == 0);
}
