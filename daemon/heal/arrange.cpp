// SPDX-License-Identifier: Apache-2.0
// The order of steps: each waits for those that make it possible (Kahn's algorithm; in a cycle, two
// moves become an exchange).
#include <algorithm>
#include <deque>
#include <utility>

#include "heal/comparison.hpp"

namespace vexfs::heal {

namespace {

constexpr std::size_t kNone = SIZE_MAX;
constexpr unsigned kDepthMax = 4096;

class Order {
  public:
    Order(std::vector<Finding> steps, Catalogue& catalogue)
        : steps_(std::move(steps)), catalogue_(catalogue), nodes_(steps_.size()) {}

    Result<std::vector<Finding>> run() {
        index();
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            depend(i);
        }
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            if (nodes_[i].waits_for == 0) {
                ready_.push_back(i);
            }
        }
        Status status = work();
        while (status && left_ != 0) {
            status = break_circle();
            status = status ? work() : status;
        }
        return status ? Result<std::vector<Finding>>(std::move(out_)) : status;
    }

  private:
    struct Node {
        std::vector<std::size_t> then;  // wait for this one
        std::size_t waits_for = 0;
        bool done = false;
        bool aside = false;  // it has gone out of the way
    };

    static bool is_move(const Finding& step) { return step.op == VX_OP_FILE_RENAME; }
    static bool is_delete(const Finding& step) {
        return step.op == VX_OP_FILE_DELETE || step.op == VX_OP_DIR_DELETE;
    }

    void index() {
        left_ = steps_.size();
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            const Finding& step = steps_[i];
            if (is_move(step) || is_delete(step)) {
                frees_[source_of(step)] = i;
                empties_.emplace(source_of(step).parent, i);
            }
            if (step.op == VX_OP_DIR_CREATE) {
                makes_[step.object] = i;
            } else if (is_move(step) && (step.flags & VX_F_DIRECTORY) != 0) {
                moves_[step.object] = i;
            }
        }
    }

    void wait(std::size_t step, std::size_t first) {
        if (step != first) {
            nodes_[first].then.push_back(step);
            ++nodes_[step].waits_for;
        }
    }

    void depend(std::size_t i) {
        const Finding& step = steps_[i];
        if (step.op == VX_OP_DIR_DELETE) {
            const auto [first, last] = empties_.equal_range(step.object);
            std::for_each(first, last, [&](const auto& each) { wait(i, each.second); });
        }
        wait_for_making(i, source_of(step).parent);
        if (is_delete(step)) {
            return;
        }
        if (const auto occupied = frees_.find({step.parent, step.name}); occupied != frees_.end()) {
            wait(i, occupied->second);
        }
        if (step.parent != source_of(step).parent) {
            wait_for_making(i, step.parent);
        }
    }

    // Also to leave it: the catalogue can know what is in a directory and not where that is.
    void wait_for_making(std::size_t i, const ObjectKey& directory) {
        if (const auto made = makes_.find(directory); made != makes_.end()) {
            wait(i, made->second);
        }
    }

    // The directory that this one is in, after the steps until now.
    Result<std::optional<ObjectKey>> parent_of(const ObjectKey& directory) {
        if (const auto placed = placed_.find(directory); placed != placed_.end()) {
            return std::optional(placed->second);
        }
        const Result<std::vector<Place>> places = catalogue_.places_of(directory);
        if (!places) {
            return places.status();
        }
        return places->empty() ? std::optional<ObjectKey>() : places->front().parent;
    }

    // Whether a directory is not below another one, after the steps until now. `between`: those on
    // the way from it.
    Result<bool> is_outside(ObjectKey here, const ObjectKey& other,
                            std::vector<ObjectKey>* between = nullptr) {
        for (unsigned depth = 0; depth < kDepthMax && here != other; ++depth) {
            if (between != nullptr) {
                between->push_back(here);
            }
            const Result<std::optional<ObjectKey>> parent = parent_of(here);
            if (!parent || !*parent) {
                return parent ? Result<bool>(true) : parent.status();
            }
            here = **parent;
        }
        return false;
    }

    // A directory cannot go below itself: what is between moves out first. False: it waits for
    // that.
    Result<bool> can_go(std::size_t i) {
        const Finding& step = steps_[i];
        if (!is_move(step) || (step.flags & VX_F_DIRECTORY) == 0) {
            return true;
        }
        std::vector<ObjectKey> between;
        Result<bool> outside = is_outside(step.parent, step.object, &between);
        if (!outside || *outside) {
            return outside;
        }
        for (const ObjectKey& directory : between) {
            const auto move = moves_.find(directory);
            if (move != moves_.end() && !nodes_[move->second].done) {
                wait(i, move->second);
            }
        }
        return nodes_[i].waits_for != 0
                   ? outside
                   : Status::error(EIO, "what was found contradicts itself");
    }

    void finish(std::size_t i) {
        nodes_[i].done = true;
        --left_;
        release(i);
    }

    void release(std::size_t i) {
        for (const std::size_t next : std::exchange(nodes_[i].then, {})) {
            if (--nodes_[next].waits_for == 0 && !nodes_[next].done) {
                ready_.push_back(next);
            }
        }
    }

    Status work() {
        while (!ready_.empty()) {
            const std::size_t i = ready_.front();
            ready_.pop_front();
            const Result<bool> can = nodes_[i].done ? false : can_go(i);
            if (!can) {
                return can.status();
            }
            if (*can) {
                tell(steps_[i]);
                finish(i);
            }
        }
        return {};
    }

    // Of what is left, each step waits for another. A move whose place is held by another move
    // changes places with it, and that one goes on from there. Else some move goes out of the way.
    // Without one, directories have gone of which each is in another, as far as anybody knows.
    Status break_circle() {
        std::size_t any = kNone;
        std::size_t gone = kNone;
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            if (nodes_[i].done || !is_move(steps_[i])) {
                gone = !nodes_[i].done && is_delete(steps_[i]) ? i : gone;
                continue;
            }
            any = any == kNone && !nodes_[i].aside ? i : any;
            const auto holder = frees_.find({steps_[i].parent, steps_[i].name});
            if (nodes_[i].waits_for != 1 || holder == frees_.end() ||
                nodes_[holder->second].done || !is_move(steps_[holder->second])) {
                continue;
            }
            const Finding& other = steps_[holder->second];
            const Result<bool> one = is_outside(steps_[i].parent, steps_[i].object);
            const Result<bool> both =
                one && *one ? is_outside(steps_[i].old_parent, other.object) : one;
            if (!both) {
                return both.status();
            }
            if (*both) {
                exchange(i, holder->second);
                return {};
            }
        }
        if (any == kNone && gone != kNone) {
            tell(steps_[gone]);
            finish(gone);
            return {};
        }
        return any != kNone ? put_aside(any)
                            : Status::error(EIO, "what was found contradicts itself");
    }

    void tell(Finding step) {
        if ((step.flags & VX_F_DIRECTORY) != 0 && !is_delete(step)) {
            placed_[step.object] = step.parent;
        }
        out_.push_back(std::move(step));
    }

    // The root that a directory is below. It is below none that moves.
    Result<ObjectKey> root_above(ObjectKey here) {
        for (unsigned depth = 0; depth < kDepthMax && !catalogue_.is_root(here); ++depth) {
            const Result<std::optional<ObjectKey>> parent = parent_of(here);
            if (!parent) {
                return parent.status();
            }
            if (!*parent) {
                break;
            }
            here = **parent;
        }
        return here;
    }

    // By a name that nobody has used: what waits for the old one can go on.
    Status put_aside(std::size_t i) {
        nodes_[i].aside = true;
        Finding& step = steps_[i];
        const Result<ObjectKey> parent = root_above(step.old_parent);
        if (!parent) {
            return parent.status();
        }
        Finding aside = step;
        aside.parent = *parent;
        aside.name = step.name2.substr(0, VX_NAME_MAX - 32) + ".resync-" +
                     std::to_string(++aside_) + "-" + std::to_string(step.object.ino);
        frees_.erase(source_of(step));
        step.old_parent = aside.parent;
        step.name2 = aside.name;
        frees_[source_of(step)] = i;
        tell(std::move(aside));
        release(i);
        return {};
    }

    void exchange(std::size_t i, std::size_t other) {
        Finding first = steps_[i];
        Finding second = steps_[other];
        const Place vacated = source_of(first);
        first.flags |= VX_F_EXCHANGE;
        first.cookie = ++cookie_;
        second.flags |= VX_F_EXCHANGE;
        second.cookie = cookie_;
        const bool there = Place{second.parent, second.name} == vacated;
        second.parent = vacated.parent;
        second.name = vacated.name;
        if (first.object != second.object) {  // else both are names of it as before
            tell(std::move(first));
            tell(std::move(second));
        }
        if (there) {
            finish(i);
            finish(other);
            return;
        }
        steps_[other].old_parent = vacated.parent;
        steps_[other].name2 = vacated.name;
        frees_[vacated] = other;
        for (const std::size_t next : std::vector<std::size_t>(nodes_[i].then)) {
            const Finding& step = steps_[next];
            const bool empties = step.op == VX_OP_DIR_DELETE && step.object == vacated.parent;
            if (empties || Place{step.parent, step.name} == vacated) {
                wait(next, other);
            }
        }
        finish(i);
    }

    std::vector<Finding> steps_;
    Catalogue& catalogue_;
    std::vector<Node> nodes_;
    std::map<Place, std::size_t> frees_;  // by the name that it frees
    std::unordered_multimap<ObjectKey, std::size_t, ObjectKeyHash> empties_;  // by its directory
    std::unordered_map<ObjectKey, std::size_t, ObjectKeyHash> makes_;
    std::unordered_map<ObjectKey, std::size_t, ObjectKeyHash> moves_;
    std::deque<std::size_t> ready_;
    // Where directories are by now, of those that were made or moved.
    std::unordered_map<ObjectKey, ObjectKey, ObjectKeyHash> placed_;
    std::vector<Finding> out_;
    std::size_t left_ = 0;
    std::uint32_t cookie_ = 0;
    unsigned aside_ = 0;
};

}  // namespace

Result<std::vector<Finding>> arrange(std::vector<Finding> steps, Catalogue& catalogue) {
    return Order(std::move(steps), catalogue).run();
}

}  // namespace vexfs::heal
