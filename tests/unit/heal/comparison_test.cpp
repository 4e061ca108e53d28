// SPDX-License-Identifier: Apache-2.0
// A tree that changes behind the catalogue's back: what is found brings the catalogue to what is
// there, by steps that are possible one after the other, and never takes a move for anything else.
#include "heal/comparison.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <random>

#include "fuse/file_handle.hpp"
#include "record.h"
#include "support/catch.hpp"
#include "support/number_from.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"

using namespace vexfs;
using namespace vexfs::heal;
using namespace vexfs::test;

namespace {

constexpr std::uint64_t kFsid = 7;
constexpr std::uint64_t kTold = VX_OPS_DEFAULT;

ObjectKey object_of(const std::string& path) {
    struct stat st {};
    REQUIRE(::stat(path.c_str(), &st) == 0);
    const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    return {kFsid, st.st_ino, fuse::FileHandle::of(fd.get()).generation()};
}

class Tree {
  public:
    explicit Tree(std::uint64_t seed) : random_(seed) {
        REQUIRE(::mkdir((dir_ / "tree").c_str(), 0755) == 0);
        REQUIRE(::mkdir((dir_ / "db").c_str(), 0755) == 0);
        root_ = {object_of(dir_ / "tree"), dir_ / "tree"};
        auto opened = Catalogue::open(dir_ / "db", JournalId{{1}});
        INFO(opened.status().message());
        REQUIRE(opened.ok());
        catalogue = *std::move(opened);
        REQUIRE(catalogue->begin().ok());
        REQUIRE(catalogue->add_root(root_.object, root_.path, root_.path, 0).ok());
        REQUIRE(catalogue->set_complete(root_.object).ok());
        REQUIRE(catalogue->commit(0, 0).ok());
    }

    // Something happens; what it is depends on the seed alone.
    void change() {
        const std::string a = some_path();
        const std::string b = some_path();
        switch (random_() % 11) {
            case 0:
            case 1:
                ::mkdir(a.c_str(), 0755);
                break;
            case 2:
            case 3:
                std::ofstream(a, std::ios::app) << "x";
                break;
            case 4:
                ::link(a.c_str(), b.c_str());
                break;
            case 5:
                ::symlink(a.c_str(), b.c_str());
                break;
            case 6:
                ::remove(a.c_str());
                break;
            case 7:
                ::chmod(a.c_str(), random_() % 2 == 0 ? 0700 : 0750);
                break;
            case 8:
                ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
                break;
            default:
                ::rename(a.c_str(), b.c_str());
                break;
        }
    }

    std::vector<Finding> compare(const Suspicion& suspicion) {
        Comparison comparison(*catalogue, suspicion);
        std::vector<Directory> left{root_};
        while (!left.empty()) {
            Listing listing = list(left.back());
            left.pop_back();
            REQUIRE(listing.state == Listing::State::complete);
            REQUIRE(comparison.add(listing, left, left).ok());
        }
        auto findings = comparison.findings();
        REQUIRE(findings.ok());
        return *std::move(findings);
    }

    // Each as the event that it becomes; each must be possible where the ones before have led.
    void apply(const std::vector<Finding>& findings, bool after_a_loss = false) {
        REQUIRE(catalogue->begin().ok());
        for (const Finding& finding : findings) {
            if (!after_a_loss) {
                check_possible(finding);
            }
            const auto words = record_of(finding, 1);
            REQUIRE(vx_event_check(words.data(), words.size() * 8) == 0);
            EventView view;
            view.seq = ++seq_;
            view.record = reinterpret_cast<const vx_record*>(words.data());
            view.path = finding.path;
            REQUIRE(catalogue->apply(view).ok());
        }
        REQUIRE(catalogue->commit(seq_, 0).ok());
    }

    struct Seen {
        std::uint64_t ino;
        std::uint32_t mode;
        std::uint64_t size;
        bool operator==(const Seen&) const = default;
    };
    using All = std::map<std::string, Seen>;

    All on_disk() {
        All all;
        std::vector<Directory> left{root_};
        while (!left.empty()) {
            const Directory directory = left.back();
            left.pop_back();
            for (const ListedName& name : listed(directory)) {
                const Directory below_it = below(directory, name);
                const bool is_dir = S_ISDIR(name.facts.mode);
                all[below_it.path] = {name.object.ino, name.facts.mode,
                                      S_ISREG(name.facts.mode) ? name.facts.size : 0};
                if (is_dir) {
                    left.push_back(below_it);
                }
            }
        }
        return all;
    }

    All in_catalogue(std::uint64_t at = Catalogue::kNow) {
        All all;
        std::vector<Directory> left{root_};
        while (!left.empty()) {
            const Directory directory = left.back();
            left.pop_back();
            const auto names = catalogue->names_in(directory.object, at);
            REQUIRE(names.ok());
            for (const CatalogueName& name : *names) {
                const std::string path = path_below(directory.path, name.name);
                const auto facts = catalogue->facts_of(name.object);
                REQUIRE(facts.ok());
                const ObjectFacts known = facts->value_or(ObjectFacts{.mode = name.type});
                all[path] = {name.object.ino, known.mode, S_ISREG(known.mode) ? known.size : 0};
                if (name.type == S_IFDIR) {
                    left.push_back({name.object, path});
                }
            }
        }
        return all;
    }

    [[nodiscard]] std::string path(const std::string& name) const {
        return path_below(root_.path, name);
    }
    [[nodiscard]] std::uint64_t seq() const { return seq_; }
    [[nodiscard]] const Directory& root() const { return root_; }

    std::unique_ptr<Catalogue> catalogue;

  private:
    static std::vector<ListedName> listed(const Directory& directory) {
        Listing listing = list(directory);
        REQUIRE(listing.state == Listing::State::complete);
        return std::move(listing.names);
    }
    std::string some_path() {
        std::string path = root_.path;
        const auto depth = 1 + random_() % 4;
        for (unsigned i = 0; i < depth; ++i) {
            path += "/" + std::string(1, static_cast<char>('a' + random_() % 4));
        }
        return path;
    }

    void check_possible(const Finding& f) {
        INFO(vx_op_name(f.op) << ' ' << f.path << " from " << f.old_path);
        if (f.name.empty()) {
            return;
        }
        const auto there = catalogue->find(f.parent, f.name);
        REQUIRE(there.ok());
        const bool gives = f.op == VX_OP_FILE_CREATE || f.op == VX_OP_DIR_CREATE ||
                           f.op == VX_OP_SYMLINK_CREATE || f.op == VX_OP_HARDLINK_CREATE;
        const bool exchange = (f.flags & VX_F_EXCHANGE) != 0;
        if (gives || (f.op == VX_OP_FILE_RENAME && !exchange)) {
            CHECK_FALSE(there->has_value());
        }
        if (gives || f.op == VX_OP_FILE_RENAME) {
            CHECK(*catalogue->knows(f.parent));
        }
        if (f.op == VX_OP_FILE_RENAME && !exchange) {
            const auto source = catalogue->find(f.old_parent, f.name2);
            CHECK((source.ok() && source->has_value() && (*source)->object == f.object));
        }
        if (f.op == VX_OP_DIR_DELETE) {
            CHECK(catalogue->names_in(f.object)->empty());
        }
        if (f.op == VX_OP_DIR_DELETE || f.op == VX_OP_FILE_DELETE) {
            CHECK((there->has_value() && (*there)->object == f.object));
        }
    }

    TempDirectory dir_;
    std::mt19937_64 random_;
    Directory root_;
    std::uint64_t seq_ = 0;
};

std::string text_of(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& f : findings) {
        text += std::string(vx_op_name(f.op)) + " " + f.path;
        text += (f.old_path.empty() ? "" : " from ") + f.old_path + "\n";
    }
    return text;
}

std::map<std::uint64_t, int> objects(const Tree::All& all) {
    std::map<std::uint64_t, int> out;
    for (const auto& [path, seen] : all) {
        ++out[seen.ino];
    }
    return out;
}

}  // namespace

TEST_CASE("whatever has happened to a tree, what is found leads to what is there") {
    const std::uint64_t first = seed();
    const std::uint64_t count = number_from("VEXFS_TREES", 150, 20'000);
    for (std::uint64_t n = 0; n < count; ++n) {
        INFO("VEXFS_SEED=" << first + n << " VEXFS_TREES=1");
        std::mt19937_64 random(first + n);
        Tree tree(first + n);
        const auto rounds = static_cast<unsigned>(2 + random() % 3);
        for (unsigned round = 0; round < rounds; ++round) {
            for (auto steps = random() % 120; steps != 0; --steps) {
                tree.change();
            }
            const Tree::All after = tree.on_disk();
            const auto findings = tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold});
            INFO(text_of(findings));
            tree.apply(findings);
            REQUIRE(tree.in_catalogue() == after);
            CHECK(tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold}).empty());
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
    }
}

TEST_CASE("a directory that was moved with all that is in it is one rename") {
    Tree tree(1);
    REQUIRE(::mkdir(tree.path("from").c_str(), 0755) == 0);
    REQUIRE(::mkdir(tree.path("to").c_str(), 0755) == 0);
    for (int i = 0; i < 50; ++i) {
        std::ofstream(tree.path("from/file") + std::to_string(i)) << i;
    }
    tree.apply(tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold}));
    REQUIRE(::rename(tree.path("from").c_str(), tree.path("to/here").c_str()) == 0);
    const auto findings = tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold});
    REQUIRE(text_of(findings) ==
            "FileRename " + tree.path("to/here") + " from " + tree.path("from") + "\n");
    CHECK((findings[0].flags & VX_F_DIRECTORY) != 0);
    CHECK((findings[0].flags & VX_F_RESYNC) != 0);
}

TEST_CASE("names that have changed round in a circle are told as exchanges") {
    Tree tree(1);
    for (const char* name : {"a", "b", "c"}) {
        REQUIRE(::mkdir(tree.path(name).c_str(), 0755) == 0);
    }
    tree.apply(tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold}));
    const auto exchange = [&](const char* one, const char* other) {
        REQUIRE(::renameat2(AT_FDCWD, tree.path(one).c_str(), AT_FDCWD, tree.path(other).c_str(),
                            RENAME_EXCHANGE) == 0);
    };
    exchange("a", "b");
    exchange("b", "c");
    const auto findings = tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold});
    INFO(text_of(findings));
    REQUIRE(findings.size() == 4);
    for (const Finding& f : findings) {
        CHECK(f.op == VX_OP_FILE_RENAME);
        CHECK((f.flags & VX_F_EXCHANGE) != 0);
    }
    const Tree::All after = tree.on_disk();
    tree.apply(findings);
    CHECK(tree.in_catalogue() == after);
}

TEST_CASE("a file that was written since the loss is told, although its size is the same") {
    Tree tree(1);
    std::ofstream(tree.path("f")) << "one";
    std::ofstream(tree.path("g")) << "one";
    tree.apply(tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold}));
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
        Tree tree(first + n);
        std::vector<std::pair<std::uint64_t, Tree::All>> then;
        for (unsigned round = 0; round < 6; ++round) {
            for (unsigned i = 0; i < 30; ++i) {
                tree.change();
            }
            tree.apply(tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold}));
            then.emplace_back(tree.seq(), tree.on_disk());
        }
        for (const auto& [seq, all] : then) {
            const Tree::All now = tree.in_catalogue(seq);
            REQUIRE(now.size() == all.size());
            for (auto a = now.begin(), b = all.begin(); a != now.end(); ++a, ++b) {
                CHECK(a->first == b->first);
                CHECK(a->second.ino == b->second.ino);
            }
        }
    }
}

TEST_CASE("who was thought to be where an exchange came from is to be looked for") {
    Tree tree(1);
    for (const char* name : {"stale", "stale/below", "one", "other", "elsewhere"}) {
        REQUIRE(::mkdir(tree.path(name).c_str(), 0755) == 0);
    }
    tree.apply(tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold}));
    // Lost: "stale" moves below "elsewhere", and "one" comes to its place.
    REQUIRE(::rename(tree.path("stale").c_str(), tree.path("elsewhere/stale").c_str()) == 0);
    REQUIRE(::mkdir(tree.path("elsewhere/stale/new").c_str(), 0755) == 0);
    REQUIRE(::rename(tree.path("one").c_str(), tree.path("stale").c_str()) == 0);
    std::vector<Finding> told;
    for (const auto& [from, to] : {std::pair("stale", "other"), std::pair("other", "stale")}) {
        Finding finding;
        finding.op = VX_OP_FILE_RENAME;
        finding.flags = VX_F_EXCHANGE | VX_F_DIRECTORY;
        finding.object = object_of(tree.path(from));
        finding.parent = finding.old_parent = tree.root().object;
        finding.name = to;
        finding.name2 = from;
        finding.facts = {.mode = S_IFDIR | 0755};
        finding.path = tree.path(to);
        finding.old_path = tree.path(from);
        told.push_back(finding);
    }
    REQUIRE(::renameat2(AT_FDCWD, tree.path("stale").c_str(), AT_FDCWD,
                        tree.path("other").c_str(), RENAME_EXCHANGE) == 0);
    std::vector<ObjectKey> looks;
    tree.catalogue->set_on_unknown([&](const ObjectKey& object) { looks.push_back(object); });
    tree.apply(told, true);
    CHECK(looks == std::vector<ObjectKey>{object_of(tree.path("elsewhere/stale"))});
    const auto facts = tree.catalogue->facts_of(object_of(tree.path("elsewhere/stale")));
    REQUIRE(facts.ok());
    CHECK_FALSE(facts->has_value());
    tree.apply(tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold}));
    CHECK(tree.in_catalogue() == tree.on_disk());
}

TEST_CASE("an exchange needs no look, and leaves what is in the directory where it was") {
    Tree tree(1);
    REQUIRE(::mkdir(tree.path("d").c_str(), 0755) == 0);
    std::ofstream(tree.path("d/below")) << "x";
    std::ofstream(tree.path("f")) << "y";
    tree.apply(tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold}));
    unsigned looks = 0;
    tree.catalogue->set_on_unknown([&](const ObjectKey&) { ++looks; });
    const bool file_first = GENERATE(true, false);
    // As the kernel tells it: each object, from where to where.
    const auto move = [&](const char* from, const char* to) {
        const auto name = tree.catalogue->find(tree.root().object, from);
        REQUIRE((name.ok() && name->has_value()));
        const auto facts = tree.catalogue->facts_of((*name)->object);
        REQUIRE((facts.ok() && facts->has_value()));
        Finding finding;
        finding.op = VX_OP_FILE_RENAME;
        finding.flags = VX_F_EXCHANGE | ((*name)->type == S_IFDIR ? VX_F_DIRECTORY : 0);
        finding.object = (*name)->object;
        finding.parent = finding.old_parent = tree.root().object;
        finding.name = to;
        finding.name2 = from;
        finding.facts = **facts;
        finding.path = tree.path(to);
        finding.old_path = tree.path(from);
        return finding;
    };
    const std::vector<Finding> both{move("d", "f"), move("f", "d")};
    REQUIRE(::renameat2(AT_FDCWD, tree.path("d").c_str(), AT_FDCWD, tree.path("f").c_str(),
                        RENAME_EXCHANGE) == 0);
    file_first ? tree.apply({both[1], both[0]}) : tree.apply(both);
    CHECK(looks == 0);
    CHECK(tree.in_catalogue() == tree.on_disk());
}

TEST_CASE("a directory that is told to move has no other name, wherever it was thought to be") {
    Tree tree(1);
    for (const char* name : {"d", "e"}) {
        REQUIRE(::mkdir(tree.path(name).c_str(), 0755) == 0);
    }
    tree.apply(tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold}));
    const auto d = tree.catalogue->find(tree.root().object, "d");
    const auto e = tree.catalogue->find(tree.root().object, "e");
    REQUIRE((d.ok() && *d && e.ok() && *e));
    // To a place of which nothing is known (that is lost), and from there into the other one.
    Finding finding;
    finding.op = VX_OP_FILE_RENAME;
    finding.flags = VX_F_DIRECTORY;
    finding.object = (*d)->object;
    finding.parent = (*e)->object;
    finding.old_parent = tree.root().object;
    finding.name = "here";
    finding.name2 = "somewhere";
    finding.facts = {.mode = S_IFDIR | 0755};
    finding.path = tree.path("e/here");
    finding.old_path = tree.path("somewhere");
    REQUIRE(::rename(tree.path("d").c_str(), tree.path("e/here").c_str()) == 0);
    tree.apply({finding}, true);
    CHECK(text_of(tree.compare({.since_seq = 0, .since_ns = ~0ULL, .ops = kTold})) == "");
}
