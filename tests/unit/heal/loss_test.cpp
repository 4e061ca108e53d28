// SPDX-License-Identifier: Apache-2.0
// Events of which some are lost, at random: after what is found is told, the catalogue and whoever
// has followed the stream have what is there.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "support/changing_tree.hpp"
#include "support/number_from.hpp"
#include "support/records.hpp"

using namespace vexfs;
using namespace vexfs::heal;
using namespace vexfs::test;

namespace {

constexpr Suspicion kSizesAlone{.since_seq = 0, .since_ns = ~0ULL, .ops = kTold};

// What one knows who began with an empty directory and has read the stream since, by the numbers of
// objects, as docs/events.md has them.
class Account {
  public:
    explicit Account(const Directory& root) : root_(root) {}

    void read(const Finding& event) {
        switch (event.op) {
            case VX_OP_FILE_CREATE:
            case VX_OP_DIR_CREATE:
            case VX_OP_SYMLINK_CREATE:
            case VX_OP_HARDLINK_CREATE:
                names_[event.parent][event.name] = event.object;
                break;
            case VX_OP_FILE_DELETE:
            case VX_OP_DIR_DELETE:
                names_[event.parent].erase(event.name);
                break;
            case VX_OP_FILE_RENAME:
                rename(event);
                break;
            default:
                break;
        }
    }

    [[nodiscard]] std::map<std::string, std::uint64_t> paths() const {
        std::map<std::string, std::uint64_t> out;
        std::vector<Directory> left{root_};
        while (!left.empty()) {
            const Directory here = left.back();
            left.pop_back();
            const auto names = names_.find(here.object);
            for (const auto& [name, object] :
                 names == names_.end() ? Names() : names->second) {
                const std::string path = path_below(here.path, name);
                out[path] = object.ino;
                left.push_back({object, path});
            }
        }
        return out;
    }

  private:
    using Names = std::map<std::string, ObjectKey>;

    // One half of an exchange leaves its old name to the other; else it is free.
    void rename(const Finding& event) {
        names_[event.parent][event.name] = event.object;
        Names& old = names_[event.old_parent];
        const auto holder = old.find(event.name2);
        const bool same = event.parent == event.old_parent && event.name == event.name2;
        if (!same && holder != old.end() &&
            ((event.flags & VX_F_EXCHANGE) == 0 || holder->second == event.object)) {
            old.erase(holder);
        }
    }

    Directory root_;
    std::map<ObjectKey, Names, decltype([](const ObjectKey& a, const ObjectKey& b) {
                 return std::tie(a.ino, a.gen) < std::tie(b.ino, b.gen);
             })>
        names_;
};

std::map<std::string, std::uint64_t> numbers(const ChangingTree::All& all) {
    std::map<std::string, std::uint64_t> out;
    for (const auto& [path, seen] : all) {
        out[path] = seen.ino;
    }
    return out;
}

}  // namespace

TEST_CASE("whatever is lost, what is found leads everybody to what is there") {
    const std::uint64_t first = seed();
    const std::uint64_t count = number_from("VEXFS_TREES", 60, 20'000);
    for (std::uint64_t n = 0; n < count; ++n) {
        INFO("VEXFS_SEED=" << first + n << " VEXFS_TREES=1");
        std::mt19937_64 random(first + n);
        ChangingTree tree(first + n);
        const std::unique_ptr<Catalogue> catalogue = tree.open("lossy");
        bool again = false;  // something is to be looked at
        catalogue->set_on_unknown([&](const ObjectKey&) { again = true; });
        Account account(tree.root());
        for (unsigned round = 0; round < 3; ++round) {
            std::string told;
            bool losing = false;
            for (unsigned i = 0; i < 60; ++i) {
                tree.change();
                std::vector<Finding> events = tree.compare(kSizesAlone);
                tree.apply(events);
                for (Finding& event : events) {
                    losing = random() % 4 == 0 ? !losing : losing;
                    if (losing) {
                        continue;
                    }
                    event.flags &= ~std::uint32_t{VX_F_RESYNC};
                    tree.apply_after_a_loss(*catalogue, {event});
                    account.read(event);
                    told += text_of({event});
                }
            }
            for (unsigned look = 0; look < 10 && (look == 0 || again); ++look) {
                again = false;
                const auto findings = tree.compare(*catalogue, kSizesAlone);
                tree.apply_after_a_loss(*catalogue, findings);
                for (const Finding& finding : findings) {
                    account.read(finding);
                }
                told += "found:\n" + text_of(findings);
            }
            INFO(told);
            const ChangingTree::All there = tree.on_disk();
            REQUIRE(tree.in(*catalogue) == there);
            REQUIRE(account.paths() == numbers(there));
            CHECK(tree.compare(*catalogue, kSizesAlone).empty());
        }
    }
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
    const auto d = tree.catalogue->find(tree.root().object, "d");
    const auto e = tree.catalogue->find(tree.root().object, "e");
    REQUIRE((d.ok() && *d && e.ok() && *e));
    // To a place of which nothing is known (that is lost), and from there into the other one.
    Finding finding =
        tree.renamed((*d)->object, {.mode = S_IFDIR | 0755}, "somewhere", "here", 0);
    finding.parent = (*e)->object;
    finding.path = tree.path("e/here");
    REQUIRE(::rename(tree.path("d").c_str(), tree.path("e/here").c_str()) == 0);
    tree.apply_after_a_loss(*tree.catalogue, {finding});
    const auto findings = tree.compare(kSizesAlone);
    CHECK(text_of(findings) ==
          "FileRename " + tree.path("e/here") + " from " + tree.path("d") + "\n");
    tree.apply_after_a_loss(*tree.catalogue, findings);
    CHECK(text_of(tree.compare(kSizesAlone)) == "");
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
    const auto now_other = tree.catalogue->find(tree.root().object, "other");
    const auto now_one = tree.catalogue->find(tree.root().object, "one");
    REQUIRE((now_other.ok() && *now_other && now_one.ok() && *now_one));
    CHECK((*now_other)->object == one);
    CHECK((*now_one)->object == other);
    CHECK(tree.catalogue->untold().value_or({{}}).empty());
}
