// SPDX-License-Identifier: Apache-2.0
// A tree that changes behind the catalogue's back: what is found brings the catalogue to what is
// there, by steps that are possible one after the other, and never takes a move for anything else.
#include "heal/comparison.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <random>

#include "support/changing_tree.hpp"
#include "support/random_trees.hpp"

using namespace vexfs;
using namespace vexfs::heal;
using namespace vexfs::test;

namespace {

std::map<std::uint64_t, int> objects(const ChangingTree::All& all) {
    std::map<std::uint64_t, int> out;
    for (const auto& [path, seen] : all) {
        ++out[seen.ino];
    }
    return out;
}

// That each step is possible is checked where it is applied.
void check_what_is_found(ChangingTree& tree) {
    const auto findings = tree.compare(kSizesAlone);
    INFO(text_of(findings));
    tree.apply(findings);
    CHECK(tree.in_catalogue() == tree.on_disk());
    CHECK(tree.compare(kSizesAlone).empty());
}

}  // namespace

TEST_CASE("whatever has happened to a tree, what is found leads to what is there") {
    for_each_tree(150, [](std::uint64_t seed) {
        std::mt19937_64 random(seed);
        ChangingTree tree(seed);
        const auto rounds = static_cast<unsigned>(2 + random() % 3);
        for (unsigned round = 0; round < rounds; ++round) {
            for (auto steps = random() % 120; steps != 0; --steps) {
                tree.change();
            }
            const ChangingTree::All after = tree.on_disk();
            const auto findings = tree.compare(kSizesAlone);
            INFO(text_of(findings));
            tree.apply(findings);
            REQUIRE(tree.in_catalogue() == after);
            CHECK(tree.compare(kSizesAlone).empty());
            const auto there = objects(after);
            for (const Finding& f : findings) {
                if (f.op == VX_OP_FILE_CREATE || f.op == VX_OP_DIR_CREATE) {
                    CHECK(there.count(f.object.ino) == 1);
                }
                if ((f.flags & VX_F_LAST_LINK) != 0 || f.op == VX_OP_DIR_DELETE) {
                    // Its number may have been given to something new.
                    CHECK((there.count(f.object.ino) == 0 || f.object.gen != 0));
                }
            }
        }
    });
}

TEST_CASE("a directory that was moved with all that is in it is one rename") {
    ChangingTree tree(1);
    REQUIRE(::mkdir(tree.path("from").c_str(), 0755) == 0);
    REQUIRE(::mkdir(tree.path("to").c_str(), 0755) == 0);
    for (int i = 0; i < 50; ++i) {
        std::ofstream(tree.path("from/file") + std::to_string(i)) << i;
    }
    tree.apply(tree.compare(kSizesAlone));
    REQUIRE(::rename(tree.path("from").c_str(), tree.path("to/here").c_str()) == 0);
    const auto findings = tree.compare(kSizesAlone);
    REQUIRE(text_of(findings) ==
            "FileRename " + tree.path("to/here") + " from " + tree.path("from") + "\n");
    CHECK((findings[0].flags & VX_F_DIRECTORY) != 0);
    CHECK((findings[0].flags & VX_F_RESYNC) != 0);
}

TEST_CASE("names that have changed round in a circle are told as exchanges") {
    ChangingTree tree(1);
    for (const char* name : {"a", "b", "c"}) {
        REQUIRE(::mkdir(tree.path(name).c_str(), 0755) == 0);
    }
    tree.apply(tree.compare(kSizesAlone));
    const auto exchange = [&](const char* one, const char* other) {
        REQUIRE(::renameat2(AT_FDCWD, tree.path(one).c_str(), AT_FDCWD, tree.path(other).c_str(),
                            RENAME_EXCHANGE) == 0);
    };
    exchange("a", "b");
    exchange("b", "c");
    const auto findings = tree.compare(kSizesAlone);
    INFO(text_of(findings));
    REQUIRE(findings.size() == 4);
    for (const Finding& f : findings) {
        CHECK(f.op == VX_OP_FILE_RENAME);
        CHECK((f.flags & VX_F_EXCHANGE) != 0);
    }
    const ChangingTree::All after = tree.on_disk();
    tree.apply(findings);
    CHECK(tree.in_catalogue() == after);
}

TEST_CASE("a directory goes below another only when that has moved out of it") {
    ChangingTree tree(1);
    for (const char* name : {"b", "c", "c/b"}) {
        REQUIRE(::mkdir(tree.path(name).c_str(), 0755) == 0);
    }
    std::ofstream(tree.path("a")) << "x";
    tree.apply(tree.compare(kSizesAlone));
    tree.move("c/b", "new");
    tree.move("b", "new/c");
    tree.move("c", "new/c/a");
    tree.move("a", "c");
    tree.move("new", "a");
    check_what_is_found(tree);
}

TEST_CASE("a directory goes only when what came into it by an exchange has left") {
    ChangingTree tree(1);
    for (const char* name : {"z", "z/d", "z/d/x"}) {
        REQUIRE(::mkdir(tree.path(name).c_str(), 0755) == 0);
    }
    std::ofstream(tree.path("y")) << "x";
    tree.apply(tree.compare(kSizesAlone));
    tree.move("z/d/x", "new");
    REQUIRE(::rmdir(tree.path("z/d").c_str()) == 0);
    tree.move("z", "new/t");
    tree.move("y", "z");
    tree.move("new", "y");
    check_what_is_found(tree);
}

TEST_CASE("two names of one object in a circle of moves are not exchanged for each other") {
    ChangingTree tree(1);
    REQUIRE(::mkdir(tree.path("c").c_str(), 0755) == 0);
    std::ofstream(tree.path("b")) << "linked";
    REQUIRE(::link(tree.path("b").c_str(), tree.path("c/d").c_str()) == 0);
    std::ofstream(tree.path("d")) << "alone";
    tree.apply(tree.compare(kSizesAlone));
    tree.move("c/d", "linked");
    tree.move("d", "c/d");
    tree.move("linked", "d");
    tree.move("b", "linked");
    tree.move("c", "b");
    tree.move("linked", "c");
    check_what_is_found(tree);
}

TEST_CASE("what is looked at behind a mount is called as events call it") {
    ChangingTree tree(1);
    const Directory& root = tree.root();
    REQUIRE(tree.catalogue->begin().ok());
    REQUIRE(tree.catalogue->add_root(root.object, "/mount", root.path, 0).ok());
    REQUIRE(tree.catalogue->commit(0, 0).ok());
    REQUIRE(::mkdir(tree.path("d").c_str(), 0755) == 0);
    std::ofstream(tree.path("d/f")) << "x";
    CHECK(text_of(tree.compare(kSizesAlone)) ==
          "DirCreate /mount/d\nFileCreate /mount/d/f\nFileWrite /mount/d/f\n"
          "FileClose /mount/d/f\n");
}

TEST_CASE("a file that was written since the loss is told, although its size is the same") {
    ChangingTree tree(1);
    std::ofstream(tree.path("f")) << "one";
    std::ofstream(tree.path("g")) << "one";
    tree.apply(tree.compare(kSizesAlone));
    struct stat st {};
    REQUIRE(::stat(tree.path("g").c_str(), &st) == 0);
    // From before the catalogue knew of them: it cannot have seen it.
    const Suspicion since{.since_seq = tree.seq() + 1, .since_ns = 0, .ops = kTold};
    CHECK(text_of(tree.compare(since)) ==
          "FileWrite " + tree.path("f") + "\nFileClose " + tree.path("f") + "\nFileWrite " +
              tree.path("g") + "\nFileClose " + tree.path("g") + "\n");
    const Suspicion later{.since_seq = tree.seq() + 1, .since_ns = ~0ULL, .ops = kTold};
    CHECK(tree.compare(later).empty());
    // An event after the loss has told of it.
    const Suspicion earlier{.since_seq = 1, .since_ns = 0, .ops = kTold};
    CHECK(tree.compare(earlier).empty());
    const Suspicion untold{.since_seq = tree.seq() + 1,
                           .since_ns = 0,
                           .ops = kTold & ~(VX_OP_BIT(VX_OP_FILE_WRITE))};
    CHECK(tree.compare(untold).empty());
}

TEST_CASE("the names of a directory at an earlier event are those that it had then") {
    const std::uint64_t first = seed();
    for (std::uint64_t n = 0; n < 20; ++n) {
        INFO("VEXFS_SEED=" << first + n);
        ChangingTree tree(first + n);
        std::vector<std::pair<std::uint64_t, ChangingTree::All>> then;
        for (unsigned round = 0; round < 6; ++round) {
            for (unsigned i = 0; i < 30; ++i) {
                tree.change();
            }
            tree.apply(tree.compare(kSizesAlone));
            then.emplace_back(tree.seq(), tree.on_disk());
        }
        for (const auto& [seq, all] : then) {
            const ChangingTree::All now = tree.in_catalogue(seq);
            REQUIRE(now.size() == all.size());
            for (auto a = now.begin(), b = all.begin(); a != now.end(); ++a, ++b) {
                CHECK(a->first == b->first);
                CHECK(a->second.ino == b->second.ino);
            }
        }
    }
}

TEST_CASE("an exchange needs no look, and leaves what is in the directory where it was") {
    ChangingTree tree(1);
    REQUIRE(::mkdir(tree.path("d").c_str(), 0755) == 0);
    std::ofstream(tree.path("d/below")) << "x";
    std::ofstream(tree.path("f")) << "y";
    tree.apply(tree.compare(kSizesAlone));
    unsigned looks = 0;
    tree.catalogue->set_on_unknown([&](const ObjectKey&) { ++looks; });
    const bool file_first = GENERATE(true, false);
    // As the kernel tells it: each object, from where to where.
    const auto move = [&](const char* from, const char* to) {
        const auto name = tree.catalogue->find(tree.root().object, from);
        REQUIRE((name.ok() && name->has_value()));
        const auto facts = tree.catalogue->facts_of((*name)->object);
        REQUIRE((facts.ok() && facts->has_value()));
        return tree.renamed((*name)->object, **facts, from, to, VX_F_EXCHANGE);
    };
    const std::vector<Finding> both{move("d", "f"), move("f", "d")};
    REQUIRE(::renameat2(AT_FDCWD, tree.path("d").c_str(), AT_FDCWD, tree.path("f").c_str(),
                        RENAME_EXCHANGE) == 0);
    file_first ? tree.apply({both[1], both[0]}) : tree.apply(both);
    CHECK(looks == 0);
    CHECK(tree.in_catalogue() == tree.on_disk());
}

TEST_CASE("directories that have gone and were thought to be in each other are told as gone") {
    ChangingTree tree(1);
    for (const char* name : {"x", "y"}) {
        REQUIRE(::mkdir(tree.path(name).c_str(), 0755) == 0);
    }
    tree.apply(tree.compare(kSizesAlone));
    const ObjectKey x = object_of(tree.path("x"));
    const ObjectKey y = object_of(tree.path("y"));
    // Lost: that "x" has come back before "y" moves, and that both have gone.
    const auto moves = [&](const ObjectKey& object, const char* name, const ObjectKey& to) {
        Finding event = tree.renamed(object, {.mode = S_IFDIR | 0755}, name, name, 0);
        event.parent = to;
        return event;
    };
    tree.apply_after_a_loss(*tree.catalogue, {moves(x, "x", y), moves(y, "y", x)});
    for (const char* name : {"x", "y"}) {
        REQUIRE(::rmdir(tree.path(name).c_str()) == 0);
    }
    Comparison comparison(*tree.catalogue, kSizesAlone);
    std::vector<Directory> left;
    REQUIRE(comparison.add(list(tree.root()), left, left).ok());
    REQUIRE(comparison.add_gone(x).ok());
    const auto findings = comparison.findings();
    INFO(findings.status().message());
    REQUIRE(findings.ok());
    CHECK(findings->size() == 2);
    tree.apply_after_a_loss(*tree.catalogue, *findings);
    for (const ObjectKey& directory : {x, y}) {
        CHECK(tree.catalogue->names_in(directory)->empty());
        CHECK_FALSE(tree.catalogue->knows(directory).value_or(true));
    }
}
