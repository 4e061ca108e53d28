// SPDX-License-Identifier: Apache-2.0
// Events of which some are lost, at random: after what is found is told, the catalogue and whoever
// has followed the stream have what is there.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "base/clock.hpp"
#include "heal/healer.hpp"
#include "heal/telling.hpp"
#include "support/changing_tree.hpp"
#include "support/journal.hpp"
#include "support/number_from.hpp"
#include "support/records.hpp"

using namespace vexfs;
using namespace vexfs::heal;
using namespace vexfs::test;

namespace {

constexpr Suspicion kSizesAlone{.since_seq = 0, .since_ns = ~0ULL, .ops = kTold};

struct ByNumber {
    bool operator()(const ObjectKey& a, const ObjectKey& b) const {
        return std::tie(a.ino, a.gen) < std::tie(b.ino, b.gen);
    }
};

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
    std::map<ObjectKey, Names, ByNumber> names_;
};

std::map<std::string, std::uint64_t> numbers(const ChangingTree::All& all) {
    std::map<std::string, std::uint64_t> out;
    for (const auto& [path, seen] : all) {
        out[path] = seen.ino;
    }
    return out;
}

std::string difference(const ChangingTree::All& one, const ChangingTree::All& other) {
    std::string text;
    for (const auto& [all, beside] : {std::pair(&one, &other), std::pair(&other, &one)}) {
        for (const auto& [path, seen] : *all) {
            const auto at = beside->find(path);
            if (at == beside->end() || at->second != seen) {
                text += (all == &one ? "catalogue: " : "there: ") + path + " " +
                        std::to_string(seen.ino) + " mode " + std::to_string(seen.mode) +
                        " size " + std::to_string(seen.size) + "\n";
            }
        }
    }
    return text;
}

// The stream of a tree's events, in a journal of its own, as the daemon keeps it; and who follows
// it.
class Stream : public StreamPort {
  public:
    explicit Stream(std::uint64_t seed) : tree(seed), random_(seed), account_(tree.root()) {
        start();
        const auto begin = [&](Catalogue& catalogue) { return tree.begin(catalogue); };
        REQUIRE(follower_->change(begin).ok());
    }

    // `contents`: also of what files hold, so that the loss does not say where it is.
    enum class Losing { nothing, names, contents, everything };
    void change(Losing losing) {
        tree.change();
        has_changed(losing);
    }
    void has_changed(Losing losing) {
        std::vector<Finding> events = tree.compare(kSizesAlone);
        tree.apply(events);
        for (Finding& event : events) {
            // Of attributes too: the object may have other names elsewhere.
            const bool content = event.op == VX_OP_FILE_WRITE || event.op == VX_OP_FILE_CLOSE ||
                                 event.op == VX_OP_FILE_CHMOD;
            loses_ = random_() % 4 == 0 ? !loses_ : loses_;
            if (losing == Losing::everything ||
                (loses_ && losing != Losing::nothing &&
                 (!content || losing == Losing::contents))) {
                const bool anywhere = content || losing == Losing::everything;
                ring_.push_back([this, event, anywhere] { lose(event, anywhere); });
            } else {
                event.flags &= ~std::uint32_t{VX_F_RESYNC};
                ring_.push_back([this, event] { put(event); });
            }
        }
    }

    // As the daemon does it. `busy`: the tree goes on changing meanwhile. `dies`: one daemon is
    // killed while it tells, and the next one finds events that nobody has read.
    void heal(bool busy, bool dies) {
        left_ = busy ? 40 : 0;
        lives_ = dies ? static_cast<unsigned>(random_() % 20) : ~0U;
        const Directory& root = tree.root();
        const std::vector<Scope> scopes{{.root = root.object, .path = root.path, .place = root.path,
                                         .ops = kTold}};
        Progress progress;
        read_on();
        while (follower_->pending().any()) {
            Pending pending = follower_->take_pending();
            told += pending.everywhere ? "looking everywhere:\n" : "looking:\n";
            const Tools tools{*follower_, *this, progress, [&] {
                                  if (at_look) {
                                      at_look(progress.directories);
                                  }
                                  return maybe_change();
                              }, 0};
            const Status status = Healer(tools).heal(pending, scopes);
            if (status.code() == EINTR) {
                told += "killed\n";
                lives_ = ~0U;
                const Losing losing = random_() % 4 == 0 ? Losing::names : Losing::nothing;
                for (unsigned i = 0; i < 30; ++i) {
                    change(losing);
                }
                start();
                continue;
            }
            INFO(status.message());
            REQUIRE(status.ok());
        }
        REQUIRE(follower_->settle().ok());
    }

    Result<std::uint64_t> sync() override {
        if (at_sync) {
            std::exchange(at_sync, {})();
        }
        maybe_change();
        read_ring(~0U);
        const Status status = journal_.flush();
        return status ? Result<std::uint64_t>(journal_.next_seq() - 1) : status;
    }
    Status begin() override {
        touched_.clear();
        return {};
    }
    Result<Told> tell(std::vector<Finding> findings) override {
        Telling telling(std::move(findings));
        while (const Finding* finding = telling.next(touched_)) {
            if (lives_-- == 0) {
                return Status::error(EINTR, "killed");
            }
            put(*finding);
            maybe_change();
            read_ring(random_() % 4);
        }
        return Told{telling.told(), telling.again()};
    }

    [[nodiscard]] auto in_catalogue() { return tree.in(follower_->catalogue()); }
    [[nodiscard]] auto in_account() const { return account_.paths(); }
    [[nodiscard]] auto left() { return tree.compare(follower_->catalogue(), kSizesAlone); }

    ChangingTree tree;
    std::string told;
    std::function<void(std::uint64_t)> at_look;  // with how many directories have been looked at
    std::function<void()> at_sync;               // once

  private:
    void start() {
        follower_.reset();
        auto opened = Follower::open(dir_ / "journal", clock_);
        INFO(opened.status().message());
        REQUIRE(opened.ok());
        follower_ = *std::move(opened);
    }

    // What has happened becomes known at some time, or when it is waited for.
    void read_ring(std::size_t most) {
        for (; most != 0 && !ring_.empty(); --most) {
            ring_.front()();
            ring_.pop_front();
        }
    }

    void read_on() {
        read_ring(~0U);
        REQUIRE(journal_.flush().ok());
        for (bool more = true; more;) {  // a loss without a number may be the last of all
            const Result<bool> turned = follower_->turn();
            REQUIRE(turned.ok());
            more = *turned;
        }
    }

    bool maybe_change() {
        if (left_ != 0 && random_() % 2 == 0) {
            --left_;
            change(random_() % 8 == 0 ? Losing::names : Losing::nothing);
        }
        return false;  // as Tools::stop: no
    }

    void put(Finding event) {
        told += ((event.flags & VX_F_RESYNC) != 0 ? "found: " : "") + text_of({event});
        account_.read(event);
        AsEvent as(event, journal_.next_seq());
        if ((event.flags & VX_F_RESYNC) != 0) {
            as.view.boundary = Boundary::system;
        } else {
            touched_.note(as.view);
        }
        const auto& record = *reinterpret_cast<const vx_event*>(as.words.data());
        as.view.hash = translate::context_hash(record.rec);
        as.view.ops = translate::operations(record);
        REQUIRE(journal_.append(as.view).ok());
    }

    void lose(const Finding& event, bool anywhere) {
        told += "lost: " + text_of({event});
        const std::uint64_t next = journal_.next_seq();
        Gap gap;
        gap.from = next;
        gap.to = next - 1;
        gap.account = true;
        gap.class_d = anywhere;
        gap.ops = {{static_cast<std::uint16_t>(event.op), 0, 1}};
        for (const ObjectKey& directory : {event.parent, event.old_parent}) {
            if (!anywhere && directory.ino != 0) {
                gap.dirty.push_back({directory.fsid, directory.ino, directory.gen, {}});
            }
        }
        REQUIRE(journal_.append(gap).ok());
    }

    TempDirectory dir_;
    std::mt19937_64 random_;
    SystemClock clock_;
    TestJournal journal_{dir_ / "journal"};
    std::unique_ptr<Follower> follower_;
    Account account_;
    Touched touched_;
    std::deque<std::function<void()>> ring_;  // what has happened and was not read yet
    bool loses_ = false;
    unsigned left_ = 0;   // changes while it is looked
    unsigned lives_ = 0;  // so many findings are told before the daemon is killed
};

void lose_and_heal(bool busy, bool dies) {
    const std::uint64_t first = seed();
    const std::uint64_t count = number_from("VEXFS_TREES", 60, 20'000);
    for (std::uint64_t n = 0; n < count; ++n) {
        INFO("VEXFS_SEED=" << first + n << " VEXFS_TREES=1");
        Stream stream(first + n);
        const auto losing = (first + n) % 2 == 0 ? Stream::Losing::names : Stream::Losing::contents;
        for (unsigned round = 0; round < 3; ++round) {
            for (unsigned i = 0; i < 60; ++i) {
                stream.change(losing);
            }
            stream.heal(busy, dies);
            INFO(stream.told);
            const ChangingTree::All there = stream.tree.on_disk();
            REQUIRE(difference(stream.in_catalogue(), there) == "");
            REQUIRE(stream.in_account() == numbers(there));
            CHECK(stream.left().empty());
            stream.told += "healed\n";
        }
    }
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
    Stream stream(1);
    const std::string from = stream.tree.path("known");
    const std::string below = from + "/below/new";
    for (const std::string& directory : {from, from + "/below", below, below + "/deep"}) {
        REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
        stream.has_changed(directory.starts_with(below) ? Stream::Losing::everything
                                                        : Stream::Losing::nothing);
    }
    bool moved = false;
    stream.at_look = [&](std::uint64_t directories) {
        if (directories == when && !std::exchange(moved, true)) {
            REQUIRE(::rename(from.c_str(), stream.tree.path("moved").c_str()) == 0);
            stream.has_changed(Stream::Losing::nothing);
        }
    };
    stream.heal(false, false);
    INFO(stream.told);
    CHECK(difference(stream.in_catalogue(), stream.tree.on_disk()) == "");
    CHECK(stream.in_account() == numbers(stream.tree.on_disk()));
}

TEST_CASE("what moves within a loss while it is looked for is not told as gone") {
    const unsigned when = GENERATE(1U, 2U, 3U, 4U);
    Stream stream(1);
    const std::string top = stream.tree.path("top");
    const std::string deep = top + "/a/b";
    for (const std::string& directory : {top, top + "/a", deep, deep + "/d"}) {
        REQUIRE(::mkdir(directory.c_str(), 0755) == 0);
        stream.has_changed(Stream::Losing::nothing);
    }
    REQUIRE(::mkdir(stream.tree.path("lost").c_str(), 0755) == 0);
    stream.has_changed(Stream::Losing::everything);
    bool moved = false;
    stream.at_look = [&](std::uint64_t directories) {
        if (directories == when && !std::exchange(moved, true)) {
            REQUIRE(::rename((deep + "/d").c_str(), (top + "/d").c_str()) == 0);
            stream.has_changed(Stream::Losing::everything);
        }
    };
    stream.heal(false, false);
    INFO(stream.told);
    CHECK(stream.told.find("found: DirDelete") == std::string::npos);
    CHECK(stream.in_account() == numbers(stream.tree.on_disk()));
}

TEST_CASE("what an event has said before a loss does not settle what is found behind it") {
    Stream stream(1);
    REQUIRE(::mkdir(stream.tree.path("lost").c_str(), 0755) == 0);
    stream.has_changed(Stream::Losing::everything);
    stream.at_sync = [&] {
        const std::string path = stream.tree.path("for a moment");
        REQUIRE(::mkdir(path.c_str(), 0755) == 0);
        stream.has_changed(Stream::Losing::nothing);
        REQUIRE(::rmdir(path.c_str()) == 0);
        stream.has_changed(Stream::Losing::everything);
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
    const auto now_other = tree.catalogue->find(tree.root().object, "other");
    const auto now_one = tree.catalogue->find(tree.root().object, "one");
    REQUIRE((now_other.ok() && *now_other && now_one.ok() && *now_one));
    CHECK((*now_other)->object == one);
    CHECK((*now_one)->object == other);
    CHECK(tree.catalogue->untold().value_or({{}}).empty());
}
