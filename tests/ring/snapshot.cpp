// SPDX-License-Identifier: Apache-2.0
// What happens while the reader looks: producers publish between any two of its looks at the
// sub-rings. If one operation was done before another began, the stream has them in that order,
// whatever the reader saw of them when.
#include "ring/harness.hpp"

using namespace vexfs;
using vexfs::test::event;
using vexfs::test::Ring;

extern "C" void (*vx_test_between_looks)(void);

namespace {

constexpr unsigned kProducers = 3;
// of one snapshot: limit, busy, head and visible of each producer
constexpr unsigned kLooks = 4 * kProducers;

struct Action {
    unsigned at_look;
    unsigned producer;
    unsigned op;
};

// Takes the actions, in their order, at the looks that they are meant for.
struct Schedule {
    Ring* ring = nullptr;
    std::vector<Action> actions;
    unsigned look = 0;
    unsigned next = 0;

    void run_due() {
        while (next < actions.size() && actions[next].at_look <= look) {
            ring->attempt(actions[next].producer, actions[next].op, next, 0, next);
            next++;
        }
        look++;
    }
};

Schedule* g_schedule = nullptr;

bool in_order(const std::vector<Action>& actions) {
    Ring ring({.producers = kProducers, .size_m = VX_PAGE, .size_d = VX_PAGE});
    Schedule schedule{.ring = &ring, .actions = actions};
    g_schedule = &schedule;
    vx_test_between_looks = [] { g_schedule->run_due(); };
    std::uint64_t expected = 0;
    bool good = true;
    unsigned idle = 0;
    while (idle < 2 && good) {
        const vx_item item = ring.next();
        if (item.kind == VX_ITEM_NONE) {
            idle += schedule.next == actions.size();
            continue;
        }
        good = good && item.kind == VX_ITEM_EVENT && event(item)->ino == expected;
        expected++;
    }
    vx_test_between_looks = nullptr;
    return good && expected == actions.size();
}

}  // namespace

TEST_CASE("operations that follow one another stay in order, published between any looks") {
    const unsigned ops[] = {VX_OP_FILE_RENAME, VX_OP_FILE_WRITE};
    std::uint64_t runs = 0;
    for (unsigned first_look = 0; first_look <= kLooks; first_look++) {
        for (unsigned second_look = first_look; second_look <= kLooks; second_look++) {
            // Three operations, each on any producer, each of any class; the first is there from
            // the start.
            for (unsigned choice = 0; choice < 8 * 27; choice++) {
                const unsigned who = choice / 8;
                const std::vector<Action> actions = {
                    {0, who % 3, ops[choice & 1]},
                    {first_look, who / 3 % 3, ops[choice >> 1 & 1]},
                    {second_look, who / 9, ops[choice >> 2 & 1]},
                };
                runs++;
                if (!in_order(actions)) {
                    CAPTURE(first_look, second_look, choice);
                    FAIL("the reader changed the order");
                }
            }
        }
    }
    CHECK(runs == 8 * 27 * (kLooks + 1) * (kLooks + 2) / 2);
}
