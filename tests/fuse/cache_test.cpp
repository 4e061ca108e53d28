// SPDX-License-Identifier: Apache-2.0
// What the kernel remembers: for long while the stream is healthy, and never after it was told.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <thread>

#include "mounted.hpp"

using namespace vexfs;
using namespace vexfs::test;

namespace {

constexpr unsigned kSettle_ms = 20000;

void healthy(fuse::MountOptions& options) {
    options.healthy = true;
}

}  // namespace

TEST_CASE("a healthy mount answers from memory, and from the truth once it is told") {
    NEEDS_FUSE("content");
    Mounted m(healthy);
    write_file(m.behind("a"), "old");
    REQUIRE(read_file(m.at("a")) == "old");
    REQUIRE(stat_of(m.at("a")).st_size == 3);
    write_file(m.behind("a"), "new!");
    CHECK(stat_of(m.at("a")).st_size == 3);  // nobody has said anything
    m.mount->invalidate_inode(object_at(m.behind("a")), 0, 0);
    REQUIRE(m.mount->settle(kSettle_ms));
    CHECK(stat_of(m.at("a")).st_size == 4);
    CHECK(read_file(m.at("a")) == "new!");
}

TEST_CASE("an open file shows new content after its range was dropped") {
    NEEDS_FUSE("open file");
    Mounted m(healthy);
    write_file(m.behind("a"), std::string(16384, 'o'));
    const UniqueFd fd = open_file(m.at("a"), O_RDONLY);
    char c = 0;
    REQUIRE(::pread(fd.get(), &c, 1, 8192) == 1);
    {
        const UniqueFd behind = open_file(m.behind("a"), O_WRONLY);
        REQUIRE(::pwrite(behind.get(), "N", 1, 8192) == 1);
    }
    m.mount->invalidate_inode(object_at(m.behind("a")), 8192, 1);
    REQUIRE(m.mount->settle(kSettle_ms));
    REQUIRE(::pread(fd.get(), &c, 1, 8192) == 1);
    CHECK(c == 'N');
}

TEST_CASE("names that come, go and change behind the mount are seen after it is told") {
    NEEDS_FUSE("names");
    Mounted m(healthy);
    ::mkdir(m.behind("d").c_str(), 0755);
    write_file(m.behind("d/gone"), "");
    write_file(m.behind("d/other"), "1");
    REQUIRE(names_in(m.at("d")) == std::vector<std::string>{"gone", "other"});
    REQUIRE_FALSE(exists(m.at("d/come")));
    REQUIRE(read_file(m.at("d/other")) == "1");
    const fuse::ObjectId gone = object_at(m.behind("d/gone"));
    ::unlink(m.behind("d/gone").c_str());
    write_file(m.behind("d/come"), "");
    write_file(m.behind("fresh"), "2");
    ::rename(m.behind("fresh").c_str(), m.behind("d/other").c_str());
    const fuse::ObjectId dir = object_at(m.behind("d"));
    m.mount->deleted_entry(dir, gone, "gone");
    m.mount->invalidate_entry(dir, "come");
    m.mount->invalidate_entry(dir, "other");
    REQUIRE(m.mount->settle(kSettle_ms));
    CHECK_FALSE(exists(m.at("d/gone")));
    CHECK(exists(m.at("d/come")));
    CHECK(read_file(m.at("d/other")) == "2");
    CHECK(names_in(m.at("d")) == std::vector<std::string>{"come", "other"});
}

TEST_CASE("a deletion behind the mount reaches who watches the file") {
    NEEDS_FUSE("delete notice");
    Mounted m(healthy);
    write_file(m.behind("a"), "");
    const UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    REQUIRE(::inotify_add_watch(watch.get(), m.at("a").c_str(), IN_DELETE_SELF) >= 0);
    const fuse::ObjectId a = object_at(m.behind("a"));
    ::unlink(m.behind("a").c_str());
    m.mount->deleted_entry(m.mount->root(), a, "a");
    REQUIRE(m.mount->settle(kSettle_ms));
    inotify_event event[8];
    REQUIRE(::read(watch.get(), event, sizeof event) > 0);
    CHECK((event[0].mask & IN_DELETE_SELF) != 0);
}

TEST_CASE("a deletion reaches who watches the file although the name is used again at once") {
    NEEDS_FUSE("delete and create");
    Mounted m(healthy);
    write_file(m.behind("a"), "");
    const UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    REQUIRE(::inotify_add_watch(watch.get(), m.at("a").c_str(), IN_DELETE_SELF) >= 0);
    const fuse::ObjectId a = object_at(m.behind("a"));
    ::unlink(m.behind("a").c_str());
    write_file(m.behind("a"), "new");
    m.mount->deleted_entry(m.mount->root(), a, "a");
    m.mount->invalidate_entry(m.mount->root(), "a");
    REQUIRE(m.mount->settle(kSettle_ms));
    inotify_event event[8];
    REQUIRE(::read(watch.get(), event, sizeof event) > 0);
    CHECK((event[0].mask & IN_DELETE_SELF) != 0);
    CHECK(read_file(m.at("a")) == "new");
}

TEST_CASE("how far the caches are is told by number, and a descriptor says when it grows") {
    NEEDS_FUSE("reached");
    Mounted m(healthy);
    write_file(m.behind("a"), "");
    CHECK(m.mount->node_id(object_at(m.behind("a"))) == 0);
    REQUIRE(exists(m.at("a")));
    CHECK(m.mount->node_id(object_at(m.behind("a"))) != 0);
    const std::uint64_t before = m.mount->asked();
    m.mount->invalidate_entry(m.mount->root(), "a");
    m.mount->invalidate_inode(object_at(m.behind("a")), 0, 0);
    CHECK(m.mount->asked() == before + 2);
    while (m.mount->reached() < before + 2) {
        pollfd grown{.fd = m.mount->reached_fd(), .events = POLLIN, .revents = 0};
        REQUIRE(::poll(&grown, 1, kSettle_ms) == 1);
        eventfd_t ignored = 0;
        REQUIRE(::eventfd_read(m.mount->reached_fd(), &ignored) == 0);
    }
}

TEST_CASE("losing health drops what was told for long") {
    NEEDS_FUSE("health");
    Mounted m([](fuse::MountOptions& o) {
        o.healthy = true;
        o.fallback_timeout_s = 0;
    });
    ::mkdir(m.behind("d").c_str(), 0755);
    write_file(m.behind("d/a"), "old");
    REQUIRE(read_file(m.at("d/a")) == "old");
    REQUIRE_FALSE(exists(m.at("d/absent")));
    REQUIRE_FALSE(exists(m.at("absent")));
    write_file(m.behind("d/a"), "newer");
    write_file(m.behind("d/absent"), "");
    write_file(m.behind("absent"), "");
    m.mount->set_healthy(false);
    REQUIRE(m.mount->settle(kSettle_ms));
    CHECK(read_file(m.at("d/a")) == "newer");
    CHECK(exists(m.at("d/absent")));
    CHECK(exists(m.at("absent")));
    write_file(m.behind("d/a"), "newest");
    CHECK(read_file(m.at("d/a")) == "newest");  // and nothing is kept any more
}

TEST_CASE("more invalidations than fit make it forget everything, and count that") {
    NEEDS_FUSE("overflow");
    Mounted m([](fuse::MountOptions& o) {
        o.healthy = true;
        o.invalidations = 4;
    });
    ::mkdir(m.behind("d").c_str(), 0755);
    for (int i = 0; i < 200; ++i) {
        write_file(m.behind("d/" + std::to_string(i)), "o");
        REQUIRE(read_file(m.at("d/" + std::to_string(i))) == "o");
    }
    const fuse::ObjectId dir = object_at(m.behind("d"));
    for (int i = 0; i < 200; ++i) {
        const std::string path = m.behind("d/" + std::to_string(i));
        write_file(path, "new");
        m.mount->invalidate_inode(object_at(path), 0, 0);
        m.mount->invalidate_entry(dir, std::to_string(i));
    }
    REQUIRE(m.mount->settle(kSettle_ms));
    for (int i = 0; i < 200; ++i) {
        CHECK(read_file(m.at("d/" + std::to_string(i))) == "new");
    }
}

TEST_CASE("notifications while programs hammer the same directory do not block anybody") {
    NEEDS_FUSE("notify under load");
    Mounted m(healthy);
    ::mkdir(m.at("d").c_str(), 0755);
    const fuse::ObjectId dir = object_at(m.behind("d"));
    std::atomic<bool> done{false};
    std::thread notifier([&] {
        while (!done) {
            m.mount->invalidate_entry(dir, "x");
            m.mount->invalidate_inode(dir, 0, 0);
            m.mount->invalidate_all();
            std::this_thread::yield();
        }
    });
    std::vector<std::thread> programs;
    for (int t = 0; t < 4; ++t) {
        programs.emplace_back([&m, t] {
            for (int i = 0; i < 300; ++i) {
                const std::string path = m.at("d/x" + std::to_string(i % 2 == 0 ? t : 0));
                UniqueFd fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
                (void)!::write(fd.get(), "x", 1);
                ::rename(path.c_str(), m.at("d/x").c_str());
                ::unlink(m.at("d/x").c_str());
            }
        });
    }
    for (std::thread& program : programs) {
        program.join();
    }
    done = true;
    notifier.join();
    CHECK(m.mount->settle(kSettle_ms));
    CHECK(names_in(m.at("d")) == names_in(m.behind("d")));
}

TEST_CASE("a forgotten name takes its node and descriptor with it") {
    NEEDS_FUSE("forget");
    Mounted m(healthy);
    constexpr int kFiles = 500;
    for (int i = 0; i < kFiles; ++i) {
        write_file(m.behind("n" + std::to_string(i)), "");
        stat_of(m.at("n" + std::to_string(i)));
    }
    CHECK(m.mount->stats().nodes == kFiles + 1);
    CHECK(m.mount->stats().node_fds == kFiles + 1);
    // A dropped name gives its inode up; the kernel then says that it has forgotten it. It says so
    // when it likes: other requests push it along.
    m.mount->invalidate_all();
    REQUIRE(m.mount->settle(kSettle_ms));
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (m.mount->stats().nodes > 1 && std::chrono::steady_clock::now() < until) {
        exists(m.at("absent"));
    }
    CHECK(m.mount->stats().nodes == 1);
    CHECK(m.mount->stats().node_fds == 1);
}
