// SPDX-License-Identifier: Apache-2.0
// Events of the backing file system become what the mount's caches must forget, and no more.
#include "fuse/invalidator.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include "mounted.hpp"
#include "support/records.hpp"

using namespace vexfs;
using namespace vexfs::test;

namespace {

constexpr std::uint64_t kFsid = 7;
constexpr unsigned kSettle_ms = 20000;

// A mount whose caches keep everything, and the invalidator in front of it.
struct Behind {
    Mounted m{[](fuse::MountOptions& options) { options.healthy = true; }};
    fuse::Invalidator invalidator{*m.mount, kFsid, m.mount->root().dev};

    // An event with `object` as its object, in the mount's root.
    Record event(unsigned op, const fuse::ObjectId& object, std::string_view name,
                 std::uint32_t flags = 0, std::string_view name2 = {}) const {
        Record record(op, flags);
        record->fsid = kFsid;
        record->ino = object.ino;
        record->parent_ino = m.mount->root().ino;
        if (op == VX_OP_FILE_RENAME) {
            record.rename().old_parent_ino = m.mount->root().ino;
        }
        record.names(name, name2);
        return record;
    }
    // Tells of it. Returns how many requests to drop something that made.
    std::uint64_t tell(const Record& record) {
        const std::uint64_t before = m.mount->asked();
        CHECK(invalidator.on_event(record.view()));
        const std::uint64_t asked = m.mount->asked() - before;
        REQUIRE(m.mount->settle(kSettle_ms));
        return asked;
    }
};

// Whether who watches `fd` has been told that the object is gone.
bool told_of_end(const UniqueFd& fd) {
    inotify_event event[8];
    return ::read(fd.get(), event, sizeof event) > 0 && (event[0].mask & IN_DELETE_SELF) != 0;
}

UniqueFd watch(const std::string& path) {
    UniqueFd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    REQUIRE(::inotify_add_watch(fd.get(), path.c_str(), IN_DELETE_SELF) >= 0);
    return fd;
}

}  // namespace

TEST_CASE("a name that came behind the mount is one request, and the listing goes with it") {
    NEEDS_FUSE("create");
    Behind b;
    REQUIRE(names_in(b.m.at("")).empty());
    REQUIRE_FALSE(exists(b.m.at("a")));
    write_file(b.m.behind("a"), "");
    CHECK(b.tell(b.event(VX_OP_FILE_CREATE, object_at(b.m.behind("a")), "a")) == 1);
    CHECK(exists(b.m.at("a")));
    CHECK(names_in(b.m.at("")) == std::vector<std::string>{"a"});
}

TEST_CASE("losing one of two names is not the end of a file, losing the last is") {
    NEEDS_FUSE("hard link");
    Behind b;
    write_file(b.m.behind("a"), "");
    REQUIRE(::link(b.m.behind("a").c_str(), b.m.behind("b").c_str()) == 0);
    REQUIRE(stat_of(b.m.at("a")).st_nlink == 2);
    REQUIRE(exists(b.m.at("b")));
    const UniqueFd end = watch(b.m.at("b"));
    const fuse::ObjectId object = object_at(b.m.behind("b"));
    REQUIRE(::unlink(b.m.behind("a").c_str()) == 0);
    b.tell(b.event(VX_OP_FILE_DELETE, object, "a"));
    CHECK_FALSE(told_of_end(end));
    CHECK_FALSE(exists(b.m.at("a")));
    CHECK(stat_of(b.m.at("b")).st_nlink == 1);
    REQUIRE(::unlink(b.m.behind("b").c_str()) == 0);
    b.tell(b.event(VX_OP_FILE_DELETE, object, "b", VX_F_LAST_LINK));
    CHECK(told_of_end(end));
}

TEST_CASE("a file that another was renamed onto has ended") {
    NEEDS_FUSE("replaced");
    Behind b;
    write_file(b.m.behind("new"), "new");
    write_file(b.m.behind("old"), "old");
    REQUIRE(read_file(b.m.at("old")) == "old");
    const UniqueFd end = watch(b.m.at("old"));
    const fuse::ObjectId target = object_at(b.m.behind("old"));
    Record rename = b.event(VX_OP_FILE_RENAME, object_at(b.m.behind("new")), "old",
                            VX_F_REPLACED | VX_F_LAST_LINK, "new");
    rename.rename().target_ino = target.ino;
    REQUIRE(::rename(b.m.behind("new").c_str(), b.m.behind("old").c_str()) == 0);
    b.tell(rename);
    CHECK(told_of_end(end));
    CHECK(read_file(b.m.at("old")) == "new");
    CHECK_FALSE(exists(b.m.at("new")));
}

TEST_CASE("what was done through the mount, failed or is of another file system is no news") {
    NEEDS_FUSE("no news");
    Behind b;
    Record record = b.event(VX_OP_FILE_CREATE, b.m.mount->root(), "a");
    EventView view = record.view();
    view.boundary = Boundary::fuse;
    CHECK_FALSE(b.invalidator.on_event(view));
    record->error = -EACCES;
    CHECK_FALSE(b.invalidator.on_event(record.view()));
    record->error = 0;
    record->fsid = kFsid + 1;
    CHECK_FALSE(b.invalidator.on_event(record.view()));
    CHECK(b.m.mount->asked() == 0);
}
