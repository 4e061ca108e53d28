// SPDX-License-Identifier: Apache-2.0
// Names: what makes, removes and moves them works, and is reported once and rightly.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "mounted.hpp"

using namespace vexfs;
using namespace vexfs::test;

TEST_CASE("a created file is on the backing directory and is one FileCreate") {
    NEEDS_FUSE("create");
    Mounted m;
    write_file(m.at("a"), "text");
    CHECK(read_file(m.behind("a")) == "text");
    const auto created = m.sink.of(VX_OP_FILE_CREATE);
    REQUIRE(created.size() == 1);
    const struct stat st = stat_of(m.behind("a"));
    CHECK(created[0].event.object.ino == st.st_ino);
    CHECK(created[0].event.object.dev == st.st_dev);
    CHECK(created[0].event.parent.ino == stat_of(m.tree.source()).st_ino);
    CHECK(created[0].name == "a");
    CHECK(created[0].event.mode == st.st_mode);
    CHECK(created[0].event.nlink == 1);
    CHECK(created[0].event.error == 0);
    CHECK(created[0].event.caller.pid == static_cast<std::uint32_t>(::getpid()));
    CHECK(created[0].event.caller.tid == static_cast<std::uint32_t>(::gettid()));
    CHECK(created[0].event.mono_ns > 0);
}

TEST_CASE("an exclusive create of what exists fails and is reported as failed") {
    NEEDS_FUSE("exclusive create");
    Mounted m;
    write_file(m.behind("a"), "x");
    CHECK(::open(m.at("a").c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600) == -1);
    CHECK(errno == EEXIST);
    CHECK(m.sink.of(VX_OP_FILE_CREATE).empty());
}

TEST_CASE("a file that appears behind a remembered absence is opened, not created") {
    NEEDS_FUSE("create behind absence");
    Mounted m([](fuse::MountOptions& o) { o.fallback_timeout_s = 3600; });
    REQUIRE_FALSE(exists(m.at("a")));  // the kernel remembers that
    write_file(m.behind("a"), "old");
    ::chmod(m.behind("a").c_str(), 0600);
    const bool refused = in_child(
        [&] { return ::open(m.at("a").c_str(), O_CREAT | O_RDWR, 0644) == -1 && errno == EACCES; },
        4000, 4000);
    CHECK(refused);  // the right to the file that exists has been checked
    const UniqueFd fd = open_file(m.at("a"), O_CREAT | O_RDWR);
    CHECK(read_file(m.at("a")) == "old");
    CHECK(m.sink.of(VX_OP_FILE_CREATE).empty());
}

TEST_CASE("directories are made and removed, one event each") {
    NEEDS_FUSE("directories");
    Mounted m;
    REQUIRE(::mkdir(m.at("d").c_str(), 0750) == 0);
    const ino_t ino = stat_of(m.behind("d")).st_ino;
    REQUIRE(::rmdir(m.at("d").c_str()) == 0);
    CHECK_FALSE(exists(m.behind("d")));
    const auto made = m.sink.of(VX_OP_DIR_CREATE);
    const auto gone = m.sink.of(VX_OP_DIR_DELETE);
    REQUIRE(made.size() == 1);
    REQUIRE(gone.size() == 1);
    CHECK(made[0].event.object.ino == ino);
    CHECK((made[0].event.flags & VX_F_DIRECTORY) != 0);
    CHECK(gone[0].event.object.ino == ino);
    CHECK((gone[0].event.flags & VX_F_LAST_LINK) != 0);
    CHECK(gone[0].name == "d");
}

TEST_CASE("removing a directory that is not empty fails with its errno") {
    NEEDS_FUSE("rmdir not empty");
    Mounted m;
    ::mkdir(m.at("d").c_str(), 0755);
    write_file(m.at("d/x"), "");
    CHECK(::rmdir(m.at("d").c_str()) == -1);
    CHECK(errno == ENOTEMPTY);
    const auto failed = m.sink.of(VX_OP_DIR_DELETE);
    REQUIRE(failed.size() == 1);
    CHECK(failed[0].event.error == -ENOTEMPTY);
}

TEST_CASE("fifos, sockets and devices are made as such") {
    NEEDS_FUSE("special files");
    Mounted m;
    REQUIRE(::mkfifo(m.at("fifo").c_str(), 0644) == 0);
    REQUIRE(::mknod(m.at("dev").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0);
    const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    m.at("sock").copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(S_ISFIFO(stat_of(m.behind("fifo")).st_mode));
    CHECK(S_ISSOCK(stat_of(m.behind("sock")).st_mode));
    CHECK(stat_of(m.at("dev")).st_rdev == makedev(1, 3));
    const auto created = m.sink.of(VX_OP_FILE_CREATE);
    REQUIRE(created.size() == 3);
    for (const Seen& seen : created) {
        CHECK((seen.event.flags & VX_F_SPECIAL) != 0);
    }
}

TEST_CASE("a symlink keeps its target, also a dangling and a long one") {
    NEEDS_FUSE("symlink");
    Mounted m;
    const std::string target(4000, 't');
    REQUIRE(::symlink(target.c_str(), m.at("l").c_str()) == 0);
    char read[5000];
    CHECK(::readlink(m.at("l").c_str(), read, sizeof read) == 4000);
    const auto made = m.sink.of(VX_OP_SYMLINK_CREATE);
    REQUIRE(made.size() == 1);
    CHECK(made[0].name2 == target);
    CHECK(S_ISLNK(made[0].event.mode));
}

TEST_CASE("two names of a file are one object, and each removal says how many are left") {
    NEEDS_FUSE("hard links");
    Mounted m;
    write_file(m.at("a"), "one");
    REQUIRE(::link(m.at("a").c_str(), m.at("b").c_str()) == 0);
    CHECK(stat_of(m.at("a")).st_ino == stat_of(m.at("b")).st_ino);
    CHECK(stat_of(m.at("a")).st_nlink == 2);
    write_file(m.at("b"), "two");
    CHECK(read_file(m.at("a")) == "two");
    CHECK(m.mount->stats().nodes == 2);  // with the root
    REQUIRE(::unlink(m.at("a").c_str()) == 0);
    REQUIRE(::unlink(m.at("b").c_str()) == 0);
    const auto linked = m.sink.of(VX_OP_HARDLINK_CREATE);
    REQUIRE(linked.size() == 1);
    CHECK(linked[0].name == "b");
    CHECK(linked[0].event.nlink == 2);
    const auto gone = m.sink.of(VX_OP_FILE_DELETE);
    REQUIRE(gone.size() == 2);
    CHECK(gone[0].event.nlink == 1);
    CHECK((gone[0].event.flags & VX_F_LAST_LINK) == 0);
    CHECK(gone[1].event.nlink == 0);
    CHECK((gone[1].event.flags & VX_F_LAST_LINK) != 0);
}

TEST_CASE("an unlinked file lives on while it is open") {
    NEEDS_FUSE("unlink while open");
    Mounted m;
    const UniqueFd fd = open_file(m.at("a"), O_RDWR | O_CREAT);
    REQUIRE(::unlink(m.at("a").c_str()) == 0);
    CHECK(::pwrite(fd.get(), "still", 5, 0) == 5);
    CHECK(::fchmod(fd.get(), 0600) == 0);
    CHECK(::ftruncate(fd.get(), 3) == 0);
    struct stat st {};
    REQUIRE(::fstat(fd.get(), &st) == 0);
    CHECK(st.st_nlink == 0);
    CHECK(st.st_size == 3);
    char text[4] = {};
    CHECK(::pread(fd.get(), text, 3, 0) == 3);
    CHECK(std::string(text) == "sti");
    const auto chmods = m.sink.of(VX_OP_FILE_CHMOD);
    REQUIRE(chmods.size() == 1);
    CHECK(chmods[0].name == "a");
    CHECK((chmods[0].event.flags & VX_F_UNLINKED) != 0);
}

TEST_CASE("a rename across directories has both ends") {
    NEEDS_FUSE("rename");
    Mounted m;
    ::mkdir(m.at("d").c_str(), 0755);
    write_file(m.at("a"), "x");
    const ino_t ino = stat_of(m.behind("a")).st_ino;
    REQUIRE(::rename(m.at("a").c_str(), m.at("d/b").c_str()) == 0);
    CHECK(read_file(m.behind("d/b")) == "x");
    const auto moved = m.sink.of(VX_OP_FILE_RENAME);
    REQUIRE(moved.size() == 1);
    CHECK(moved[0].event.object.ino == ino);
    CHECK(moved[0].event.old_parent.ino == stat_of(m.tree.source()).st_ino);
    CHECK(moved[0].event.parent.ino == stat_of(m.behind("d")).st_ino);
    CHECK(moved[0].name2 == "a");
    CHECK(moved[0].name == "b");
    CHECK((moved[0].event.flags & VX_F_REPLACED) == 0);
}

TEST_CASE("a rename onto a file names what it replaced") {
    NEEDS_FUSE("rename replaces");
    Mounted m;
    write_file(m.at("a"), "new");
    write_file(m.at("b"), "old");
    const ino_t target = stat_of(m.behind("b")).st_ino;
    REQUIRE(::rename(m.at("a").c_str(), m.at("b").c_str()) == 0);
    CHECK(read_file(m.at("b")) == "new");
    const auto moved = m.sink.of(VX_OP_FILE_RENAME);
    REQUIRE(moved.size() == 1);
    CHECK((moved[0].event.flags & VX_F_REPLACED) != 0);
    CHECK((moved[0].event.flags & VX_F_LAST_LINK) != 0);
    CHECK(moved[0].event.target.ino == target);
    CHECK(moved[0].event.target_nlink == 0);
    CHECK(m.sink.of(VX_OP_FILE_DELETE).empty());
}

TEST_CASE("RENAME_NOREPLACE refuses, RENAME_EXCHANGE swaps and is two joined events") {
    NEEDS_FUSE("rename flags");
    Mounted m;
    write_file(m.at("a"), "A");
    write_file(m.at("b"), "B");
    CHECK(::renameat2(AT_FDCWD, m.at("a").c_str(), AT_FDCWD, m.at("b").c_str(), RENAME_NOREPLACE) ==
          -1);
    CHECK(errno == EEXIST);
    m.sink.clear();
    REQUIRE(::renameat2(AT_FDCWD, m.at("a").c_str(), AT_FDCWD, m.at("b").c_str(),
                        RENAME_EXCHANGE) == 0);
    CHECK(read_file(m.at("a")) == "B");
    CHECK(read_file(m.behind("b")) == "A");
    const auto moved = m.sink.of(VX_OP_FILE_RENAME);
    REQUIRE(moved.size() == 2);
    CHECK(moved[0].event.cookie != 0);
    CHECK(moved[0].event.cookie == moved[1].event.cookie);
    CHECK((moved[0].event.flags & moved[1].event.flags & VX_F_EXCHANGE) != 0);
    CHECK(moved[0].name == "b");
    CHECK(moved[1].name == "a");
}

TEST_CASE("a directory is announced before anything in it is reported") {
    NEEDS_FUSE("directory places");
    Mounted m;
    std::filesystem::create_directories(m.behind("p/q"));
    write_file(m.at("p/q/x"), "");
    const auto created = m.sink.of(VX_OP_FILE_CREATE);
    REQUIRE(created.size() == 1);
    bool announced = false;
    for (const SeenDirectory& dir : m.sink.directories()) {
        announced |= dir.object.ino == created[0].event.parent.ino && dir.name == "q" &&
                     dir.events_before == 0;
    }
    CHECK(announced);
}

TEST_CASE("racing renames in one directory are reported in their true order") {
    NEEDS_FUSE("rename order");
    Mounted m;
    constexpr int kRounds = 300;
    write_file(m.at("n0"), "x");
    // Each thread moves the one file from whatever name it has; the reports must form a chain.
    auto mover = [&](const std::string& mine, const std::string& theirs) {
        for (int i = 0; i < kRounds; ++i) {
            ::rename(m.at(theirs).c_str(), m.at(mine).c_str());
            ::rename(m.at("n0").c_str(), m.at(mine).c_str());
        }
    };
    std::thread first(mover, "n1", "n2");
    std::thread second(mover, "n2", "n1");
    first.join();
    second.join();
    std::string now = "n0";
    std::size_t chained = 0;
    for (const Seen& seen : m.sink.of(VX_OP_FILE_RENAME)) {
        if (seen.event.error == 0) {
            REQUIRE(seen.name2 == now);
            now = seen.name;
            ++chained;
        }
    }
    CHECK(chained > 0);
    CHECK(exists(m.behind(now)));
}

TEST_CASE("many threads create in one directory and each file is reported once") {
    NEEDS_FUSE("concurrent creates");
    Mounted m;
    constexpr int kThreads = 8;
    constexpr int kFiles = 100;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&m, t] {
            for (int i = 0; i < kFiles; ++i) {
                const std::string path = m.at(std::to_string(t) + "-" + std::to_string(i));
                UniqueFd(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644)).reset();
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(names_in(m.tree.source()).size() == kThreads * kFiles);
    CHECK(m.sink.of(VX_OP_FILE_CREATE).size() == kThreads * kFiles);
    CHECK(m.sink.wait_for(VX_OP_FILE_CLOSE, kThreads * kFiles).size() == kThreads * kFiles);
}

TEST_CASE("a temporary file without a name works, or is refused with the right errno") {
    NEEDS_FUSE("O_TMPFILE");
    Mounted m;
    const UniqueFd fd(::open(m.tree.point().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!fd) {
        CHECK(errno == EOPNOTSUPP);  // libfuse before 3.17 has no such request
        return;
    }
    const std::string proc = "/proc/self/fd/" + std::to_string(fd.get());
    REQUIRE(::linkat(AT_FDCWD, proc.c_str(), AT_FDCWD, m.at("t").c_str(), AT_SYMLINK_FOLLOW) == 0);
    const auto created = m.sink.of(VX_OP_FILE_CREATE);
    REQUIRE(created.size() == 1);
    CHECK((created[0].event.flags & VX_F_TMPFILE) != 0);
}
