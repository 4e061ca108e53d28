// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <utility>

#include "journal/file_store.hpp"
#include "journal/verify.hpp"
#include "support/catch.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"
#include "translate/translate.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;  // NOLINT: a test
using journal::FileStore;
using test::Record;
using test::TempDirectory;

namespace {

// A disk that has room for so many more bytes.
class SmallDisk final : public journal::SegmentWriter {
  public:
    Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override {
        ++writes;
        const std::size_t fits = std::min<std::size_t>(room, bytes.size());
        (void)real_.write(fd, bytes.first(fits), offset);  // what fits is written all the same
        if (fits < bytes.size()) {
            return Status::error(ENOSPC, "write journal: No space left on device");
        }
        room -= fits;
        return {};
    }
    Status sync(int fd) override { return real_.sync(fd); }

    std::size_t room = ~std::size_t{0};
    int writes = 0;

  private:
    journal::PwriteWriter real_;
};

// A disk that fails to sync now and then, as Linux tells of it: once, and what had been written by
// then is not on the disk, although the next sync succeeds.
class ForgetfulDisk final : public journal::SegmentWriter {
  public:
    Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override {
        for (std::uint64_t at = offset; at < offset + bytes.size(); at += 8) {
            unsynced_.insert({inode(fd), at});
            gone.erase({inode(fd), at});
        }
        return real_.write(fd, bytes, offset);
    }
    Status sync(int fd) override {
        const ino_t file = inode(fd);
        for (auto it = unsynced_.begin(); it != unsynced_.end();) {
            if (it->first != file) {
                ++it;
                continue;
            }
            if (failures > 0) {
                gone.insert(*it);
            }
            it = unsynced_.erase(it);
        }
        if (failures > 0) {
            --failures;
            return Status::error(EIO, "sync journal: Input/output error");
        }
        return {};
    }

    int failures = 0;                                  // that many syncs fail
    std::set<std::pair<ino_t, std::uint64_t>> gone;  // 8 bytes each

  private:
    static ino_t inode(int fd) {
        struct stat st {};
        REQUIRE(::fstat(fd, &st) == 0);
        return st.st_ino;
    }
    std::set<std::pair<ino_t, std::uint64_t>> unsynced_;
    journal::PwriteWriter real_;
};

std::unique_ptr<FileStore> open_store(const std::string& path, std::uint64_t segment = 1 << 20,
                                      journal::SegmentWriter* writer = nullptr) {
    journal::FileStoreConfig config;
    config.directory = path;
    config.segment_bytes = segment;
    auto store = FileStore::open(config, writer);
    INFO((store ? std::string() : store.status().message()));
    REQUIRE(store.ok());
    return std::move(*store);
}

Status put(FileStore& store) {
    Record record(VX_OP_FILE_WRITE);
    record->ino = store.next_seq();
    EventView event = record.view(store.next_seq(), "/w/file");
    event.hash = translate::context_hash(record.record());
    event.ops = translate::operations(record.event());
    return store.append(event);
}

void put_many(FileStore& store, unsigned n) {
    for (unsigned i = 0; i < n; ++i) {
        REQUIRE(put(store).ok());
    }
    REQUIRE(store.flush().ok());
}

journal::VerifyReport verify(const std::string& path) {
    auto report = journal::verify(path, [](const journal::Problem& p) {
        UNSCOPED_INFO(p.segment << " at " << p.offset << ": " << p.what);
    });
    REQUIRE(report.ok());
    return *report;
}

std::string only_segment(const std::string& path, std::uint64_t first_seq = 1) {
    return path + "/" + journal::segment_name(first_seq);
}

}  // namespace

TEST_CASE("store: what was appended is there when it is opened again, and the numbers go on") {
    const TempDirectory dir;
    JournalId id;
    {
        auto store = open_store(dir / "deep/journal");
        id = store->id();
        CHECK(store->next_seq() == 1);
        put_many(*store, 3);
        REQUIRE(store->append(Gap{4, 9, 0, 0, GapReason::ring_full, "class D"}).ok());
        CHECK(store->next_seq() == 10);
        CHECK(store->written_seq() == 3);
        REQUIRE(store->flush().ok());
        CHECK(store->written_seq() == 9);
        CHECK(store->durable_seq() == 0);
        REQUIRE(store->sync().ok());
        CHECK(store->durable_seq() == 9);
        CHECK(store->stats().lost == 6);
    }
    auto store = open_store(dir / "deep/journal");
    CHECK(store->id() == id);
    CHECK(store->next_seq() == 10);
    CHECK(store->durable_seq() == 9);
    put_many(*store, 1);
    const auto report = verify(dir / "deep/journal");
    CHECK(report.problems == 0);
    CHECK(report.events == 4);
    CHECK(report.lost == 6);
    CHECK(report.last_seq == 10);
}

TEST_CASE("store: a jump in the numbers must be a gap") {
    const TempDirectory dir;
    auto store = open_store(dir.path());
    const Record record(VX_OP_FILE_CREATE);
    CHECK(store->append(record.view(2)).code() == EINVAL);
    CHECK(store->append(record.view(0)).code() == EINVAL);
    CHECK(store->append(Gap{2, 3, 0, 0, GapReason::ring_full, {}}).code() == EINVAL);
    CHECK(store->append(Gap{1, 4, 0, 0, GapReason::ring_full, {}}).ok());
    CHECK(store->append(Gap{5, 3, 0, 0, GapReason::ring_full, {}}).code() == EINVAL);
    // Nothing is known to be lost: no number is taken.
    CHECK(store->append(Gap{5, 4, 0, 0, GapReason::stopped, {}}).ok());
    CHECK(store->next_seq() == 5);
    CHECK(store->append(record.view(5)).ok());
}

TEST_CASE("store: nothing is visible before the flush, all of it after, with one write") {
    const TempDirectory dir;
    SmallDisk disk;
    auto store = open_store(dir.path(), 1 << 20, &disk);
    const int before = disk.writes;
    for (int i = 0; i < 100; ++i) {
        REQUIRE(put(*store).ok());
    }
    CHECK(verify(dir.path()).events == 0);
    REQUIRE(store->flush().ok());
    CHECK(disk.writes == before + 1);
    CHECK(verify(dir.path()).events == 100);
    REQUIRE(store->flush().ok());
    CHECK(disk.writes == before + 1);
}

TEST_CASE("store: a batch that is full says so, takes no number, and goes on after a flush") {
    const TempDirectory dir;
    auto store = open_store(dir.path());
    Status status;
    std::uint64_t appended = 0;
    while ((status = put(*store)).ok()) {
        ++appended;
    }
    CHECK(status.code() == ENOBUFS);
    CHECK(store->next_seq() == appended + 1);
    REQUIRE(store->flush().ok());
    put_many(*store, 1);
    CHECK(verify(dir.path()).events == appended + 1);
}

TEST_CASE("store: a full disk leaves nothing half-written, and loses nothing when there is room") {
    const TempDirectory dir;
    SmallDisk disk;
    auto store = open_store(dir.path(), 1 << 20, &disk);
    put_many(*store, 10);
    const auto size = std::filesystem::file_size(only_segment(dir.path()));
    for (int i = 0; i < 10; ++i) {
        REQUIRE(put(*store).ok());
    }
    for (const std::size_t room : {0, 8, 100, 400, 2000}) {
        disk.room = room;
        CHECK(store->flush().code() == ENOSPC);
        CHECK(std::filesystem::file_size(only_segment(dir.path())) == size);
        CHECK(store->written_seq() == 10);
        const auto report = verify(dir.path());
        CHECK(report.problems + report.tail_bytes == 0);
    }
    REQUIRE(put(*store).ok());  // there is still room in the batch
    disk.room = ~std::size_t{0};
    REQUIRE(store->flush().ok());
    const auto report = verify(dir.path());
    CHECK(report.events == 21);
    CHECK(report.problems == 0);
    CHECK(store->stats().write_errors == 5);
}

TEST_CASE("store: a write that the kernel itself cuts short is taken back too") {
    // A limit on the file's size (the answer is EFBIG) cuts a write in the middle as a full disk
    // does.
    const TempDirectory dir;
    auto store = open_store(dir.path());
    put_many(*store, 5);
    const auto size = std::filesystem::file_size(only_segment(dir.path()));
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{size + 1000, size + 1000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        bool fine = true;
        for (int i = 0; i < 20; ++i) {
            fine = fine && put(*store).ok();
        }
        fine = fine && store->flush().code() == EFBIG;
        ::_exit(fine && std::filesystem::file_size(only_segment(dir.path())) == size ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(verify(dir.path()).events == 5);
}

TEST_CASE("store: segments are named for their first number and hold a dense stream together") {
    const TempDirectory dir;
    auto store = open_store(dir.path(), 4096);
    for (int batch = 0; batch < 40; ++batch) {
        put_many(*store, 5);
    }
    const auto report = verify(dir.path());
    CHECK(report.segments > 10);
    CHECK(report.segments == store->stats().segments);
    CHECK(report.problems == 0);
    CHECK(report.last_seq == 200);
    REQUIRE(store->sync().ok());
    CHECK(store->durable_seq() == 200);
    store.reset();
    CHECK(open_store(dir.path())->next_seq() == 201);
}

TEST_CASE("store: a segment that holds only gaps of no numbers is not written over") {
    const TempDirectory dir;
    put_many(*open_store(dir.path(), 4096), 30);
    const auto stop = [](FileStore& store) {
        const std::uint64_t seq = store.next_seq();
        REQUIRE(store.append(Gap{seq, seq - 1, 0, 0, GapReason::stopped, {}}).ok());
        REQUIRE(store.flush().ok());
    };
    // As after a boot: the last segment is of another one.
    const auto boot = [&] {
        std::string path;
        for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
            if (file.path().extension() == ".vxj" && file.path().string() > path) {
                path = file.path().string();
            }
        }
        const UniqueFd fd(::open(path.c_str(), O_RDWR));
        journal::SegmentHeader header{};
        REQUIRE(::pread(fd.get(), &header, sizeof(header), 0) == sizeof(header));
        header = journal::make_segment_header({header.journal}, {}, header.first_seq, 1);
        REQUIRE(::pwrite(fd.get(), &header, sizeof(header), 0) == sizeof(header));
    };
    for (int boots = 0; boots < 2; ++boots) {
        boot();
        stop(*open_store(dir.path(), 4096));
    }
    auto store = open_store(dir.path(), 4096);
    put_many(*store, 30);
    const journal::VerifyReport report = verify(dir.path());
    CHECK(report.problems == 0);
    CHECK(report.gaps == 2);
    CHECK(report.events == 60);
}

TEST_CASE("store: no room for a new segment is back-pressure too") {
    const TempDirectory dir;
    SmallDisk disk;
    auto store = open_store(dir.path(), 4096, &disk);
    put_many(*store, 15);
    for (int i = 0; i < 10; ++i) {
        REQUIRE(put(*store).ok());
    }
    disk.room = 100;  // less than a header
    CHECK(store->flush().code() == ENOSPC);
    CHECK(verify(dir.path()).segments == 1);
    disk.room = ~std::size_t{0};
    REQUIRE(store->flush().ok());
    CHECK(verify(dir.path()).segments == 2);
    CHECK(verify(dir.path()).last_seq == 25);
}

TEST_CASE("store: what a failed sync left behind is durable only when it is written again") {
    const TempDirectory dir;
    ForgetfulDisk disk;
    auto store = open_store(dir.path(), 1 << 20, &disk);
    put_many(*store, 5);
    REQUIRE(store->sync().ok());
    put_many(*store, 5);
    disk.failures = 2;
    CHECK(store->sync().code() == EIO);
    CHECK(store->sync().code() == EIO);
    CHECK(store->sync_status().code() == EIO);
    CHECK(store->stats().sync_errors == 2);
    CHECK(store->durable_seq() == 5);
    put_many(*store, 3);
    CHECK_FALSE(disk.gone.empty());
    REQUIRE(store->sync().ok());
    CHECK(disk.gone.empty());
    CHECK(store->durable_seq() == 13);
    CHECK(store->sync_status().ok());
    const auto report = verify(dir.path());
    CHECK(report.problems + report.tail_bytes == 0);
    CHECK(report.events == 13);
}

TEST_CASE("store: no number is durable while a full segment before it is not") {
    const TempDirectory dir;
    ForgetfulDisk disk;
    auto store = open_store(dir.path(), 4096, &disk);
    for (int batch = 0; batch < 10; ++batch) {
        put_many(*store, 5);
    }
    REQUIRE(store->stats().segments > 2);
    disk.failures = 1;
    CHECK_FALSE(store->sync().ok());
    CHECK(store->durable_seq() == 0);
    CHECK_FALSE(disk.gone.empty());
    REQUIRE(store->sync().ok());
    CHECK(disk.gone.empty());
    CHECK(store->durable_seq() == 50);
}

TEST_CASE("store: what is gone for good after a failed sync is never called durable") {
    const TempDirectory dir;
    ForgetfulDisk disk;
    auto store = open_store(dir.path(), 1 << 20, &disk);
    put_many(*store, 5);
    disk.failures = 1;
    CHECK_FALSE(store->sync().ok());
    const UniqueFd fd(::open(only_segment(dir.path()).c_str(), O_WRONLY));
    REQUIRE(::pwrite(fd.get(), "xxxx", 4, sizeof(journal::SegmentHeader) + 100) == 4);
    for (int i = 0; i < 3; ++i) {
        const Status status = store->sync();
        INFO(status.message());
        CHECK(status.code() == EIO);
        CHECK(status.message().find("can not be read") != std::string::npos);
        CHECK(store->durable_seq() == 0);
    }
    CHECK(store->written_seq() == 5);
}

TEST_CASE("store: wherever the last write was torn, opening cuts to the last whole entry") {
    const TempDirectory dir;
    { put_many(*open_store(dir.path()), 4); }
    const std::string path = only_segment(dir.path());
    const auto whole = std::filesystem::file_size(path);
    const auto entry = (whole - sizeof(journal::SegmentHeader)) / 4;
    const auto level = spdlog::get_level();
    spdlog::set_level(spdlog::level::err);  // a warning for each
    for (std::uintmax_t size = whole - 1; size >= whole - entry; size -= 7) {
        const TempDirectory copy;
        std::filesystem::copy(path, only_segment(copy.path()));
        std::filesystem::resize_file(only_segment(copy.path()), size);
        auto store = open_store(copy.path());
        REQUIRE(store->next_seq() == 4);
        put_many(*store, 1);
        const auto report = verify(copy.path());
        REQUIRE(report.problems + report.tail_bytes == 0);
        REQUIRE(report.last_seq == 4);
    }
    spdlog::set_level(level);
}

TEST_CASE("store: a segment without even a header is taken away") {
    const TempDirectory dir;
    { put_many(*open_store(dir.path()), 2); }
    const UniqueFd empty(::open(only_segment(dir.path(), 3).c_str(), O_CREAT | O_WRONLY, 0600));
    auto store = open_store(dir.path());
    CHECK(store->next_seq() == 3);
    CHECK_FALSE(std::filesystem::exists(only_segment(dir.path(), 3)));
}

TEST_CASE("store: damage in the middle costs what is damaged and not what is behind it") {
    const TempDirectory dir;
    { put_many(*open_store(dir.path()), 6); }
    const auto whole = std::filesystem::file_size(only_segment(dir.path()));
    const auto entry = (whole - sizeof(journal::SegmentHeader)) / 6;
    const UniqueFd fd(::open(only_segment(dir.path()).c_str(), O_WRONLY));
    const auto third = static_cast<off_t>(sizeof(journal::SegmentHeader) + 2 * entry + 100);
    REQUIRE(::pwrite(fd.get(), "xxxx", 4, third) == 4);
    auto store = open_store(dir.path());
    CHECK(store->next_seq() == 7);
    auto report = journal::verify(dir.path(), [](const journal::Problem&) {});
    CHECK(report->problems == 2);  // bytes that are no entry, and a number that is missing
    CHECK(report->events == 5);
}

TEST_CASE("store: a second daemon on the same journal is told who has it") {
    const TempDirectory dir;
    auto first = open_store(dir.path());
    const auto second = FileStore::open({.directory = dir.path()});
    REQUIRE_FALSE(second.ok());
    CHECK(second.status().code() == EBUSY);
    CHECK(second.status().message().find("pid " + std::to_string(::getpid())) != std::string::npos);
    first.reset();
    CHECK(FileStore::open({.directory = dir.path()}).ok());
}

TEST_CASE("store: the directory is made private, and another user's is refused") {
    const TempDirectory dir;
    open_store(dir / "new");
    struct stat st {};
    REQUIRE(::stat((dir / "new").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777U) == 0700);
    REQUIRE(::mkdir((dir / "open").c_str(), 0700) == 0);
    REQUIRE(::chmod((dir / "open").c_str(), 0777) == 0);
    open_store(dir / "open");
    REQUIRE(::stat((dir / "open").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777U) == 0700);
    if (::geteuid() == 0) {
        REQUIRE(::mkdir((dir / "theirs").c_str(), 0700) == 0);
        REQUIRE(::chown((dir / "theirs").c_str(), 1234, 0) == 0);
        const auto theirs = FileStore::open({.directory = dir / "theirs"});
        REQUIRE_FALSE(theirs.ok());
        CHECK(theirs.status().code() == EPERM);
        CHECK(theirs.status().message().find("1234") != std::string::npos);
    } else {
        WARN("not root: another user's directory was not tried");
    }
}

TEST_CASE("store: a file where the directory should be, or a damaged header, is an error") {
    const TempDirectory dir;
    const UniqueFd file(::open((dir / "file").c_str(), O_CREAT | O_RDWR, 0600));
    CHECK(FileStore::open({.directory = dir / "file"}).status().code() == ENOTDIR);
    CHECK(FileStore::open({.directory = dir / "file/below"}).status().code() == ENOTDIR);
    CHECK(FileStore::open({.directory = ""}).status().code() == EINVAL);
    { put_many(*open_store(dir / "j"), 2); }
    const UniqueFd fd(::open(only_segment(dir / "j").c_str(), O_WRONLY));
    REQUIRE(::pwrite(fd.get(), "x", 1, 60) == 1);
    CHECK(FileStore::open({.directory = dir / "j"}).status().code() == EBADMSG);
}

TEST_CASE("store: what is in the open batch is written when the store goes away") {
    const TempDirectory dir;
    {
        auto store = open_store(dir.path());
        REQUIRE(put(*store).ok());
    }
    CHECK(verify(dir.path()).events == 1);
}
