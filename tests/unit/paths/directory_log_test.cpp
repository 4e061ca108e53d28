// SPDX-License-Identifier: Apache-2.0
#include "paths/directory_log.hpp"

#include <filesystem>
#include <fstream>

#include "support/catch.hpp"
#include "support/temp_directory.hpp"

using namespace vexfs;
using test::TempDirectory;

namespace {

const ObjectKey kRoot{7, 2, 0};
const ObjectKey kA{7, 10, 1};
const ObjectKey kB{7, 11, 1};

std::string path(DirectoryMap& map, const ObjectKey& parent, std::string_view name) {
    std::string out;
    return map.path(parent, name, out) ? out : "(unknown)";
}

constexpr std::uint64_t kAll = 1000;

std::unique_ptr<DirectoryLog> open_log(const TempDirectory& dir, DirectoryMap& map,
                                       std::uint64_t until) {
    auto log = DirectoryLog::open(dir.path(), map, until);
    REQUIRE(log.ok());
    return std::move(log).value();
}

// A root with a/b, and "gone" that was there once.
void learn(const TempDirectory& dir) {
    DirectoryMap map;
    const auto log = open_log(dir, map, 0);
    map.anchor(kRoot, "/srv");
    map.place(kA, kRoot, "a", 1);
    map.place(kB, kRoot, "b", 2);
    map.place(kB, kA, "b\nb", 3);
    map.place({7, 12, 1}, kA, "gone", 4);
    map.forget({7, 12, 1});
    log->add_mount({.mount_fsid = 99, .backing_fsid = 7});
    REQUIRE(log->flush().ok());
}

std::filesystem::path file_of(const TempDirectory& dir) {
    return std::filesystem::path(dir.path()) / "directories.vxd";
}

}  // namespace

TEST_CASE("directory log: the next daemon knows what the dead one knew") {
    const TempDirectory dir;
    learn(dir);
    DirectoryMap map;
    const auto log = open_log(dir, map, kAll);
    CHECK(path(map, kB, "f") == "/srv/a/b\nb/f");
    CHECK(path(map, {7, 12, 1}, "f") == "(unknown)");
    REQUIRE(log->mounts().size() == 1);
    CHECK(log->mounts()[0].mount_fsid == 99);
    CHECK(log->mounts()[0].backing_fsid == 7);
}

TEST_CASE("directory log: what is said late of an old place does not undo a later move") {
    const TempDirectory dir;
    learn(dir);
    DirectoryMap map;
    const auto log = open_log(dir, map, kAll);
    vx_dir late{};
    late.rec.len = sizeof(late);
    late.rec.ticket = 2;  // renames up to 1 are in it
    late.fsid = kB.fsid;
    late.ino = kB.ino;
    late.gen = kB.gen;
    late.parent_ino = kRoot.ino;
    map.announce(late);
    CHECK(path(map, kB, "f") == "/srv/a/b\nb/f");
}

TEST_CASE("directory log: a new channel begins a new one") {
    const TempDirectory dir;
    learn(dir);
    DirectoryMap map;
    const auto log = open_log(dir, map, 0);
    CHECK(path(map, kA, "f") == "(unknown)");
    CHECK(log->bytes() == 0);
}

TEST_CASE("directory log: what was learned with events that are not in the journal is left out") {
    const TempDirectory dir;
    {
        DirectoryMap map;
        const auto log = open_log(dir, map, 0);
        map.anchor(kRoot, "/srv");
        log->set_seq(7);
        map.place(kA, kRoot, "a", 1);
        log->set_seq(8);
        map.place(kB, kRoot, "early", 2);
        log->set_seq(9);
        map.place(kA, kRoot, "moved", 3);
        map.forget(kB);
        REQUIRE(log->flush().ok());
    }
    for (int time = 0; time < 2; time++) {
        DirectoryMap map;
        // The second time all numbers are there: of what was left out nothing comes back.
        const auto log = open_log(dir, map, time == 0 ? 9 : kAll);
        CHECK(path(map, kA, "f") == "/srv/a/f");
        CHECK(path(map, kB, "f") == "/srv/early/f");
    }
}

TEST_CASE("directory log: torn or damaged at any byte, what stands before it is kept") {
    const TempDirectory dir;
    learn(dir);
    const auto whole = std::filesystem::file_size(file_of(dir));
    for (std::uintmax_t cut = 0; cut < whole; cut++) {
        learn(dir);
        std::filesystem::resize_file(file_of(dir), cut);
        DirectoryMap map;
        const auto log = open_log(dir, map, kAll);
        CHECK(path(map, kRoot, "f") == (cut < 72 ? "(unknown)" : "/srv/f"));
        // And it can be written on.
        map.anchor({7, 77, 0}, "/after");
        REQUIRE(log->flush().ok());
        DirectoryMap again;
        CHECK(open_log(dir, again, kAll)->bytes() == std::filesystem::file_size(file_of(dir)));
        CHECK(path(again, {7, 77, 0}, "") == "/after");
    }
    learn(dir);
    {
        std::fstream file(file_of(dir), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(20);
        file.put('\x5a');
    }
    DirectoryMap map;
    const auto log = open_log(dir, map, kAll);
    CHECK(path(map, kRoot, "f") == "(unknown)");
}

TEST_CASE("directory log: it is written anew rather than growing for ever") {
    const TempDirectory dir;
    DirectoryMap map;
    const auto log = open_log(dir, map, 0);
    map.anchor(kRoot, "/srv");
    std::uint64_t most = 0;
    for (std::uint64_t i = 0; i < 1'000'000; i++) {
        map.place(kA, kRoot, i % 2 == 0 ? "one" : "other", i);
        if (i % 1000 == 0) {
            REQUIRE(log->flush().ok());
            log->settle();
            most = std::max(most, log->bytes());
        }
    }
    map.place(kB, kA, "b", 1'000'001);
    REQUIRE(log->flush().ok());
    CHECK(most <= std::uint64_t{33} << 20U);
    CHECK(std::filesystem::file_size(file_of(dir)) == log->bytes());
    DirectoryMap next;
    const auto kept = open_log(dir, next, kAll);
    CHECK(path(next, kB, "f") == "/srv/other/b/f");
}
