// SPDX-License-Identifier: Apache-2.0
// Events of which some are lost, at random: after what is found is told, the catalogue and whoever
// has followed the stream have what is there.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "support/random_trees.hpp"
#include "support/tree_stream.hpp"

using namespace vexfs;
using namespace vexfs::heal;
using namespace vexfs::test;

namespace {

void lose_and_heal(bool busy, bool dies) {
    for_each_tree(60, [&](std::uint64_t seed) {
        TreeStream stream(seed);
        const auto losing =
            seed % 2 == 0 ? TreeStream::Losing::names : TreeStream::Losing::contents;
        for (unsigned round = 0; round < 3; ++round) {
            for (unsigned i = 0; i < 60; ++i) {
                stream.change(losing);
            }
            // What has happened and was not read when healing begins.
            stream.at_sync = [&] {
                for (unsigned i = 0; i < seed % 30; ++i) {
                    stream.change(TreeStream::Losing::nothing);
                }
            };
            stream.heal(busy, dies);
            INFO(stream.told);
            const ChangingTree::All there = stream.tree.on_disk();
            REQUIRE(difference(stream.in_catalogue(), there) == "");
            REQUIRE(stream.in_account() == numbers(there));
            CHECK(stream.left().empty());
            stream.told += "healed\n";
        }
    });
}

// Who has a name in the root, as the catalogue says.
ObjectKey known_as(const ChangingTree& tree, const char* name) {
    const auto there = tree.catalogue->find(tree.root().object, name);
    REQUIRE((there.ok() && *there));
    return (*there)->object;
}

}  // namespace

TEST_CASE("events are lost and what is found leads everybody to what is there") {
    lose_and_heal(false, false);
}

TEST_CASE("events are lost and looked for while the tree goes on changing") {
    lose_and_heal(true, false);
}

TEST_CASE("who looks for lost events is killed and the next one goes on") {
    lose_and_heal(false, true);
}

TEST_CASE("who looks for lost events is killed while the tree goes on changing") {
    lose_and_heal(true, true);
}

TEST_CASE("a loss behind the last event is known when that event is") {
    const TempDirectory dir;
    const SystemClock clock;
    TestJournal journal(dir / "journal");
    const auto follower = Follower::open(dir / "journal", clock);
    REQUIRE(follower.ok());
    REQUIRE((*follower)->catch_up(0).ok());
    REQUIRE_FALSE((*follower)->pending().any());
    Gap gap;
    gap.from = journal.next_seq();
    gap.to = gap.from - 1;
    gap.account = true;
    gap.ops = {{VX_OP_FILE_CREATE, 0, 1}};
    REQUIRE(journal.append(gap).ok());
    REQUIRE(journal.flush().ok());
    REQUIRE((*follower)->catch_up(0).ok());
    CHECK((*follower)->pending().everywhere);
}

TEST_CASE("what moves before it is looked into is looked into where it has gone to") {
    const unsigned when = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
    TreeStream stream(1);
    const std::string from = stream.tree.path("known");
    const std::string below = from + "/below/new";
    for (const std::string& directory : {from, from + "/below", below, below + "/deep"}) {
        REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
        stream.has_changed(directory.starts_with(below) ? TreeStream::Losing::everything
                                                        : TreeStream::Losing::nothing);
    }
    bool moved = false;
    stream.at_look = [&](std::uint64_t directories) {
        if (directories == when && !std::exchange(moved, true)) {
            REQUIRE(::rename(from.c_str(), stream.tree.path("moved").c_str()) == 0);
            stream.has_changed(TreeStream::Losing::nothing);
        }
    };
    stream.heal(false, false);
    INFO(stream.told);
    CHECK(difference(stream.in_catalogue(), stream.tree.on_disk()) == "");
    CHECK(stream.in_account() == numbers(stream.tree.on_disk()));
}

TEST_CASE("what moves within a loss while it is looked for is not told as gone") {
    const unsigned when = GENERATE(1U, 2U, 3U, 4U);
    TreeStream stream(1);
    const std::string top = stream.tree.path("top");
    const std::string deep = top + "/a/b";
    for (const std::string& directory : {top, top + "/a", deep, deep + "/d"}) {
        REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
        stream.has_changed(TreeStream::Losing::nothing);
    }
    REQUIRE(::mkdir(stream.tree.path("lost").c_str(), 0755) == 0);
    stream.has_changed(TreeStream::Losing::everything);
    bool moved = false;
    stream.at_look = [&](std::uint64_t directories) {
        if (directories == when && !std::exchange(moved, true)) {
            REQUIRE(::rename((deep + "/d").c_str(), (top + "/d").c_str()) == 0);
            stream.has_changed(TreeStream::Losing::everything);
        }
    };
    stream.heal(false, false);
    INFO(stream.told);
    CHECK(stream.told.find("found: DirDelete") == std::string::npos);
    CHECK(stream.in_account() == numbers(stream.tree.on_disk()));
}

TEST_CASE("what an event has said before a loss does not settle what is found behind it") {
    TreeStream stream(1);
    REQUIRE(::mkdir(stream.tree.path("lost").c_str(), 0755) == 0);
    stream.has_changed(TreeStream::Losing::everything);
    stream.at_sync = [&] {
        const std::string path = stream.tree.path("for a moment");
        REQUIRE(::mkdir(path.c_str(), 0755) == 0);
        stream.has_changed(TreeStream::Losing::nothing);
        REQUIRE(::rmdir(path.c_str()) == 0);
        stream.has_changed(TreeStream::Losing::everything);
    };
    stream.heal(false, false);
    INFO(stream.told);
    CHECK(difference(stream.in_catalogue(), stream.tree.on_disk()) == "");
    CHECK(stream.in_account() == numbers(stream.tree.on_disk()));
}

TEST_CASE("nothing is told of what is in a directory before the directory is told") {
    TreeStream stream(1);
    for (const char* name : {"d", "d/a", "e", "e/d", "e/d/below"}) {
        REQUIRE(::mkdir(stream.tree.path(name).c_str(), 0755) == 0);
        stream.has_changed(TreeStream::Losing::nothing);
    }
    REQUIRE(::renameat2(AT_FDCWD, stream.tree.path("d/a").c_str(), AT_FDCWD,
                        stream.tree.path("e/d").c_str(), RENAME_EXCHANGE) == 0);
    stream.tree.move("d", "on the way");
    stream.has_changed(TreeStream::Losing::everything);
    // Of "d" nothing is known any more but what is in it.
    std::ofstream(stream.tree.path("d")) << "takes its name";
    stream.has_changed(TreeStream::Losing::nothing);
    stream.tree.move("e", "on the way/c");
    stream.tree.move("on the way", "e");
    stream.has_changed(TreeStream::Losing::everything);
    stream.heal(false, false);
    INFO(stream.told);
    const std::size_t made = stream.told.find("found: DirCreate " + stream.tree.path("e") + "\n");
    CHECK(stream.told.find("/a from ", made) != std::string::npos);
    CHECK(stream.told.rfind("found: DirCreate") == made);
    CHECK(stream.told.find("found: DirDelete") == std::string::npos);
    CHECK(difference(stream.in_catalogue(), stream.tree.on_disk()) == "");
    CHECK(stream.in_account() == numbers(stream.tree.on_disk()));
}

TEST_CASE("what depends on a move that is not told yet is not told either") {
    TreeStream stream(1);
    for (const char* name : {"o", "o/below", "z", "z/below", "e", "x"}) {
        REQUIRE(::mkdir(stream.tree.path(name).c_str(), 0755) == 0);
        stream.has_changed(TreeStream::Losing::nothing);
    }
    const auto lose = [&](const char* from, const char* to) {
        stream.tree.move(from, to);
        stream.has_changed(TreeStream::Losing::everything);
    };
    lose("o", "e/a");
    lose("x", "o");
    lose("z", "e/a/z");
    stream.at_sync = [&] { stream.move("e", "f"); };
    stream.heal(false, false);
    INFO(stream.told);
    // "o" has only moved, and nothing is told of it where it is not yet.
    const auto told = [&](const char* to, const char* from) {
        return stream.told.find("found: FileRename " + stream.tree.path(to) + " from " +
                                stream.tree.path(from) + "\n");
    };
    CHECK(stream.told.find("found: DirCreate") == std::string::npos);
    CHECK(told("f/a", "o") < told("o", "x"));
    CHECK(told("f/a", "o") < told("f/a/z", "z"));
    CHECK(told("f/a/z", "z") != std::string::npos);
    CHECK(difference(stream.in_catalogue(), stream.tree.on_disk()) == "");
    CHECK(stream.in_account() == numbers(stream.tree.on_disk()));
}

TEST_CASE("a known directory in a found one that is moved during the look is looked into") {
    const unsigned when = GENERATE(1U, 2U, 3U, 4U, 5U);
    TreeStream stream(1);
    const auto make = [&](const char* name, TreeStream::Losing losing) {
        REQUIRE(::mkdir(stream.tree.path(name).c_str(), 0755) == 0);
        stream.has_changed(losing);
    };
    make("known", TreeStream::Losing::nothing);
    make("above", TreeStream::Losing::nothing);
    make("above/found", TreeStream::Losing::everything);
    make("known/lost", TreeStream::Losing::everything);
    stream.move("known", "above/found/known");
    stream.at_look = [&](std::uint64_t directories) {
        if (directories == when) {
            stream.move("above", "elsewhere");
            stream.at_look = {};
        }
    };
    stream.heal(false, false);
    INFO(stream.told);
    CHECK(difference(stream.in_catalogue(), stream.tree.on_disk()) == "");
    CHECK(stream.in_account() == numbers(stream.tree.on_disk()));
}

TEST_CASE("who was thought to be where an exchange came from is to be looked for") {
    ChangingTree tree(1);
    for (const char* name : {"stale", "stale/below", "one", "other", "elsewhere"}) {
        REQUIRE(::mkdir(tree.path(name).c_str(), 0755) == 0);
    }
    tree.apply(tree.compare(kSizesAlone));
    // Lost: "stale" moves below "elsewhere", and "one" comes to its place.
    REQUIRE(::rename(tree.path("stale").c_str(), tree.path("elsewhere/stale").c_str()) == 0);
    REQUIRE(::mkdir(tree.path("elsewhere/stale/new").c_str(), 0755) == 0);
    REQUIRE(::rename(tree.path("one").c_str(), tree.path("stale").c_str()) == 0);
    std::vector<Finding> told;
    for (const auto& [from, to] : {std::pair("stale", "other"), std::pair("other", "stale")}) {
        told.push_back(tree.renamed(object_of(tree.path(from)), {.mode = S_IFDIR | 0755}, from, to,
                                    VX_F_EXCHANGE));
    }
    REQUIRE(::renameat2(AT_FDCWD, tree.path("stale").c_str(), AT_FDCWD,
                        tree.path("other").c_str(), RENAME_EXCHANGE) == 0);
    std::vector<ObjectKey> looks;
    tree.catalogue->set_on_unknown([&](const ObjectKey& object) { looks.push_back(object); });
    tree.apply_after_a_loss(*tree.catalogue, told);
    CHECK(std::count(looks.begin(), looks.end(), object_of(tree.path("elsewhere/stale"))) == 1);
    const auto facts = tree.catalogue->facts_of(object_of(tree.path("elsewhere/stale")));
    REQUIRE(facts.ok());
    CHECK_FALSE(facts->has_value());
    tree.apply_after_a_loss(*tree.catalogue, tree.compare(kSizesAlone));
    CHECK(tree.in_catalogue() == tree.on_disk());
}

TEST_CASE("a directory that is told to move has no other name, and that is told") {
    ChangingTree tree(1);
    for (const char* name : {"d", "e"}) {
        REQUIRE(::mkdir(tree.path(name).c_str(), 0755) == 0);
    }
    tree.apply(tree.compare(kSizesAlone));
    const ObjectKey d = known_as(tree, "d");
    const ObjectKey e = known_as(tree, "e");
    // To a place of which nothing is known (that is lost), and from there into the other one.
    Finding finding =
        tree.renamed(d, {.mode = S_IFDIR | 0755}, "somewhere", "here", 0);
    finding.parent = e;
    finding.path = tree.path("e/here");
    REQUIRE(::rename(tree.path("d").c_str(), tree.path("e/here").c_str()) == 0);
    tree.apply_after_a_loss(*tree.catalogue, {finding});
    const auto findings = tree.compare(kSizesAlone);
    CHECK(text_of(findings) ==
          "FileRename " + tree.path("e/here") + " from " + tree.path("d") + "\n");
    tree.apply_after_a_loss(*tree.catalogue, findings);
    CHECK(text_of(tree.compare(kSizesAlone)) == "");
}

TEST_CASE("a directory that has moved out of sight is not told as gone when it turns up") {
    ChangingTree tree(1);
    for (const char* name : {"d", "e", "x"}) {
        REQUIRE(::mkdir(tree.path(name).c_str(), 0755) == 0);
    }
    tree.apply(tree.compare(kSizesAlone));
    // Lost: that "d" has moved away before the first, that it has moved on before the second.
    const ObjectFacts facts{.mode = S_IFDIR | 0755};
    const ObjectKey d = object_of(tree.path("d"));
    const ObjectKey x = object_of(tree.path("x"));
    tree.apply_after_a_loss(*tree.catalogue, {tree.renamed(d, facts, "somewhere", "here", 0),
                                              tree.renamed(x, facts, "x", "here", 0)});
    REQUIRE(::rename(tree.path("d").c_str(), tree.path("e/d").c_str()) == 0);
    REQUIRE(::rename(tree.path("x").c_str(), tree.path("here").c_str()) == 0);
    const auto findings = tree.compare(kSizesAlone);
    CHECK(text_of(findings) ==
          "FileRename " + tree.path("e/d") + " from " + tree.path("d") + "\n");
    tree.apply_after_a_loss(*tree.catalogue, findings);
    CHECK(text_of(tree.compare(kSizesAlone)) == "");
    CHECK(tree.in_catalogue() == tree.on_disk());
}

TEST_CASE("both halves of an exchange are believed, whoever was thought to be there") {
    ChangingTree tree(1);
    REQUIRE(::mkdir(tree.path("one").c_str(), 0755) == 0);
    std::ofstream(tree.path("other")) << "was thought to be there";
    tree.apply(tree.compare(kSizesAlone));
    // Lost: "other" is another one.
    REQUIRE(::mkdir(tree.path("new").c_str(), 0755) == 0);
    REQUIRE(::rename(tree.path("other").c_str(), tree.path("new/other").c_str()) == 0);
    std::ofstream(tree.path("other")) << "is there";
    const ObjectKey one = object_of(tree.path("one"));
    const ObjectKey other = object_of(tree.path("other"));
    std::vector<Finding> halves{
        tree.renamed(one, {.mode = S_IFDIR | 0755}, "one", "other", VX_F_EXCHANGE),
        tree.renamed(other, {.mode = S_IFREG | 0644, .size = 8}, "other", "one", VX_F_EXCHANGE)};
    if (GENERATE(true, false)) {
        std::swap(halves[0], halves[1]);
    }
    tree.apply_after_a_loss(*tree.catalogue, halves);
    CHECK(known_as(tree, "other") == one);
    CHECK(known_as(tree, "one") == other);
    CHECK(tree.catalogue->untold().value_or({{}}).empty());
}

TEST_CASE("both halves of an exchange are believed, although one was not known") {
    ChangingTree tree(1);
    std::ofstream(tree.path("one")) << "was thought to be there";
    tree.apply(tree.compare(kSizesAlone));
    // Lost: that "one" is another one, and that "other" is there.
    REQUIRE(::rename(tree.path("one").c_str(), tree.path("elsewhere").c_str()) == 0);
    std::ofstream(tree.path("one")) << "1";
    std::ofstream(tree.path("other")) << "2";
    const ObjectKey one = object_of(tree.path("one"));
    const ObjectKey other = object_of(tree.path("other"));
    const ObjectFacts facts{.mode = S_IFREG | 0644, .size = 1};
    tree.apply_after_a_loss(*tree.catalogue,
                            {tree.renamed(one, facts, "one", "other", VX_F_EXCHANGE),
                             tree.renamed(other, facts, "other", "one", VX_F_EXCHANGE)});
    CHECK(known_as(tree, "other") == one);
    CHECK(known_as(tree, "one") == other);
    CHECK(tree.catalogue->untold().value_or({{}}).empty());
}

TEST_CASE("who has changed places and then got the old name back is told to have both") {
    ChangingTree tree(1);
    std::ofstream(tree.path("one")) << "1";
    std::ofstream(tree.path("other")) << "2";
    tree.apply(tree.compare(kSizesAlone));
    const ObjectKey one = object_of(tree.path("one"));
    const ObjectKey other = object_of(tree.path("other"));
    const ObjectFacts facts{.mode = S_IFREG | 0644, .size = 1};
    // Lost: the other half. Then its old name is free, and another one of it.
    const auto named = [&](unsigned op, std::uint32_t flags, const ObjectKey& object) {
        Finding event = tree.renamed(object, facts, "", "other", flags);
        event.op = op;
        event.old_path.clear();
        return event;
    };
    const std::vector<Finding> events{
        tree.renamed(one, facts, "one", "other", VX_F_EXCHANGE),
        named(VX_OP_FILE_DELETE, VX_F_LAST_LINK, one), named(VX_OP_HARDLINK_CREATE, 0, other)};
    REQUIRE(::rename(tree.path("other").c_str(), tree.path("one").c_str()) == 0);
    REQUIRE(::link(tree.path("one").c_str(), tree.path("other").c_str()) == 0);
    tree.apply_after_a_loss(*tree.catalogue, events);
    const auto findings = tree.compare(kSizesAlone);
    CHECK(text_of(findings) == "HardlinkCreate " + tree.path("one") + "\n");
    tree.apply_after_a_loss(*tree.catalogue, findings);
    CHECK(text_of(tree.compare(kSizesAlone)) == "");
    CHECK(tree.in_catalogue() == tree.on_disk());
}

TEST_CASE("who has a name is still told after another exchange that does not say it") {
    ChangingTree tree(1);
    REQUIRE(::mkdir(tree.path("one").c_str(), 0755) == 0);
    std::ofstream(tree.path("other")) << "changes places with it";
    tree.apply(tree.compare(kSizesAlone));
    const Finding half = tree.renamed(object_of(tree.path("one")), {.mode = S_IFDIR | 0755}, "one",
                                      "other", VX_F_EXCHANGE);
    REQUIRE(::renameat2(AT_FDCWD, tree.path("one").c_str(), AT_FDCWD, tree.path("other").c_str(),
                        RENAME_EXCHANGE) == 0);
    // Lost: the other half, that they change places back, and the other half of the third time.
    tree.apply_after_a_loss(*tree.catalogue, {half, half});
    const auto findings = tree.compare(kSizesAlone);
    CHECK(text_of(findings) ==
          "FileRename " + tree.path("one") + " from " + tree.path("other") + "\n");
    tree.apply_after_a_loss(*tree.catalogue, findings);
    CHECK(text_of(tree.compare(kSizesAlone)) == "");
}
