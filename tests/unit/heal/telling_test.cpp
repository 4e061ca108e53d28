// SPDX-License-Identifier: Apache-2.0
// What is found, and what events say meanwhile: which of it is told.
#include <algorithm>

#include "heal/telling.hpp"
#include "support/changing_tree.hpp"

using namespace vexfs;
using namespace vexfs::heal;
using namespace vexfs::test;

namespace {

constexpr ObjectKey kRoot{1, 2, 0};
constexpr ObjectKey kDirectory{1, 3, 0};
constexpr ObjectKey kBelow{1, 4, 0};  // a directory in it
constexpr ObjectKey kFile{1, 5, 0};

Finding finding(unsigned op, const ObjectKey& object, const ObjectKey& parent, const char* name) {
    Finding out;
    out.op = op;
    out.flags |= object == kFile ? 0 : std::uint32_t{VX_F_DIRECTORY};
    out.object = object;
    out.parent = parent;
    out.name = name;
    return out;
}

// The event that the directory has moved, within its parent.
void move_directory(Touched& touched) {
    Finding event = finding(VX_OP_FILE_RENAME, kDirectory, kRoot, "new");
    event.flags &= ~std::uint32_t{VX_F_RESYNC};
    event.old_parent = kRoot;
    event.name2 = "directory";
    touched.note(AsEvent(event, 1).view);
}

bool is_again(const Telling& telling, const ObjectKey& directory) {
    const auto& again = telling.again().directories;
    return std::find(again.begin(), again.end(), directory) != again.end();
}

}  // namespace

TEST_CASE("what has gone with a directory that has moved meanwhile is looked for again") {
    Telling telling({finding(VX_OP_FILE_DELETE, kFile, kBelow, "file"),
                     finding(VX_OP_DIR_DELETE, kBelow, kDirectory, "below"),
                     finding(VX_OP_DIR_DELETE, kDirectory, kRoot, "directory")});
    Touched touched;
    SECTION("it has not moved: all are told") {
        for (unsigned i = 0; i < 3; ++i) {
            CHECK(telling.next(touched) != nullptr);
        }
        CHECK(telling.again().directories.empty());
    }
    SECTION("it has: none is") {
        move_directory(touched);
        CHECK(telling.next(touched) == nullptr);
        CHECK(is_again(telling, kBelow));
        CHECK(is_again(telling, kDirectory));
    }
}

TEST_CASE("what is new in a directory that has moved meanwhile is looked for again") {
    Telling telling({finding(VX_OP_FILE_CREATE, kFile, kDirectory, "file")});
    Touched touched;
    move_directory(touched);
    CHECK(telling.next(touched) == nullptr);
    CHECK(is_again(telling, kDirectory));
}

TEST_CASE("what is said of a directory behind a move of it that events have left in doubt waits") {
    Finding move = finding(VX_OP_FILE_RENAME, kBelow, kDirectory, "new");
    move.old_parent = kRoot;
    move.name2 = "old";
    move.path = "/top/directory/new";
    Finding takes = finding(VX_OP_FILE_CREATE, kFile, kRoot, "old");
    takes.path = "/top/old";
    Finding inside = finding(VX_OP_FILE_CHMOD, kFile, {1, 6, 0}, "deep");
    inside.path = "/top/directory/new/somewhere/deep";
    Finding beside = finding(VX_OP_FILE_CHMOD, kFile, kRoot, "newer");
    beside.path = "/top/directory/newer";
    Telling telling({move, takes, inside, beside});
    Touched touched;
    SECTION("nothing is in doubt: all are told") {
        for (unsigned i = 0; i < 4; ++i) {
            CHECK(telling.next(touched) != nullptr);
        }
        CHECK(telling.again().directories.empty());
    }
    SECTION("where it has moved to has moved") {
        move_directory(touched);
        const Finding* told = telling.next(touched);
        REQUIRE(told != nullptr);
        CHECK(told->name == "newer");
        CHECK(telling.next(touched) == nullptr);
        CHECK(is_again(telling, kRoot));
        CHECK(is_again(telling, kDirectory));
        CHECK(is_again(telling, {1, 6, 0}));
    }
}
