// SPDX-License-Identifier: Apache-2.0
#include "journal/repair.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "journal/compress.hpp"
#include "journal/crc32c.hpp"
#include "journal/segment_reader.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/journal_files.hpp"
#include "support/records.hpp"
#include "support/simulated_disk.hpp"
#include "support/temp_directory.hpp"
#include "translate/translate.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;  // NOLINT: a test
using journal::RepairAction;
using test::TempDirectory;
using test::TestJournal;

namespace {

// A journal in a directory, closed, and its repair.
struct Journal {
    explicit Journal(unsigned events = 60, std::uint64_t segment_bytes = 4096) {
        TestJournal store(dir.path(), {.segment_bytes = segment_bytes});
        for (unsigned i = 0; i < events; ++i) {
            test::Record record(VX_OP_FILE_WRITE);
            record->ino = store.next_seq();
            EventView event = record.view(store.next_seq(), "/w/file");
            event.hash = translate::context_hash(record.record());
            REQUIRE(store.append(event).ok());
            if (i % 4 == 3) {
                REQUIRE(store.flush().ok());
            }
        }
        REQUIRE(store.close().ok());
        numbers = firsts();
    }

    [[nodiscard]] std::vector<std::uint64_t> firsts() const {
        const UniqueFd fd(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));
        const auto list = journal::list_segments(fd.get());
        REQUIRE(list.ok());
        return *list;
    }
    [[nodiscard]] std::string path(std::size_t n) const {
        return dir / journal::segment_name(numbers.at(n));
    }
    // Puts bytes over what the file has there.
    void damage(std::size_t n, std::uint64_t at, const std::string& bytes) const {
        const UniqueFd fd(::open(path(n).c_str(), O_WRONLY));
        REQUIRE(::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
                static_cast<ssize_t>(bytes.size()));
    }
    [[nodiscard]] test::Files files() const { return test::files_in(dir.path()); }

    journal::RepairReport repair(bool dry_run = false) {
        const UniqueFd fd(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));
        journal::DirectoryDisk disk(fd.get());
        done.clear();
        damages.clear();
        const auto report = journal::repair(
            disk, {.dry_run = dry_run,
                   .on_damage = [&](const std::string&,
                                    const journal::Damage& d) { damages.push_back(d); },
                   .on_segment = [&](const journal::SegmentRepair& r) { done.push_back(r); }});
        INFO((report ? std::string() : report.status().message()));
        REQUIRE(report.ok());
        return *report;
    }
    [[nodiscard]] std::uint64_t problems() const { return test::verify(dir.path()).problems; }
    // The numbers of the events; those of a gap as {-from, -to}.
    [[nodiscard]] std::vector<long> read() const {
        auto reader = Reader::open(dir.path());
        REQUIRE(reader.ok());
        std::vector<long> seen;
        for (auto item = reader->next(); item && *item != Reader::Item::end;
             item = reader->next()) {
            if (*item == Reader::Item::event) {
                seen.push_back(static_cast<long>(reader->event().seq));
            } else {
                CHECK(reader->gap().reason == GapReason::damaged);
                seen.push_back(-static_cast<long>(reader->gap().from));
                seen.push_back(-static_cast<long>(reader->gap().to));
            }
        }
        return seen;
    }

    TempDirectory dir;
    std::vector<std::uint64_t> numbers;  // first ones of the segments
    std::vector<journal::SegmentRepair> done;
    std::vector<journal::Damage> damages;
};

std::vector<long> all_but(long last, long from, long to) {
    std::vector<long> seen;
    for (long n = 1; n <= last; ++n) {
        if (n == from) {
            seen.insert(seen.end(), {-from, -to});
        }
        if (n < from || n > to) {
            seen.push_back(n);
        }
    }
    return seen;
}

}  // namespace

TEST_CASE("repair: a journal without damage is left as it is") {
    Journal journal;
    const auto before = journal.files();
    CHECK(journal.repair(true).damaged == 0);
    CHECK(journal.repair().damaged == 0);
    CHECK(journal.files() == before);
}

TEST_CASE("repair: an entry in a sealed segment becomes a gap, and the segment is sealed again") {
    Journal journal;
    const std::uint64_t second = journal.numbers[1];
    const long lost = static_cast<long>(second) + 2;
    const std::uint64_t at = test::offset_of(journal.dir.path(), second + 2);
    journal.damage(1, at + 100, "damage");
    const auto before = journal.files();
    CHECK(journal.problems() > 0);

    const journal::RepairReport would = journal.repair(true);
    CHECK(journal.files() == before);  // not a byte
    CHECK(would.damaged == 1);
    CHECK(would.repaired == 0);
    CHECK(would.lost == 1);
    const auto foretold = journal.done;

    const journal::RepairReport report = journal.repair();
    CHECK(report.status.ok());
    CHECK(report.repaired == 1);
    REQUIRE(journal.damages.size() == 1);
    CHECK(journal.damages[0].offset == at);
    CHECK(journal.damages[0].from == second + 2);
    CHECK(journal.damages[0].to == second + 2);
    REQUIRE(journal.done.size() == 1);
    CHECK(journal.done[0].action == RepairAction::rewrite);
    CHECK(journal.done[0].kept == foretold[0].kept);
    CHECK(journal.done[0].bytes == foretold[0].bytes);
    CHECK(journal.done[0].bytes == std::filesystem::file_size(journal.path(1)));

    CHECK(journal.problems() == 0);
    CHECK(journal.read() == all_but(60, lost, lost));
    // The original is beside it, and everything else is what it was.
    auto after = journal.files();
    const std::string name = journal::segment_name(second);
    CHECK(after.at(name + ".damaged") == before.at(name));
    after.erase(name + ".damaged");
    after[name] = before.at(name);
    CHECK(after == before);
    CHECK(TestJournal(journal.dir.path()).next_seq() == 61);
    CHECK(TestJournal(journal.dir.path(), {.boot_id = {9}}).next_seq() == 61);
}

TEST_CASE("repair: a segment whose end is missing, or its seal, gets a gap and a seal") {
    Journal journal;
    const long second = static_cast<long>(journal.numbers[1]);
    const std::uint64_t size = std::filesystem::file_size(journal.path(0));
    SECTION("the end is missing") {
        std::filesystem::resize_file(journal.path(0), test::offset_of(journal.dir.path(), 3) + 40);
        CHECK(journal.repair().lost == journal.numbers[1] - 3);
        CHECK(journal.read() == all_but(60, 3, second - 1));
    }
    SECTION("the last event and the seal are damaged") {
        const std::uint64_t last = test::offset_of(journal.dir.path(), journal.numbers[1] - 1);
        journal.damage(0, last + 8, std::string(size - last - 8, 'x'));
        CHECK(journal.repair().lost == 1);
        CHECK(journal.read() == all_but(60, second - 1, second - 1));
    }
    SECTION("only the seal is damaged") {
        journal.damage(0, size - 4, "seal");
        CHECK(journal.problems() == 0);  // a disk that failed leaves that too
        CHECK(journal.repair().repaired == 1);
        CHECK(journal.read() == all_but(60, 0, 0));
    }
    SECTION("the whole segment behind it was removed") {
        std::filesystem::remove(journal.path(1));
        CHECK(journal.repair().lost == journal.numbers[2] - journal.numbers[1]);
        CHECK(journal.read() == all_but(60, second, static_cast<long>(journal.numbers[2]) - 1));
    }
    CHECK(journal.problems() == 0);
    CHECK(journal.repair(true).damaged == 0);
    const UniqueFd fd(::open(journal.dir.path().c_str(), O_RDONLY | O_DIRECTORY));
    auto first = journal::SegmentReader::open(fd.get(), 1);
    REQUIRE(first.ok());
    while (const journal::EntryHeader* entry = first->peek()) {
        first->advance(*entry);
    }
    CHECK(first->seal().has_value());
}

TEST_CASE("repair: a header is put together again from what there is, and no event is lost") {
    Journal journal;
    const std::size_t n = GENERATE(0U, 1U, 99U);  // 99: the last
    const std::size_t segment = n == 99 ? journal.numbers.size() - 1 : n;
    SECTION("one bit is wrong: it is what it was") {
        const auto before = journal.files();
        for (std::uint64_t bit = 0; bit < 128; bit += 37) {
            std::string bytes = before.at(journal::segment_name(journal.numbers[segment]));
            bytes[bit] = static_cast<char>(bytes[bit] ^ 4);
            journal.damage(segment, 0, bytes.substr(0, 128));
            CHECK(journal.problems() > 0);
            REQUIRE(journal.repair().repaired == 1);
            CHECK(journal.files().at(journal::segment_name(journal.numbers[segment])) ==
                  before.at(journal::segment_name(journal.numbers[segment])));
        }
        // Four originals, none in the place of another.
        CHECK(journal.files().size() == before.size() + 4);
    }
    SECTION("all of it is wrong: the other segments tell the journal's id") {
        journal.damage(segment, 0, std::string(128, 'x'));
        CHECK(journal.repair().lost == 0);
        CHECK(journal.done[0].action == RepairAction::rewrite);
    }
    SECTION("all of them are: one that is a bit away tells the journal's id") {
        std::string bytes = journal.files().at(journal::segment_name(journal.numbers[segment]));
        bytes[50] = static_cast<char>(bytes[50] ^ 4);
        for (std::size_t i = 0; i < journal.numbers.size(); ++i) {
            journal.damage(i, 0, i == segment ? bytes.substr(0, 128) : std::string(128, 'x'));
        }
        CHECK(journal.repair().lost == 0);
    }
    CHECK(journal.problems() == 0);
    CHECK(journal.read() == all_but(60, 0, 0));
    CHECK(TestJournal(journal.dir.path(), {.boot_id = {9}}).next_seq() >= 61);
}

TEST_CASE("repair: a file of which nothing can be read is set aside, with a gap in its place") {
    Journal journal;
    const auto size = [&](std::size_t n) { return std::filesystem::file_size(journal.path(n)); };
    const long first = static_cast<long>(journal.numbers[1]);
    const long next = static_cast<long>(journal.numbers[2]);
    SECTION("in the middle") {
        journal.damage(1, 0, std::string(size(1), 'x'));
        CHECK(journal.repair().lost == journal.numbers[2] - journal.numbers[1]);
        CHECK(journal.done[0].action == RepairAction::replace);
        // Retention asks how old it is.
        const UniqueFd fd(::open(journal.dir.path().c_str(), O_RDONLY | O_DIRECTORY));
        const auto reader = journal::SegmentReader::open(fd.get(), journal.numbers[1]);
        REQUIRE(reader.ok());
        CHECK(reader->header().created_real_ns > 1'700'000'000'000'000'000);
        CHECK(std::filesystem::file_size(journal.path(1) + ".damaged") > 1000);
        CHECK(journal.read() == all_but(60, first, next - 1));
    }
    SECTION("the last: what it may have held is passed over") {
        const std::size_t last = journal.numbers.size() - 1;
        journal.damage(last, 0, std::string(size(last), 'x'));
        spdlog::set_level(spdlog::level::err);
        const journal::RepairReport report = journal.repair();
        CHECK(report.lost > 61 - journal.numbers[last]);
        const std::vector<long> seen = journal.read();
        CHECK(seen[seen.size() - 2] == -static_cast<long>(journal.numbers[last]));
        TestJournal store(journal.dir.path(), {.boot_id = {9}});
        CHECK(store.next_seq() == journal.numbers[last] + report.lost);
    }
    SECTION("all of them: there is no journal any more") {
        for (std::size_t n = 0; n < journal.numbers.size(); ++n) {
            journal.damage(n, 0, std::string(size(n), 'x'));
        }
        CHECK(journal.repair().repaired == journal.numbers.size());
        CHECK(journal.firsts().empty());
        return;
    }
    SECTION("it is too short for a header") {
        std::filesystem::resize_file(journal.path(1), 100);
        CHECK(journal.repair().repaired == 1);
        CHECK(journal.read() == all_but(60, first, next - 1));
    }
    CHECK(journal.problems() == 0);
}

TEST_CASE("repair: a segment of another journal is set aside, one of another format left alone") {
    Journal journal;
    SECTION("another journal's") {
        const Journal other;
        std::filesystem::copy_file(other.path(1), journal.path(1),
                                   std::filesystem::copy_options::overwrite_existing);
        CHECK(journal.repair().repaired == 2);  // and a gap at the end of the one before
        CHECK(journal.problems() == 0);
        CHECK(journal.read() == all_but(60, static_cast<long>(journal.numbers[1]),
                                        static_cast<long>(journal.numbers[2]) - 1));
    }
    SECTION("a format that is not known here") {
        journal::SegmentHeader header{};
        std::ifstream(journal.path(1), std::ios::binary)
            .read(reinterpret_cast<char*>(&header), sizeof(header));
        header.version = 9;
        header.checksum = 0;
        header.checksum = journal::crc32c(0, &header, sizeof(header));
        journal.damage(1, 0, std::string(reinterpret_cast<const char*>(&header), sizeof(header)));
        journal.damage(0, 200, "damage");
        const auto before = journal.files();
        const UniqueFd fd(::open(journal.dir.path().c_str(), O_RDONLY | O_DIRECTORY));
        journal::DirectoryDisk disk(fd.get());
        const auto report = journal::repair(disk, {});
        REQUIRE_FALSE(report.ok());
        CHECK(report.status().code() == ENOTSUP);
        CHECK(report.status().message().find("version 9") != std::string::npos);
        CHECK(journal.files() == before);
    }
}

TEST_CASE("repair: on a full disk, or stopped, each segment is repaired or as it was") {
    const TempDirectory dir;
    test::SimulatedDisk disk(dir.path(), 1);
    {
        auto store = *journal::SegmentStore::open({.segment_bytes = 4096}, disk);
        for (int i = 0; i < 40; ++i) {
            test::Record record(VX_OP_FILE_WRITE);
            EventView event = record.view(store->next_seq());
            event.hash = translate::context_hash(record.record());
            REQUIRE(store->append(event).ok());
            REQUIRE(store->flush().ok());
            disk.run();
        }
        store->sync([](const Status& status) { CHECK(status.ok()); });
        disk.run();
        REQUIRE(store->close().ok());
    }
    const auto list = journal::list_segments(disk.directory());
    REQUIRE(list->size() > 2);
    for (std::size_t n = 0; n < 2; ++n) {
        disk.flip(journal::segment_name((*list)[n]), 300 * 8);
    }
    std::uint64_t used = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
        used += entry.file_size();
    }
    SECTION("no room at all") {
        disk.room = used + 100;
        const auto report = journal::repair(disk, {});
        REQUIRE(report.ok());
        CHECK(report->status.code() == ENOSPC);
        CHECK(report->repaired == 0);
        CHECK_FALSE(std::filesystem::exists(dir / "new.tmp"));
    }
    SECTION("room for one") {
        disk.room = used + 4200;
        const auto report = journal::repair(disk, {});
        REQUIRE(report.ok());
        CHECK(report->status.code() == ENOSPC);
        CHECK(report->repaired == 1);
    }
    SECTION("stopped behind the first") {
        bool stop = false;
        const auto report = journal::repair(
            disk, {.on_segment = [&](const journal::SegmentRepair&) { stop = true; },
                   .stopped = [&] { return stop; }});
        REQUIRE(report.ok());
        CHECK(report->status.code() == ECANCELED);
        CHECK(report->repaired == 1);
    }
    disk.room = ~std::uint64_t{0};
    CHECK(journal::repair(disk, {})->status.ok());
    const auto verified = journal::verify(dir.path(), [](const journal::Problem&) {});
    CHECK(verified->problems == 0);
    CHECK(verified->events == 38);
    CHECK(verified->lost == 2);
}

TEST_CASE("repair: a compressed segment loses the block that is damaged and becomes a plain one") {
    Journal journal(200, 16 << 10);
    const UniqueFd fd(::open(journal.dir.path().c_str(), O_RDONLY | O_DIRECTORY));
    journal::DirectoryDisk disk(fd.get());
    REQUIRE(journal::compress_segment(disk, 1, {.block_bytes = 2048})->has_value());
    const std::string name = journal.dir / journal::compressed_segment_name(1);
    const auto flip = [&](std::uint64_t at) {
        const UniqueFd file(::open(name.c_str(), O_RDWR));
        char byte = 0;
        REQUIRE(::pread(file.get(), &byte, 1, static_cast<off_t>(at)) == 1);
        byte = static_cast<char>(byte ^ 16);
        REQUIRE(::pwrite(file.get(), &byte, 1, static_cast<off_t>(at)) == 1);
    };
    const std::uint64_t size = std::filesystem::file_size(name);
    CHECK(journal.problems() == 0);
    SECTION("in the first block, which has the header") {
        flip(journal::kFirstBlockAt + journal::kBlockHeadBytes + 100);
        CHECK(journal.problems() > 0);
        const std::vector<long> seen = journal.read();
        const journal::RepairReport report = journal.repair();
        CHECK(report.lost > 0);
        CHECK(report.lost < 20);
        CHECK(journal.read() == seen);  // readers were told the same before
        CHECK(std::count_if(seen.begin(), seen.end(), [](long n) { return n < 0; }) == 2);
    }
    SECTION("in the first block and in the copy of its header, and no other segment has one") {
        flip(journal::kFirstBlockAt + journal::kBlockHeadBytes + 100);
        flip(60);
        for (std::size_t n = 1; n < journal.numbers.size(); ++n) {
            journal.damage(n, 0, std::string(128, 'x'));
        }
        const journal::RepairReport report = journal.repair();
        CHECK(report.lost > 0);
        CHECK(report.lost < 20);
        const std::vector<long> seen = journal.read();
        CHECK(std::count_if(seen.begin(), seen.end(), [](long n) { return n > 0; }) ==
              200 - static_cast<long>(report.lost));
    }
    SECTION("in the index, the copy of the header and the head of a block") {
        flip(size - 50);
        CHECK(journal.problems() == 1);
        CHECK(journal.read() == all_but(200, 0, 0));
        flip(60);
        CHECK(journal.problems() == 2);
        CHECK(journal.repair().lost == 0);
        CHECK(journal.read() == all_but(200, 0, 0));
    }
    CHECK(journal.problems() == 0);
    CHECK_FALSE(std::filesystem::exists(name));
    CHECK(std::filesystem::file_size(name + ".damaged") == size);
}
