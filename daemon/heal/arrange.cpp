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
            if (Status status = depend(i); !status) {
                return status;
            }
        }
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            if (nodes_[i].waits_for == 0) {
                ready_.push_back(i);
            }
        }
        work();
        while (left_ != 0) {
            if (Status status = break_circle(); !status) {
                return status;
            }
            work();
        }
        return std::move(out_);
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
    static Place source(const Finding& step) {
        return is_move(step) ? Place{step.old_parent, step.name2}
                             : Place{step.parent, step.name};
    }

    void index() {
        left_ = steps_.size();
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            const Finding& step = steps_[i];
            if (is_move(step) || is_delete(step)) {
                frees_[source(step)] = i;
                empties_.emplace(source(step).parent, i);
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

    Status depend(std::size_t i) {
        const Finding& step = steps_[i];
        if (step.op == VX_OP_DIR_DELETE) {
            const auto [first, last] = empties_.equal_range(step.object);
            std::for_each(first, last, [&](const auto& each) { wait(i, each.second); });
        }
        if (is_delete(step)) {
            return {};
        }
        if (const auto occupied = frees_.find({step.parent, step.name}); occupied != frees_.end()) {
            wait(i, occupied->second);
        }
        if (const auto made = makes_.find(step.parent); made != makes_.end()) {
            wait(i, made->second);
        }
        return (step.flags & VX_F_DIRECTORY) != 0 && is_move(step) ? depend_above(i) : Status();
    }

    // A directory cannot go below itself: what is between moves out first.
    Status depend_above(std::size_t i) {
        std::vector<std::size_t> between;
        ObjectKey here = steps_[i].parent;
        for (unsigned depth = 0; depth < kDepthMax; ++depth) {
            if (here == steps_[i].object) {
                std::for_each(between.begin(), between.end(), [&](auto move) { wait(i, move); });
                return {};
            }
            if (const auto moved = moves_.find(here); moved != moves_.end()) {
                between.push_back(moved->second);
            }
            const auto made = makes_.find(here);
            if (made != makes_.end()) {
                here = steps_[made->second].parent;
                continue;
            }
            const Result<std::vector<Place>> places = catalogue_.places_of(here);
            if (!places || places->empty()) {
                return places.status();
            }
            here = places->front().parent;
        }
        return {};
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

    void work() {
        while (!ready_.empty()) {
            const std::size_t i = ready_.front();
            ready_.pop_front();
            if (!nodes_[i].done) {
                tell(steps_[i]);
                finish(i);
            }
        }
    }

    // Of what is left, each step waits for another. A move whose place is held by another move
    // changes places with it, and that one goes on from there. Else some move goes out of the way.
    Status break_circle() {
        std::size_t any = kNone;
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            if (nodes_[i].done || !is_move(steps_[i])) {
                continue;
            }
            any = any == kNone && !nodes_[i].aside ? i : any;
            const auto holder = frees_.find({steps_[i].parent, steps_[i].name});
            if (nodes_[i].waits_for != 1 || holder == frees_.end() ||
                nodes_[holder->second].done || !is_move(steps_[holder->second])) {
                continue;
            }
            const Result<bool> possible = is_outside(steps_[i].old_parent,
                                                     steps_[holder->second].object);
            if (!possible) {
                return possible.status();
            }
            if (*possible) {
                exchange(i, holder->second);
                return {};
            }
        }
        return any != kNone ? put_aside(any)
                            : Status::error(EIO, "what was found contradicts itself");
    }

    // Whether a directory is not below another one, after the steps until now.
    Result<bool> is_outside(ObjectKey here, const ObjectKey& other) {
        for (unsigned depth = 0; depth < kDepthMax && here != other; ++depth) {
            if (const auto placed = placed_.find(here); placed != placed_.end()) {
                here = placed->second;
                continue;
            }
            const Result<std::vector<Place>> places = catalogue_.places_of(here);
            if (!places || places->empty()) {
                return places ? Result<bool>(true) : places.status();
            }
            here = places->front().parent;
        }
        return false;
    }

    void tell(Finding step) {
        if ((step.flags & VX_F_DIRECTORY) != 0 && !is_delete(step)) {
            placed_[step.object] = step.parent;
        }
        out_.push_back(std::move(step));
    }

    // A directory that is above this one and stays where it is.
    Result<ObjectKey> steady_above(ObjectKey here) {
        for (unsigned depth = 0; depth < kDepthMax; ++depth) {
            const Result<std::vector<Place>> places = catalogue_.places_of(here);
            if (!places) {
                return places.status();
            }
            const bool moves = moves_.count(here) != 0 ||
                               std::any_of(places->begin(), places->end(), [&](const auto& at) {
                                   return frees_.count({at.parent, at.name}) != 0;
                               });
            if (!moves || places->empty()) {
                return here;
            }
            here = places->front().parent;
        }
        return here;
    }

    // By a name that nobody has used: what waits for the old one can go on.
    Status put_aside(std::size_t i) {
        nodes_[i].aside = true;
        Finding& step = steps_[i];
        const Result<ObjectKey> parent = steady_above(step.old_parent);
        if (!parent) {
            return parent.status();
        }
        Finding aside = step;
        aside.parent = *parent;
        aside.name = step.name2.substr(0, VX_NAME_MAX - 32) + ".resync-" +
                     std::to_string(++aside_) + "-" + std::to_string(step.object.ino);
        step.old_parent = aside.parent;
        step.name2 = aside.name;
        tell(std::move(aside));
        release(i);
        return {};
    }

    void exchange(std::size_t i, std::size_t other) {
        Finding first = steps_[i];
        Finding second = steps_[other];
        const Place vacated = source(first);
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
            if (Place{steps_[next].parent, steps_[next].name} == vacated) {
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
