// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "journal/segment_reader.hpp"
#include "journal/verify.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/simulated_disk.hpp"
#include "support/temp_directory.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;  // NOLINT: a test
using journal::Durability;
using journal::SegmentStore;
using journal::StoreConfig;
using test::offset_of;
using test::put;
using test::Record;
using test::SimulatedDisk;
using test::TempDirectory;
using test::TestJournal;
using test::verify;

namespace {

void put_many(TestJournal& store, unsigned n) {
    for (unsigned i = 0; i < n; ++i) {
        REQUIRE(put(store).ok());
    }
    REQUIRE(store.flush().ok());
}

void write_journal(const std::string& path, unsigned n, const StoreConfig& config = {}) {
    TestJournal store(path, config);
    put_many(store, n);
    REQUIRE(store.close().ok());
}

std::string segment(const std::string& path, std::uint64_t first_seq = 1) {
    return path + "/" + journal::segment_name(first_seq);
}

Gap gap_of(std::uint64_t from, std::uint64_t to, GapReason reason = GapReason::ring_full) {
    return Gap{from, to, 0, 0, reason, "class D"};
}

// Counts what is synced, and for what room is made, while the caller waits.
class WaitingDisk final : public SimulatedDisk {
  public:
    using SimulatedDisk::SimulatedDisk;

    Status allocate(int fd, std::uint64_t bytes) override {
        ++waited;
        return SimulatedDisk::allocate(fd, bytes);
    }

    Status sync(int fd) override {
        ++waited;
        return SimulatedDisk::sync(fd);
    }
    Status sync_directory() override {
        ++waited;
        return SimulatedDisk::sync_directory();
    }
    void step() {
        const unsigned before = waited;
        SimulatedDisk::step();
        waited = before;
    }
    void run() {
        while (waiting() != 0) {
            step();
        }
    }

    unsigned waited = 0;
};

// Makes no room so many times, and says `error` instead.
class RefusingDisk final : public SimulatedDisk {
  public:
    using SimulatedDisk::SimulatedDisk;

    Status allocate(int fd, std::uint64_t bytes) override {
        if (times == 0) {
            return SimulatedDisk::allocate(fd, bytes);
        }
        --times;
        return Status::from_errno(error, "make room");
    }

    int error = EINTR;
    unsigned times = 0;
};

const StoreConfig kSmallSegments{.segment_bytes = 4096};
const StoreConfig kOtherBoot{.segment_bytes = 4096, .boot_id = {7}};

}  // namespace

TEST_CASE("store: what was appended is there when it is opened again, and the numbers go on") {
    const TempDirectory dir;
    const std::string path = dir / "deep/journal";
    JournalId id;
    {
        TestJournal store(path);
        id = store.id();
        CHECK(store.next_seq() == 1);
        put_many(store, 3);
        REQUIRE(store.append(gap_of(4, 9)).ok());
        CHECK(store.next_seq() == 10);
        CHECK(store.store->written_seq() == 3);
        REQUIRE(store.flush().ok());
        CHECK(store.store->written_seq() == 9);
        CHECK(store.store->durable_seq() == 0);
        REQUIRE(store.sync().ok());
        CHECK(store.store->durable_seq() == 9);
        CHECK(store.stats().lost == 6);
        REQUIRE(store.close().ok());
    }
    CHECK(std::filesystem::file_size(segment(path)) < 4096);  // the room is given back
    {
        TestJournal store(path, {.boot_id = {7}});  // closed well: nothing is missing after a boot
        CHECK(store.id() == id);
        CHECK(store.next_seq() == 10);
        CHECK(store.store->durable_seq() == 9);
        put_many(store, 1);
    }
    const auto report = verify(path);
    CHECK(report.problems == 0);
    CHECK(report.events == 4);
    CHECK(report.lost == 6);
    CHECK(report.last_seq == 10);
}

TEST_CASE("store: a jump in the numbers must be a gap") {
    const TempDirectory dir;
    TestJournal store(dir.path());
    const Record record(VX_OP_FILE_CREATE);
    CHECK(store.append(record.view(2)).code() == EINVAL);
    CHECK(store.append(record.view(0)).code() == EINVAL);
    CHECK(store.append(gap_of(2, 3)).code() == EINVAL);
    CHECK(store.append(gap_of(1, 4)).ok());
    CHECK(store.append(gap_of(5, 3)).code() == EINVAL);
    // Nothing is known to be lost: no number is taken.
    CHECK(store.append(gap_of(5, 4, GapReason::stopped)).ok());
    CHECK(store.next_seq() == 5);
    CHECK(store.append(record.view(5)).ok());
}

TEST_CASE("store: what comes while a write is under way goes with the next one") {
    const TempDirectory dir;
    TestJournal store(dir.path());
    for (int i = 0; i < 100; ++i) {
        REQUIRE(put(store).ok());
        REQUIRE(store.store->flush().ok());
    }
    CHECK(verify(dir.path()).events == 0);
    CHECK(store.io->waiting() == 1);
    store.io->run();
    CHECK(store.stats().writes == 2);
    CHECK(verify(dir.path()).events == 100);
    REQUIRE(store.flush().ok());
    CHECK(store.stats().writes == 2);
}

TEST_CASE("store: a buffer that is full says so, takes no number, and goes on after progress") {
    const TempDirectory dir;
    TestJournal store(dir.path(), {.buffer_bytes = 512 << 10});
    unsigned progress = 0;
    store.store->on_progress([&] { ++progress; });
    Status status;
    std::uint64_t appended = 0;
    while ((status = put(store)).ok()) {
        ++appended;
    }
    CHECK(status.code() == ENOBUFS);
    CHECK(store.next_seq() == appended + 1);
    REQUIRE(store.flush().ok());
    CHECK(progress > 0);
    // It is written, but the buffer keeps it until it is durable.
    CHECK(put(store).code() == ENOBUFS);
    store.store->hurry();
    store.io->run();
    CHECK(put(store).ok());
    REQUIRE(store.flush().ok());
    CHECK(verify(dir.path()).events == appended + 1);
}

TEST_CASE("store: each durability keeps its word") {
    const TempDirectory dir;
    const auto durability =
        GENERATE(Durability::none, Durability::interval, Durability::commit);
    TestJournal store(dir.path(), {.durability = durability});
    put_many(store, 5);
    SegmentStore& s = *store.store;
    CHECK(s.written_seq() == 5);
    CHECK(s.durable_seq() == (durability == Durability::commit ? 5 : 0));
    CHECK(s.appended() == 5);
    CHECK(s.safe() == (durability == Durability::interval ? 0 : 5));
    s.tick();
    store.io->run();
    CHECK(s.durable_seq() == (durability == Durability::none ? 0 : 5));
    REQUIRE(store.sync().ok());
    CHECK(s.durable_seq() == 5);
}

TEST_CASE("store: segments are named for their first number, sealed, and dense together") {
    const TempDirectory dir;
    const auto durability =
        GENERATE(Durability::none, Durability::interval, Durability::commit);
    StoreConfig config = kSmallSegments;
    config.durability = durability;
    {
        TestJournal store(dir.path(), config);
        for (int batch = 0; batch < 40; ++batch) {
            put_many(store, 5);
        }
        const auto report = verify(dir.path());
        CHECK(report.segments > 10);
        CHECK(report.segments == store.stats().segments);
        CHECK(report.problems == 0);
        CHECK(report.last_seq == 200);
        REQUIRE(store.sync().ok());
        CHECK(store.store->durable_seq() == 200);
    }
    const UniqueFd fd(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));
    const auto segments = journal::list_segments(fd.get());
    for (const std::uint64_t first : *segments) {
        auto reader = journal::SegmentReader::open(fd.get(), first);
        REQUIRE(reader.ok());
        while (const journal::EntryHeader* entry = reader->peek()) {
            reader->advance(*entry);
        }
        CHECK(reader->seal().has_value() == (first != segments->back()));
    }
    // A byte of a sealed segment that no entry's checksum covers: behind the seal's own count.
    const UniqueFd first(::open(segment(dir.path()).c_str(), O_RDWR));
    REQUIRE(::pwrite(first.get(), "x", 1, static_cast<off_t>(offset_of(dir.path(), 2) + 4)) == 1);
    CHECK(journal::verify(dir.path(), [](const journal::Problem&) {})->problems == 3);
    CHECK(TestJournal(dir.path()).next_seq() == 201);
}

TEST_CASE("store: room is made before it is needed, and a full disk is back-pressure") {
    const TempDirectory dir;
    SimulatedDisk disk(dir.path(), 1);
    auto store = *SegmentStore::open({.segment_bytes = 16 << 10}, disk);
    CHECK(std::filesystem::file_size(segment(dir.path())) == 16 << 10);
    disk.room = 16 << 10;
    std::uint64_t appended = 0;
    Status status;
    while (status && appended < 1000) {
        REQUIRE(put(*store).ok());
        ++appended;
        status = store->flush();
        disk.run();
    }
    CHECK(status.code() == ENOSPC);
    CHECK(store->health().code() == ENOSPC);
    CHECK(store->flush().code() == ENOSPC);
    CHECK(put(*store).ok());  // there is still room in the buffer
    const std::uint64_t whole = store->written_seq();
    CHECK(whole > 10);
    CHECK(verify(dir.path()).last_seq == whole);
    disk.room = ~std::uint64_t{0};
    REQUIRE(store->flush().ok());
    disk.run();
    CHECK(store->health().ok());
    const auto report = verify(dir.path());
    CHECK(report.events == appended + 1);
    CHECK(report.problems == 0);
}

TEST_CASE("store: who waits for durability is told that there is no room for the next segment") {
    const TempDirectory dir;
    SimulatedDisk disk(dir.path(), 1);
    auto store = *SegmentStore::open({.segment_bytes = 16 << 10}, disk);
    disk.room = 16 << 10;
    const auto sync = [&] {
        Status told = Status::error(EINPROGRESS, "not answered");
        store->sync([&](const Status& status) { told = status; });
        disk.run();
        return told;
    };
    Status told;
    for (int i = 0; i < 1000 && told; ++i) {
        REQUIRE(put(*store).ok());
        told = sync();
    }
    CHECK(told.code() == ENOSPC);
    disk.room = ~std::uint64_t{0};
    CHECK(sync().ok());
    CHECK(verify(dir.path()).last_seq == store->next_seq() - 1);
}

TEST_CASE("store: room for the next segment is asked for again when interrupted or too much") {
    const TempDirectory dir;
    RefusingDisk disk(dir.path(), 1);
    auto store = *SegmentStore::open({.segment_bytes = 256 << 10}, disk);
    disk.room = (256 + 100) << 10;
    disk.times = 3;
    while (store->stats().segments < 2) {
        REQUIRE(put(*store).ok());
        REQUIRE(store->flush().ok());
        disk.run();
    }
    CHECK(disk.times == 0);
    CHECK(store->stats().write_errors == 0);
    const auto segments = journal::list_segments(disk.directory());
    REQUIRE(segments.ok());
    CHECK(std::filesystem::file_size(segment(dir.path(), segments->back())) == 64 << 10);
    CHECK(verify(dir.path()).problems == 0);
}

TEST_CASE("store: a file system that makes no room beforehand has segments all the same") {
    const TempDirectory dir;
    RefusingDisk disk(dir.path(), 1);
    disk.error = EOPNOTSUPP;
    disk.times = 1'000'000;
    auto store = *SegmentStore::open({.segment_bytes = 4096}, disk);
    while (store->stats().segments < 3) {
        REQUIRE(put(*store).ok());
        REQUIRE(store->flush().ok());
        disk.run();
    }
    CHECK(store->stats().write_errors == 0);
    CHECK(verify(dir.path()).events == store->next_seq() - 1);
}

TEST_CASE("store: nobody waits for the disk when one segment follows another") {
    const TempDirectory dir;
    WaitingDisk disk(dir.path(), 1);
    auto store = *SegmentStore::open({.segment_bytes = 4096}, disk);
    disk.waited = 0;
    unsigned appended = 0;
    const auto segments = [&] { return store->stats().segments; };
    while (segments() < 4) {
        REQUIRE(put(*store).ok());  // also while the next one is made
        ++appended;
        REQUIRE(store->flush().ok());
        if (disk.waiting() != 0) {
            disk.step();
        }
    }
    CHECK(disk.waited == 0);
    store->sync([](const Status& status) { CHECK(status.ok()); });
    disk.run();
    const auto report = verify(dir.path());
    CHECK(report.events == appended);
    CHECK(report.problems == 0);
}

TEST_CASE("store: on a disk that is nearly full a segment is as long as there is room") {
    const TempDirectory dir;
    SimulatedDisk disk(dir.path(), 1);
    disk.room = 5 << 20;
    const auto store = *SegmentStore::open({.segment_bytes = 64 << 20}, disk);
    CHECK(std::filesystem::file_size(segment(dir.path())) == 4 << 20);
    disk.room = 1 << 20;
    const TempDirectory other;
    SimulatedDisk full(other.path(), 1);
    full.room = 1000;
    CHECK(SegmentStore::open({}, full).status().code() == ENOSPC);
}

TEST_CASE("store: wherever the last write was torn, opening cuts to the last whole entry") {
    const TempDirectory dir;
    { TestJournal(dir.path()).sync().ignore(); }
    write_journal(dir.path(), 4);
    const std::string path = segment(dir.path());
    const std::uint64_t last = offset_of(dir.path(), 4);
    const auto level = spdlog::get_level();
    spdlog::set_level(spdlog::level::err);  // a warning for each
    for (std::uintmax_t size = last; size < last + 200; size += 7) {
        const TempDirectory copy;
        std::filesystem::copy(path, segment(copy.path()));
        std::filesystem::resize_file(segment(copy.path()), size);
        TestJournal store(copy.path());
        REQUIRE(store.next_seq() == 4);
        put_many(store, 1);
        const auto report = verify(copy.path());
        REQUIRE(report.problems + report.tail_bytes == 0);
        REQUIRE(report.last_seq == 4);
    }
    spdlog::set_level(level);
}

TEST_CASE("store: after a power cut no number is given out twice; a gap says which are passed") {
    const TempDirectory dir;
    SimulatedDisk disk(dir.path(), 1);
    auto store = *SegmentStore::open({}, disk);
    for (int i = 0; i < 10; ++i) {
        REQUIRE(put(*store).ok());
    }
    REQUIRE(store->flush().ok());
    disk.run();  // readers can have seen them
    CHECK_FALSE(store->rebooted());
    store.reset();
    disk.cut_power();
    store = *SegmentStore::open({.boot_id = {7}}, disk);
    CHECK(store->rebooted());
    CHECK(store->next_seq() > 11);
    CHECK(store->next_seq() < 500'000);
    REQUIRE(put(*store).ok());
    store->sync([](const Status& status) { CHECK(status.ok()); });
    disk.run();
    auto reader = Reader::open(dir.path());
    REQUIRE(reader.ok());
    auto item = reader->next();
    while (item.ok() && (*item == Reader::Item::event ||
                         reader->gap().reason == GapReason::damaged)) {
        item = reader->next();
    }
    REQUIRE(*item == Reader::Item::gap);
    CHECK(reader->gap().reason == GapReason::unclean);
    CHECK(reader->gap().to + 2 == store->next_seq());
    CHECK(verify(dir.path()).problems == 0);
}

TEST_CASE("store: a gap as wide as may be, and what follows it, wait for their limit") {
    const TempDirectory dir;
    SimulatedDisk disk(dir.path(), 1);
    auto store = *SegmentStore::open({}, disk);
    const std::uint64_t wide = std::uint64_t{1} << 40U;
    REQUIRE(put(*store).ok());
    REQUIRE(store->append(gap_of(2, wide)).ok());
    REQUIRE(put(*store).ok());
    REQUIRE(store->flush().ok());
    std::uint64_t seen = 0;
    while (disk.waiting() != 0) {
        disk.step();
        if (store->written_seq() >= wide && seen == 0) {
            seen = store->durable_seq();
        }
    }
    CHECK(store->written_seq() == wide + 1);
    store.reset();
    disk.cut_power();
    store = *SegmentStore::open({.boot_id = {7}}, disk);
    CHECK(store->next_seq() > wide + 1);
}

TEST_CASE("store: a limit that is damaged at rest lets no number be given out twice") {
    const TempDirectory dir;
    {
        TestJournal store(dir.path());
        put_many(store, 5);
        REQUIRE(store.append(gap_of(6, 300'000)).ok());
        put_many(store, 5);
        REQUIRE(store.sync().ok());
    }
    const std::uint64_t limit = offset_of(dir.path(), 6) - journal::kLimitBytes;
    const UniqueFd fd(::open(segment(dir.path()).c_str(), O_WRONLY));
    REQUIRE(::pwrite(fd.get(), "limit", 5, static_cast<off_t>(limit) + 72) == 5);
    // Events behind the last one that is there may have been seen.
    TestJournal store(dir.path(), {.boot_id = {7}});
    CHECK(store.next_seq() > 300'006 + journal::kLimitStep / 2);
    CHECK(verify(dir.path()).problems == 0);
}

TEST_CASE("store: a journal that was closed knows its next number although its end is damaged") {
    const TempDirectory dir;
    write_journal(dir.path(), 6);
    const UniqueFd fd(::open(segment(dir.path()).c_str(), O_WRONLY));
    REQUIRE(::pwrite(fd.get(), "xxxx", 4, static_cast<off_t>(offset_of(dir.path(), 6) + 100)) == 4);
    TestJournal store(dir.path());
    CHECK(store.next_seq() == 7);
    const auto report = verify(dir.path());
    CHECK(report.problems == 0);
    CHECK(report.lost == 1);
}

TEST_CASE("store: a segment that holds only gaps of no numbers is not written over") {
    const TempDirectory dir;
    write_journal(dir.path(), 30, kSmallSegments);
    for (unsigned char boot = 1; boot < 3; ++boot) {
        TestJournal store(dir.path(), {.segment_bytes = 4096, .boot_id = {boot}});
        const std::uint64_t seq = store.next_seq();
        REQUIRE(store.append(gap_of(seq, seq - 1, GapReason::stopped)).ok());
        REQUIRE(store.close().ok());
    }
    TestJournal store(dir.path(), kSmallSegments);
    put_many(store, 30);
    const journal::VerifyReport report = verify(dir.path());
    CHECK(report.problems == 0);
    CHECK(report.gaps == 2);
    CHECK(report.events == 60);
}

TEST_CASE("store: a segment without even a header is taken away") {
    const TempDirectory dir;
    write_journal(dir.path(), 2);
    const UniqueFd empty(::open(segment(dir.path(), 3).c_str(), O_CREAT | O_WRONLY, 0600));
    CHECK(TestJournal(dir.path()).next_seq() == 3);
    CHECK_FALSE(std::filesystem::exists(segment(dir.path(), 3)));
}

TEST_CASE("store: damage in the middle costs what is damaged and not what is behind it") {
    const TempDirectory dir;
    write_journal(dir.path(), 6);
    const UniqueFd fd(::open(segment(dir.path()).c_str(), O_WRONLY));
    REQUIRE(::pwrite(fd.get(), "xxxx", 4, static_cast<off_t>(offset_of(dir.path(), 3) + 100)) == 4);
    TestJournal store(dir.path());
    CHECK(store.next_seq() == 7);
    put_many(store, 1);
    const auto report = verify(dir.path());
    CHECK(report.problems == 0);
    CHECK(report.gaps == 1);
    CHECK(report.events == 6);
    // A reader is told although the daemon goes on writing.
    auto reader = Reader::open(dir.path());
    std::vector<std::uint64_t> seen;
    for (auto item = reader->next(); *item != Reader::Item::end; item = reader->next()) {
        seen.push_back(*item == Reader::Item::event ? reader->event().seq : 0);
    }
    CHECK(seen == std::vector<std::uint64_t>{1, 2, 0, 4, 5, 6, 7});
}

TEST_CASE("store: a second daemon on the same journal is told who has it") {
    const TempDirectory dir;
    {
        const TestJournal first(dir.path());
        const auto second = journal::OwnedDirectory::open(dir.path());
        REQUIRE_FALSE(second.ok());
        CHECK(second.status().code() == EBUSY);
        CHECK(second.status().message().find("pid " + std::to_string(::getpid())) !=
              std::string::npos);
    }
    CHECK(journal::OwnedDirectory::open(dir.path()).ok());
}

TEST_CASE("store: the directory is made private, and another user's is refused") {
    const TempDirectory dir;
    using journal::OwnedDirectory;
    REQUIRE(OwnedDirectory::open(dir / "new").ok());
    struct stat st {};
    REQUIRE(::stat((dir / "new").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777U) == 0700);
    REQUIRE(::mkdir((dir / "open").c_str(), 0700) == 0);
    REQUIRE(::chmod((dir / "open").c_str(), 0777) == 0);
    REQUIRE(OwnedDirectory::open(dir / "open").ok());
    REQUIRE(::stat((dir / "open").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777U) == 0700);
    if (::geteuid() == 0) {
        REQUIRE(::mkdir((dir / "theirs").c_str(), 0700) == 0);
        REQUIRE(::chown((dir / "theirs").c_str(), 1234, 0) == 0);
        const auto theirs = OwnedDirectory::open(dir / "theirs");
        REQUIRE_FALSE(theirs.ok());
        CHECK(theirs.status().code() == EPERM);
        CHECK(theirs.status().message().find("1234") != std::string::npos);
    } else {
        WARN("not root: another user's directory was not tried");
    }
}

TEST_CASE("store: a file where the directory should be, or a damaged header, is an error") {
    const TempDirectory dir;
    using journal::OwnedDirectory;
    const UniqueFd file(::open((dir / "file").c_str(), O_CREAT | O_RDWR, 0600));
    CHECK(OwnedDirectory::open(dir / "file").status().code() == ENOTDIR);
    CHECK(OwnedDirectory::open(dir / "file/below").status().code() == ENOTDIR);
    CHECK(OwnedDirectory::open("").status().code() == EINVAL);
    write_journal(dir / "j", 2);
    const UniqueFd fd(::open(segment(dir / "j").c_str(), O_WRONLY));
    REQUIRE(::pwrite(fd.get(), "x", 1, 60) == 1);
    SimulatedDisk disk(dir / "j", 1);
    CHECK(SegmentStore::open({}, disk).status().code() == EBADMSG);
}
