// SPDX-License-Identifier: Apache-2.0
// TreeStream: what happens in a changing tree, as a stream of events of which some are lost, in a
// journal of its own; the catalogue that follows it; and who has read it from the beginning.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "heal/baseline.hpp"
#include "heal/healer.hpp"
#include "heal/telling.hpp"
#include "support/changing_tree.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/stream_account.hpp"

namespace vexfs::test {

using heal::Baseline;
using heal::Follower;
using heal::Healer;
using heal::Pending;
using heal::Progress;
using heal::Scope;
using heal::Telling;
using heal::Tools;
using heal::Touched;

inline std::string difference(const ChangingTree::All& one, const ChangingTree::All& other) {
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

class TreeStream : public heal::StreamPort {
  public:
    // `unknown`: the catalogue has not looked at the tree, see look_first().
    enum class Tree { known, unknown };
    explicit TreeStream(std::uint64_t seed, Tree is = Tree::known)
        : tree(seed), random_(seed), account_(tree.root()) {
        start();
        if (is == Tree::known) {
            const auto begin = [&](Catalogue& catalogue) { return tree.begin(catalogue); };
            REQUIRE(follower_->change(begin).ok());
        }
    }

    // What is there was so before the stream began.
    void has_been() { tree.apply(tree.compare(kSizesAlone)); }

    // `contents`: also of what files hold, so that the loss does not say where it is.
    enum class Losing { nothing, names, contents, everything };
    void change(Losing losing) {
        tree.change();
        has_changed(losing);
    }
    void move(const char* from, const char* to) {
        tree.move(from, to);
        has_changed(Losing::nothing);
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
        meanwhile_ = {.left = busy ? 40U : 0U};
        lives_ = dies ? static_cast<unsigned>(random_() % 20) : ~0U;
        Progress progress;
        read_on();
        while (follower_->pending().any()) {
            Pending pending = follower_->take_pending();
            told += pending.everywhere ? "looking everywhere:\n" : "looking:\n";
            const Status status = Healer(tools(progress)).heal(pending, {scope()});
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

    // The first look, as the daemon does it, while the tree changes so often and nothing is lost.
    // `touched_most`: as of Touched.
    Status look_first(unsigned changes, std::size_t touched_most = Touched::kMost) {
        meanwhile_ = {.left = changes, .at_once = 10, .loses = false};
        Progress progress;
        Tools with = tools(progress);
        with.touched_most = touched_most;
        Status status = Baseline(with, scope(), false).take();
        meanwhile_ = {};
        return status;
    }
    // Whether anything is to be looked for.
    [[nodiscard]] bool pending() {
        read_on();
        return follower_->pending().any();
    }
    // An event of something that tree.change() does not do.
    void happens(const Finding& event) {
        ring_.push_back([this, event] { put(event); });
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
    std::uint64_t stop_at = 0;                   // with so many; once
    std::function<void()> at_sync;               // once

  private:
    [[nodiscard]] Scope scope() const {
        const Directory& root = tree.root();
        return {.root = root.object, .path = root.path, .place = root.path, .ops = kTold};
    }
    Tools tools(Progress& progress) {
        return {*follower_, *this, progress, [this, &progress] {
                    if (const auto now = at_look; now) {
                        now(progress.directories);
                    }
                    maybe_change();
                    const bool stops = progress.directories == stop_at;
                    stop_at = stops ? 0 : stop_at;
                    return stops;
                }, 0};
    }

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

    void maybe_change() {
        if (meanwhile_.left == 0 || random_() % 2 != 0) {
            return;
        }
        for (unsigned n = 0; meanwhile_.left != 0 && n < meanwhile_.at_once; ++n) {
            --meanwhile_.left;
            const bool loses = meanwhile_.loses && random_() % 8 == 0;
            change(loses ? Losing::names : Losing::nothing);
        }
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
    StreamAccount account_;
    Touched touched_;
    std::deque<std::function<void()>> ring_;  // what has happened and was not read yet
    bool loses_ = false;
    struct Meanwhile {    // changes while it is looked
        unsigned left = 0;
        unsigned at_once = 1;
        bool loses = true;
    };
    Meanwhile meanwhile_;
    unsigned lives_ = 0;  // so many findings are told before the daemon is killed
};

}  // namespace vexfs::test
