// SPDX-License-Identifier: Apache-2.0
// Data: reads and writes of every kind give what the backing file has, and are reported.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "mounted.hpp"

using namespace vexfs;
using namespace vexfs::test;

namespace {

std::string random_text(std::size_t bytes, unsigned seed) {
    std::mt19937_64 random(seed);
    std::string text(bytes, '\0');
    for (char& c : text) {
        c = static_cast<char>(random());
    }
    return text;
}

}  // namespace

TEST_CASE("a big file written in odd pieces is the same on both sides") {
    NEEDS_FUSE("big file");
    Mounted m;
    const std::string text = random_text((24 << 20) + 12345, 7);
    {
        const UniqueFd fd = open_file(m.at("big"), O_WRONLY | O_CREAT);
        std::size_t at = 0;
        for (std::size_t piece = 1; at < text.size(); piece = piece * 7 % 3000017 + 1) {
            const std::size_t n = std::min(piece, text.size() - at);
            REQUIRE(::write(fd.get(), text.data() + at, n) == static_cast<ssize_t>(n));
            at += n;
        }
    }
    CHECK(read_file(m.behind("big")) == text);
    CHECK(read_file(m.at("big")) == text);
    std::uint64_t written = 0;
    for (const Seen& seen : m.sink.of(VX_OP_FILE_WRITE)) {
        CHECK(seen.event.offset == written);
        written += seen.event.length;
        CHECK(seen.event.size == written);
    }
    CHECK(written == text.size());
}

TEST_CASE("a write and the close after it are one event each") {
    NEEDS_FUSE("write and close");
    Mounted m;
    write_file(m.at("a"), "12345");
    const auto writes = m.sink.of(VX_OP_FILE_WRITE);
    REQUIRE(writes.size() == 1);
    CHECK(writes[0].event.offset == 0);
    CHECK(writes[0].event.length == 5);
    CHECK(writes[0].event.size == 5);
    CHECK(writes[0].name == "a");
    const auto closes = m.sink.wait_for(VX_OP_FILE_CLOSE, 1);
    REQUIRE(closes.size() == 1);
    CHECK((closes[0].event.flags & VX_F_WROTE) != 0);
    CHECK(closes[0].event.caller.pid == static_cast<std::uint32_t>(::getpid()));
    m.sink.clear();
    CHECK(read_file(m.at("a")) == "12345");
    const auto reads = m.sink.wait_for(VX_OP_FILE_CLOSE, 1);
    REQUIRE(reads.size() == 1);
    CHECK((reads[0].event.flags & VX_F_WROTE) == 0);
    CHECK(m.sink.of(VX_OP_FILE_OPEN).size() == 1);
    CHECK(m.sink.of(VX_OP_FILE_READ).size() == 1);
    CHECK(m.sink.of(VX_OP_FILE_READ)[0].event.length == 5);
}

TEST_CASE("a file that is open twice is closed twice, a duplicated descriptor once") {
    NEEDS_FUSE("close count");
    Mounted m;
    {
        const UniqueFd one = open_file(m.at("a"), O_RDWR | O_CREAT);
        const UniqueFd two = open_file(m.at("a"), O_RDONLY);
        const UniqueFd copy(::dup(one.get()));
    }
    CHECK(m.sink.wait_for(VX_OP_FILE_CLOSE, 2).size() == 2);
    m.mount->stop();
    CHECK(m.sink.of(VX_OP_FILE_CLOSE).size() == 2);
}

TEST_CASE("appends go to the end, whatever the kernel believes the end is") {
    NEEDS_FUSE("append");
    Mounted m;
    const UniqueFd fd = open_file(m.at("log"), O_WRONLY | O_CREAT | O_APPEND);
    REQUIRE(::write(fd.get(), "one", 3) == 3);
    {
        const UniqueFd behind = open_file(m.behind("log"), O_WRONLY | O_APPEND);
        REQUIRE(::write(behind.get(), "TWO", 3) == 3);
    }
    REQUIRE(::write(fd.get(), "three", 5) == 5);
    CHECK(read_file(m.behind("log")) == "oneTWOthree");
    REQUIRE(::fcntl(fd.get(), F_SETFL, 0) == 0);  // no longer appending
    REQUIRE(::pwrite(fd.get(), "X", 1, 0) == 1);
    CHECK(read_file(m.behind("log")) == "XneTWOthree");
}

TEST_CASE("concurrent appends lose nothing") {
    NEEDS_FUSE("concurrent appends");
    Mounted m;
    write_file(m.at("log"), "");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&m] {
            const UniqueFd fd(::open(m.at("log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
            for (int i = 0; i < 200; ++i) {
                (void)!::write(fd.get(), "0123456789", 10);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(stat_of(m.behind("log")).st_size == 8000);
}

TEST_CASE("opening with O_TRUNC empties the file and says so") {
    NEEDS_FUSE("O_TRUNC");
    Mounted m;
    write_file(m.behind("a"), "something");
    const UniqueFd fd = open_file(m.at("a"), O_WRONLY | O_TRUNC);
    CHECK(stat_of(m.behind("a")).st_size == 0);
    CHECK(stat_of(m.at("a")).st_size == 0);
    const auto cut = m.sink.of(VX_OP_FILE_TRUNCATE);
    REQUIRE(cut.size() == 1);
    CHECK((cut[0].event.flags & VX_F_OPEN_TRUNC) != 0);
    CHECK(m.sink.of(VX_OP_FILE_OPEN).size() == 1);
}

TEST_CASE("truncating by name and by descriptor is one FileTruncate each") {
    NEEDS_FUSE("truncate");
    Mounted m;
    write_file(m.at("a"), "0123456789");
    REQUIRE(::truncate(m.at("a").c_str(), 4) == 0);
    CHECK(read_file(m.at("a")) == "0123");
    const UniqueFd fd = open_file(m.at("a"), O_RDWR);
    REQUIRE(::ftruncate(fd.get(), 6) == 0);
    CHECK(read_file(m.behind("a")) == std::string("0123\0\0", 6));
    const auto cut = m.sink.of(VX_OP_FILE_TRUNCATE);
    REQUIRE(cut.size() == 2);
    CHECK(cut[0].event.size == 4);
    CHECK(cut[1].event.size == 6);
}

TEST_CASE("stores through a shared mapping reach the backing file") {
    NEEDS_FUSE("mmap");
    Mounted m;
    write_file(m.at("a"), std::string(8192, 'a'));
    const UniqueFd fd = open_file(m.at("a"), O_RDWR | O_APPEND);  // an appending handle as well
    void* map = ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    REQUIRE(map != MAP_FAILED);
    static_cast<char*>(map)[4096] = 'B';
    REQUIRE(::msync(map, 8192, MS_SYNC) == 0);
    ::munmap(map, 8192);
    std::string expected(8192, 'a');
    expected[4096] = 'B';
    CHECK(read_file(m.behind("a")) == expected);
}

TEST_CASE("copy_file_range, fallocate and seeking for holes work") {
    NEEDS_FUSE("ranges");
    Mounted m;
    const UniqueFd a = open_file(m.at("a"), O_RDWR | O_CREAT);
    REQUIRE(::ftruncate(a.get(), 1 << 20) == 0);
    REQUIRE(::pwrite(a.get(), "data", 4, 512 * 1024) == 4);
    CHECK(::lseek(a.get(), 0, SEEK_DATA) == 512 * 1024);
    CHECK(::lseek(a.get(), 512 * 1024, SEEK_HOLE) == 512 * 1024 + 4096);
    const UniqueFd b = open_file(m.at("b"), O_RDWR | O_CREAT);
    m.sink.clear();
    off_t from = 512 * 1024;
    off_t to = 10;
    REQUIRE(::copy_file_range(a.get(), &from, b.get(), &to, 4, 0) == 4);
    CHECK(read_file(m.behind("b")) == std::string(10, '\0') + "data");
    REQUIRE(m.sink.of(VX_OP_FILE_WRITE).size() == 1);
    CHECK(m.sink.of(VX_OP_FILE_WRITE)[0].event.offset == 10);
    CHECK(m.sink.of(VX_OP_FILE_WRITE)[0].event.length == 4);
    REQUIRE(::fallocate(b.get(), 0, 0, 65536) == 0);
    CHECK(stat_of(m.behind("b")).st_size == 65536);
}

TEST_CASE("fsync and fdatasync are Sync events with the file") {
    NEEDS_FUSE("sync");
    Mounted m;
    const UniqueFd fd = open_file(m.at("a"), O_RDWR | O_CREAT);
    REQUIRE(::fsync(fd.get()) == 0);
    REQUIRE(::fdatasync(fd.get()) == 0);
    const UniqueFd dir = open_file(m.tree.point(), O_RDONLY | O_DIRECTORY);
    REQUIRE(::fsync(dir.get()) == 0);
    const auto syncs = m.sink.of(VX_OP_SYNC);
    REQUIRE(syncs.size() == 3);
    CHECK(syncs[0].name == "a");
    CHECK((syncs[0].event.flags & VX_F_DATASYNC) == 0);
    CHECK((syncs[1].event.flags & VX_F_DATASYNC) != 0);
    CHECK((syncs[2].event.flags & VX_F_DIRECTORY) != 0);
}

TEST_CASE("locks exclude as on a local file system") {
    NEEDS_FUSE("locks");
    Mounted m;
    const UniqueFd fd = open_file(m.at("db"), O_RDWR | O_CREAT);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 100;
    lock.l_len = 10;
    REQUIRE(::fcntl(fd.get(), F_SETLK, &lock) == 0);
    const std::string path = m.at("db");
    CHECK(in_child([&] {
        const int other = ::open(path.c_str(), O_RDWR);
        struct flock wanted = lock;
        const bool blocked = ::fcntl(other, F_SETLK, &wanted) == -1 && errno == EAGAIN;
        wanted.l_start = 200;
        const bool beside = ::fcntl(other, F_SETLK, &wanted) == 0;
        wanted = lock;
        const bool told = ::fcntl(other, F_GETLK, &wanted) == 0 && wanted.l_pid == ::getppid();
        return blocked && beside && told;
    }));
    REQUIRE(::flock(fd.get(), LOCK_EX) == 0);
    CHECK(in_child([&] {
        const int other = ::open(path.c_str(), O_RDWR);
        return ::flock(other, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK;
    }));
    lock.l_type = F_UNLCK;
    REQUIRE(::fcntl(fd.get(), F_SETLK, &lock) == 0);
    CHECK(in_child([&] {
        const int other = ::open(path.c_str(), O_RDWR);
        struct flock wanted = lock;
        wanted.l_type = F_WRLCK;
        return ::fcntl(other, F_SETLK, &wanted) == 0;
    }));
}

TEST_CASE("opening to execute is told from opening to read") {
    NEEDS_FUSE("exec");
    Mounted m;
    write_file(m.at("run"), read_file("/bin/true"));
    REQUIRE(::chmod(m.at("run").c_str(), 0755) == 0);
    m.sink.wait_for(VX_OP_FILE_CLOSE, 1);
    m.sink.clear();
    const std::string path = m.at("run");
    CHECK(in_child([&] {
        ::execl(path.c_str(), "run", nullptr);
        return false;
    }));
    const auto opens = m.sink.of(VX_OP_FILE_OPEN);
    REQUIRE(opens.size() == 1);
    CHECK((opens[0].event.flags & VX_F_EXEC) != 0);
}

TEST_CASE("reads and writes by the kernel alone leave the same data") {
    NEEDS_FUSE("kernel I/O");
    Mounted m([](fuse::MountOptions& o) { o.kernel_io = true; });
    const std::string text = random_text(3 << 20, 3);
    {
        const UniqueFd one = open_file(m.at("a"), O_RDWR | O_CREAT);
        const UniqueFd two = open_file(m.at("a"), O_RDONLY);
        REQUIRE(::write(one.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        std::string head(1000, '\0');
        REQUIRE(::pread(two.get(), head.data(), head.size(), 0) == 1000);
        CHECK(head == text.substr(0, 1000));
    }
    CHECK(read_file(m.behind("a")) == text);
    write_file(m.behind("a"), "changed behind");
    CHECK(read_file(m.at("a")) == "changed behind");
    CHECK(m.sink.wait_for(VX_OP_FILE_CLOSE, 3).size() == 3);
}
