// SPDX-License-Identifier: Apache-2.0
#include "paths/directory_map.hpp"

#include <cstring>
#include <vector>

#include "support/catch.hpp"

using namespace vexfs;

namespace {

const ObjectKey kRoot{7, 2, 0};
const ObjectKey kA{7, 10, 1};
const ObjectKey kB{7, 11, 1};
const ObjectKey kC{7, 12, 1};

// A VX_REC_DIR as the kernel writes it.
void announce(DirectoryMap& map, const ObjectKey& dir, const ObjectKey& parent,
              std::string_view name, std::uint64_t ticket) {
    std::vector<std::uint64_t> words((sizeof(vx_dir) + name.size()) / 8 + 2);
    auto* d = reinterpret_cast<vx_dir*>(words.data());
    d->rec.len = static_cast<__u32>((sizeof(vx_dir) + name.size() + 7) & ~std::size_t{7});
    d->rec.type = VX_REC_DIR;
    d->rec.ticket = ticket;
    d->fsid = dir.fsid;
    d->ino = dir.ino;
    d->gen = dir.gen;
    d->parent_ino = parent.ino;
    d->parent_gen = parent.gen;
    d->name_len = static_cast<__u16>(name.size());
    std::memcpy(d + 1, name.data(), name.size());
    map.announce(*d);
}

std::string path(DirectoryMap& map, const ObjectKey& parent, std::string_view name) {
    std::string out;
    return map.path(parent, name, out) ? out : "(unknown)";
}

}  // namespace

TEST_CASE("paths grow from an anchor through announced directories") {
    DirectoryMap map;
    map.anchor(kRoot, "/srv");
    announce(map, kB, kA, "b", 5);  // a child may be announced before its parent
    CHECK(path(map, kB, "f") == "(unknown)");
    announce(map, kA, kRoot, "a", 5);
    CHECK(path(map, kB, "f") == "/srv/a/b/f");
    CHECK(path(map, kRoot, "x") == "/srv/x");
    CHECK(path(map, kRoot, "") == "/srv");
    CHECK(path(map, kC, "x") == "(unknown)");
}

TEST_CASE("an anchor at / gives no double slash") {
    DirectoryMap map;
    map.anchor(kRoot, "/");
    announce(map, kA, kRoot, "a", 1);
    CHECK(path(map, kA, "f") == "/a/f");
}

TEST_CASE("the rename of a directory moves all below it") {
    DirectoryMap map;
    map.anchor(kRoot, "/srv");
    announce(map, kA, kRoot, "a", 1);
    announce(map, kB, kA, "b", 1);
    CHECK(path(map, kB, "f") == "/srv/a/b/f");
    map.place(kA, kRoot, "z", 8);
    CHECK(path(map, kB, "f") == "/srv/z/b/f");
}

TEST_CASE("an announcement that is older than the last rename is ignored") {
    DirectoryMap map;
    map.anchor(kRoot, "/srv");
    map.place(kA, kRoot, "new", 8);
    announce(map, kA, kRoot, "old", 8);  // true for tickets below 8: the rename is not in it
    CHECK(path(map, kA, "") == "/srv/new");
    announce(map, kA, kRoot, "newer", 9);
    CHECK(path(map, kA, "") == "/srv/newer");
}

TEST_CASE("a deleted directory is forgotten, an anchor is not") {
    DirectoryMap map;
    map.anchor(kRoot, "/srv");
    announce(map, kA, kRoot, "a", 1);
    map.forget(kA);
    CHECK(path(map, kA, "f") == "(unknown)");
    map.forget(kRoot);
    CHECK(path(map, kRoot, "f") == "/srv/f");
}

TEST_CASE("contradicting announcements do not loop") {
    DirectoryMap map;
    map.anchor(kRoot, "/srv");
    announce(map, kA, kB, "a", 1);
    announce(map, kB, kA, "b", 1);
    CHECK(path(map, kA, "f") == "(unknown)");
}

TEST_CASE("the limit is kept and what it refuses is counted") {
    DirectoryMap map(2);
    map.anchor(kRoot, "/srv");
    announce(map, kA, kRoot, "a", 1);
    announce(map, kB, kRoot, "b", 1);
    CHECK(map.size() == 2);
    CHECK(map.refused() == 1);
    CHECK(path(map, kA, "f") == "/srv/a/f");
    CHECK(path(map, kB, "f") == "(unknown)");
}
