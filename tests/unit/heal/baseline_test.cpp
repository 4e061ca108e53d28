// SPDX-License-Identifier: Apache-2.0
// The first look at a tree that changes meanwhile: what was there is known then, and nothing of it
// is told.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "support/random_trees.hpp"
#include "support/tree_stream.hpp"

using namespace vexfs;
using namespace vexfs::heal;
using namespace vexfs::test;

namespace {

void make(const TreeStream& stream, const std::vector<std::string>& directories) {
    for (const std::string& name : directories) {
        REQUIRE(::mkdir(stream.tree.path(name).c_str(), 0755) == 0);
    }
}

// The first look, during which something happens once that `when` directories have been looked at.
// What is there is known then, and nothing is to be looked for.
void look_first_while(TreeStream& stream, unsigned when, const std::function<void()>& happens) {
    stream.at_look = [&](std::uint64_t directories) {
        if (directories == when) {
            happens();
            stream.at_look = {};
        }
    };
    REQUIRE(stream.look_first(0).ok());
    INFO(stream.told);
    CHECK_FALSE(stream.pending());
    CHECK(difference(stream.in_catalogue(), stream.tree.on_disk()) == "");
}

// What the event of a directory says that has come to `parent`, from outside of the tree.
Finding arrived(const TreeStream& stream, const std::string& parent, const std::string& name) {
    const std::string path = stream.tree.path(parent + "/" + name);
    Finding event = stream.tree.renamed(object_of(path), {.mode = S_IFDIR | 0755}, "elsewhere",
                                        name, 0);
    event.parent = object_of(stream.tree.path(parent));
    event.path = path;
    event.old_parent = {kFsid, 1, 1};
    event.old_path.clear();
    return event;
}

}  // namespace

TEST_CASE("a tree that changes while it is looked at first is known, and nothing is looked for") {
    for_each_tree(60, [](std::uint64_t seed) {
        TreeStream stream(seed, TreeStream::Tree::unknown);
        for (unsigned i = 0; i < 400; ++i) {
            stream.tree.change();
        }
        stream.has_been();
        // Now and then more is spoken of than can be remembered, or the daemon ends meanwhile.
        const std::size_t most = seed % 3 == 0 ? 5 : Touched::kMost;
        stream.stop_at = seed % 2 == 0 ? 4U : 0U;
        Status status = stream.look_first(200, most);
        if (status.code() == ECANCELED) {
            status = stream.look_first(200, most);
        }
        INFO(status.message() << stream.told);
        REQUIRE(status.ok());
        CHECK_FALSE(stream.pending());
        REQUIRE(difference(stream.in_catalogue(), stream.tree.on_disk()) == "");
    });
}

TEST_CASE("what moves below a directory that has not been found yet is known") {
    const unsigned when = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
    TreeStream stream(1, TreeStream::Tree::unknown);
    make(stream, {"a", "a/q", "a/q/s", "p", "p/x", "p/x/below", "r"});
    stream.has_been();
    look_first_while(stream, when, [&] {
        stream.move("p", "a/q/s/p");
        stream.move("a/q", "r/q");
    });
}

TEST_CASE("what a file is that changes before it is known is seen again behind a move") {
    const unsigned when = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
    TreeStream stream(1, TreeStream::Tree::unknown);
    make(stream, {"a", "a/q", "a/q/s", "b", "r"});
    const std::string file = stream.tree.path("b/file");
    std::ofstream(file) << "x";
    stream.has_been();
    look_first_while(stream, when, [&] {
        REQUIRE(::chmod(file.c_str(), 0700) == 0);
        stream.has_changed(TreeStream::Losing::nothing);
        stream.move("b", "a/q/s/b");
        stream.move("a/q", "r/q");
    });
}

TEST_CASE("a directory that moves to where it is not looked for any more is known") {
    const unsigned when = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
    TreeStream stream(1, TreeStream::Tree::unknown);
    make(stream, {"a", "a/1", "a/1/2", "a/1/2/d", "a/1/2/d/below", "b"});
    stream.has_been();
    const bool told_of = GENERATE(false, true);  // by an event behind a look that was not finished
    if (told_of) {
        stream.stop_at = 1;
        REQUIRE(stream.look_first(0).code() == ECANCELED);
        stream.move("a/1/2/d", "a/1/2/e");
    }
    look_first_while(stream, when, [&] {
        stream.move(told_of ? "a/1/2/e" : "a/1/2/d", "b/d");
    });
}

TEST_CASE("what comes from outside during the first look is told with what is in it") {
    const unsigned when = GENERATE(1U, 2U, 3U);  // at first "a" has not been looked at
    TreeStream stream(1, TreeStream::Tree::unknown);
    make(stream, {"a", "a/b"});
    stream.has_been();
    stream.at_look = [&](std::uint64_t directories) {
        if (directories == when) {
            make(stream, {"a/new", "a/new/below", "a/new/below/deep"});
            stream.happens(arrived(stream, "a", "new"));
            stream.at_look = {};
        }
    };
    REQUIRE(stream.look_first(0).ok());
    CHECK(stream.pending());
    stream.heal(false, false);
    INFO(stream.told);
    for (const char* name : {"a/new/below", "a/new/below/deep"}) {
        CHECK(stream.told.find("found: DirCreate " + stream.tree.path(name) + "\n") !=
              std::string::npos);
    }
    CHECK(difference(stream.in_catalogue(), stream.tree.on_disk()) == "");
}
