// SPDX-License-Identifier: Apache-2.0
// Beginning and end of a mount, in order and out of order.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "mounted.hpp"

using namespace vexfs;
using namespace vexfs::test;

namespace {

fuse::MountOptions options_for(const std::string& source, const std::string& point) {
    fuse::MountOptions options;
    options.source = source;
    options.mountpoint = point;
    return options;
}

Status start_error(const std::string& source, const std::string& point) {
    return fuse::Mount::start(options_for(source, point), nullptr).status();
}

bool is_mounted(const std::string& point) {
    std::ifstream mounts("/proc/self/mounts");
    for (std::string line; std::getline(mounts, line);) {
        if (line.find(" " + point + " ") != std::string::npos) {
            return true;
        }
    }
    return false;
}

bool mentions(const Status& status, const std::string& text) {
    return status.message().find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("start and stop report Mount and Unmount and leave no mount behind") {
    NEEDS_FUSE("start and stop");
    TemporaryTree tree;
    RecordingSink sink;
    auto mount = fuse::Mount::start(options_for(tree.source(), tree.point()), &sink);
    REQUIRE(mount.ok());
    CHECK(is_mounted(tree.point()));
    (*mount)->stop();
    (*mount)->stop();
    CHECK_FALSE(is_mounted(tree.point()));
    const auto all = sink.all();
    REQUIRE(all.size() >= 2);
    CHECK(all.front().event.op == VX_OP_MOUNT);
    CHECK(all.front().name == tree.point());
    CHECK(all.front().name2 == "fuse.vexfs:" + tree.source());
    CHECK(all.front().event.object.ino == stat_of(tree.source()).st_ino);
    CHECK(all.back().event.op == VX_OP_UNMOUNT);
}

TEST_CASE("fifty mounts, one after the other") {
    NEEDS_FUSE("fifty mounts");
    TemporaryTree tree;
    for (int i = 0; i < 50; ++i) {
        auto mount = fuse::Mount::start(options_for(tree.source(), tree.point()), nullptr);
        REQUIRE(mount.ok());
        write_file(tree.point("f"), std::to_string(i));
    }
    CHECK(read_file(tree.source("f")) == "49");
}

TEST_CASE("stopping while files are open gives their programs ENOTCONN and reports the closes") {
    NEEDS_FUSE("stop in use");
    Mounted m;
    const UniqueFd fd = open_file(m.at("a"), O_RDWR | O_CREAT);
    const UniqueFd dir = open_file(m.tree.point(), O_RDONLY | O_DIRECTORY);
    REQUIRE(::write(fd.get(), "kept", 4) == 4);
    m.mount->stop();
    CHECK_FALSE(is_mounted(m.tree.point()));
    CHECK(::pwrite(fd.get(), "lost", 4, 0) == -1);
    CHECK(errno == ENOTCONN);
    CHECK(read_file(m.behind("a")) == "kept");
    std::size_t closes = 0;
    for (const Seen& seen : m.sink.of(VX_OP_FILE_CLOSE)) {
        closes += (seen.event.flags & VX_F_DIRECTORY) == 0 ? 1 : 0;
    }
    CHECK(closes == 1);
    CHECK(m.mount->stats().open_files == 0);
}

TEST_CASE("stopping in the middle of traffic ends, every time") {
    NEEDS_FUSE("stop under load");
    for (int round = 0; round < 10; ++round) {
        Mounted m;
        std::atomic<bool> done{false};
        std::vector<std::thread> programs;
        for (int t = 0; t < 4; ++t) {
            programs.emplace_back([&m, &done, t] {
                while (!done) {
                    const std::string path = m.at(std::to_string(t));
                    UniqueFd fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
                    (void)!::write(fd.get(), "x", 1);
                    ::unlink(path.c_str());
                }
            });
        }
        m.sink.wait_for(VX_OP_FILE_CREATE, 50);
        m.mount->stop();
        done = true;
        for (std::thread& program : programs) {
            program.join();
        }
        CHECK_FALSE(is_mounted(m.tree.point()));
    }
}

TEST_CASE("somebody else's umount ends the session, and that can be waited for") {
    NEEDS_FUSE("outside umount");
    Mounted m;
    REQUIRE(::umount2(m.tree.point().c_str(), 0) == 0);
    pollfd ended{.fd = m.mount->ended_fd(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&ended, 1, 20000) == 1);
    m.mount->stop();
    CHECK(m.sink.of(VX_OP_UNMOUNT).size() == 1);
}

TEST_CASE("the mount of a daemon that was killed is found and replaced") {
    NEEDS_FUSE("stale mount");
    TemporaryTree tree;
    write_file(tree.source("f"), "here");
    for (int dead = 0; dead < 2; ++dead) {
        const pid_t child = ::fork();
        if (child == 0) {
            auto mount = fuse::Mount::start(options_for(tree.source(), tree.point()), nullptr);
            ::kill(::getpid(), mount.ok() ? SIGKILL : SIGTERM);
        }
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WTERMSIG(status) == SIGKILL);
        struct stat st {};
        REQUIRE(::stat(tree.point().c_str(), &st) == -1);
        REQUIRE(errno == ENOTCONN);
        if (dead == 0) {
            auto mount = fuse::Mount::start(options_for(tree.source(), tree.point()), nullptr);
            REQUIRE(mount.ok());
            CHECK(read_file(tree.point("f")) == "here");
        }
    }
    auto mount = fuse::Mount::start(options_for(tree.source(), tree.point()), nullptr);
    REQUIRE(mount.ok());
    (*mount)->stop();
    CHECK_FALSE(is_mounted(tree.point()));
}

TEST_CASE("what cannot be mounted is refused with what to do") {
    NEEDS_FUSE("refusals");
    TemporaryTree tree;
    const std::string source = tree.source();
    const std::string point = tree.point();
    write_file(tree.root() + "/file", "");

    Status s = start_error(tree.root() + "/absent", point);
    CHECK(s.code() == ENOENT);
    CHECK(mentions(s, "source directory " + tree.root() + "/absent"));
    CHECK(start_error(tree.root() + "/file", point).code() == ENOTDIR);

    s = start_error(source, tree.root() + "/nowhere");
    CHECK(s.code() == ENOENT);
    CHECK(mentions(s, "mkdir"));
    CHECK(start_error(source, tree.root() + "/file").code() == ENOTDIR);

    s = start_error(source, source);
    CHECK(s.code() == EINVAL);
    CHECK(mentions(s, "source directory itself"));
    std::filesystem::create_directories(tree.source("in/side"));
    s = start_error(source, tree.source("in/side"));
    CHECK(s.code() == ELOOP);
    CHECK(mentions(s, "contain itself"));
    s = start_error(tree.source("in/side"), source);
    CHECK(s.code() == EINVAL);
    CHECK(mentions(s, "hide it"));

    write_file(tree.point("treasure"), "");
    s = start_error(source, point);
    CHECK(s.code() == ENOTEMPTY);
    CHECK(mentions(s, "treasure"));
    CHECK_FALSE(is_mounted(point));
}

TEST_CASE("a source that vanishes under the mount gives errors, not a hang") {
    NEEDS_FUSE("vanished source");
    Mounted m;
    write_file(m.at("a"), "x");
    std::filesystem::remove_all(m.tree.source());
    CHECK(::open(m.at("b").c_str(), O_CREAT | O_WRONLY, 0600) == -1);
    CHECK(errno == ENOENT);
    m.mount->stop();
}
