// SPDX-License-Identifier: Apache-2.0
// Operations that programs have pushed: a real journal, a real push ring, and the kernel's side of
// it played.
#include "wiring/pusher.hpp"

#include <sys/mman.h>

#include <string>

#include "base/clock.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/push_kernel.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"

using namespace vexfs;  // NOLINT: a test
using pushback::Strategy;
using test::Record;

namespace {

constexpr std::uint32_t kSet = 1U << VX_UOP_GRAPH_PROPERTY_SET;
constexpr std::uint32_t kQuery = 1U << VX_UOP_GRAPH_NODE_QUERY;

struct Scene {
    Scene() { REQUIRE(rules.add("*:/merge/**=merge").ok()); }

    std::uint64_t happens(unsigned op, std::uint64_t ino = 5, const std::string& path = "/w/a") {
        Record record(op);
        record->ino = ino;
        const std::uint64_t seq = journal.next_seq();
        REQUIRE(journal.append(record.view(seq, path)).ok());
        REQUIRE(journal.flush().ok());
        return seq;
    }
    // What the stream says of the last push.
    Event last() {
        REQUIRE(journal.flush().ok());
        auto reader = *Reader::open(dir.path());
        Event last;
        while (*reader.next() == Reader::Item::event) {
            last = Event(reader.event());
        }
        return last;
    }
    std::uint64_t count(Decision decision) {
        return pusher.decisions()[static_cast<std::size_t>(decision)];
    }

    test::TempDirectory dir;
    test::TestJournal journal{dir.path()};
    DirectoryMap paths;
    ManualClock clock;
    Pipeline pipeline{*journal.store, paths, clock, {.correlate = {.answers = false}}};
    test::PushKernel kernel;
    PushRing ring{kernel.area, kernel.call()};
    pushback::Rules rules;
    Pusher pusher{dir.path(), pipeline, rules, &ring, 77};
};

}  // namespace

TEST_CASE("push: an operation for an event goes to the kernel, and into the stream") {
    Scene s;
    const std::uint64_t chmod = s.happens(VX_OP_FILE_CHMOD);
    s.happens(VX_OP_FILE_WRITE);
    const auto answer = s.pusher.push({.event = chmod, .uops = kSet, .pid = 4711});
    REQUIRE(answer.ok());
    CHECK(answer->decision == Decision::none);
    CHECK(answer->pushed == kSet);
    CHECK(answer->receivers == 1);
    CHECK(answer->seq == 3);
    CHECK(s.kernel.last.uop == VX_UOP_GRAPH_PROPERTY_SET);
    CHECK(s.kernel.last.uop_mask == kSet);
    CHECK(s.kernel.last.user_data == chmod);
    CHECK(s.kernel.last.expect == 0);
    const Event told = s.last();
    const EventView view = told.view();
    CHECK(view.seq == 3);
    REQUIRE(view.pushed());
    CHECK(view.op() == VX_UOP_GRAPH_PROPERTY_SET);
    CHECK(view.boundary == Boundary::graph);
    CHECK(view.path == "/w/a");
    CHECK(view.cause == chmod);
    CHECK(view.chain == chmod);
    CHECK(view.user().pid == 4711);
    CHECK(view.user().channel == 77);
    CHECK(view.user().user_data == chmod);
    CHECK(view.ops.mask() == kSet);
    CHECK(view.real_ns == s.clock.real_ns());
    CHECK(std::memcmp(&view.event(), s.kernel.last_event.data(), s.kernel.last_event.size()) == 0);
}

TEST_CASE("push: a version that is still current is no conflict, whatever else has happened") {
    Scene s;
    const std::uint64_t chmod = s.happens(VX_OP_FILE_CHMOD);
    s.happens(VX_OP_FILE_WRITE, 6);
    s.happens(VX_OP_FILE_OPEN);
    REQUIRE(s.pusher.push({.event = chmod, .uops = kSet, .expect = chmod}).ok());
    CHECK(s.count(Decision::current) == 1);
    // What was pushed before is no change of the object either.
    const auto again = s.pusher.push({.event = chmod, .uops = kSet, .expect = chmod});
    REQUIRE(again.ok());
    CHECK(again->decision == Decision::current);
    CHECK(s.kernel.seen.size() == 2);
}

TEST_CASE("push: of a conflict the stream says what became of it, and which event was newer") {
    Scene s;
    struct Case {
        Strategy strategy;
        unsigned newer;
        Decision decision;
        std::uint32_t pushed;
    };
    const Case it = GENERATE(
        Case{Strategy::last_writer_wins, VX_OP_FILE_CHMOD, Decision::last_writer, kSet | kQuery},
        Case{Strategy::first_writer_wins, VX_OP_FILE_WRITE, Decision::first_writer, 0},
        Case{Strategy::merge, VX_OP_FILE_WRITE, Decision::merged, kSet | kQuery},
        Case{Strategy::merge, VX_OP_FILE_CHMOD, Decision::merged, kQuery},
        Case{Strategy::reject, VX_OP_FILE_WRITE, Decision::rejected, 0});
    const std::uint64_t known = s.happens(VX_OP_FILE_CHMOD);
    const std::uint64_t newer = s.happens(it.newer);
    s.happens(VX_OP_FILE_CLOSE);
    const auto answer = s.pusher.push(
        {.event = known, .uops = kSet | kQuery, .expect = known, .strategy = it.strategy});
    REQUIRE(answer.ok());
    CHECK(answer->decision == it.decision);
    CHECK(answer->pushed == it.pushed);
    CHECK(answer->newer == newer);
    CHECK(s.kernel.seen.size() == (it.pushed != 0 ? 1 : 0));
    CHECK((it.pushed == 0 || s.kernel.last.uop_mask == it.pushed));
    CHECK(s.count(it.decision) == 1);
    const Event told = s.last();
    CHECK(told.view().seq == answer->seq);
    CHECK(decision_of(told.view().user()) == it.decision);
    CHECK(told.view().cause == newer);
    CHECK(told.view().ops.mask() == (it.pushed != 0 ? it.pushed : kQuery));
}

TEST_CASE("push: rules choose the strategy by path; a push that names one is not asked") {
    Scene s;
    const std::uint64_t merge = s.happens(VX_OP_FILE_CHMOD, 5, "/merge/a");
    s.happens(VX_OP_FILE_WRITE, 5, "/merge/a");
    const std::uint64_t other = s.happens(VX_OP_FILE_CHMOD, 6, "/w/a");
    s.happens(VX_OP_FILE_WRITE, 6, "/w/a");
    CHECK(s.pusher.push({.event = merge, .uops = kSet, .expect = merge})->decision ==
          Decision::merged);
    CHECK(s.pusher.push({.event = other, .uops = kSet, .expect = other})->decision ==
          Decision::rejected);
    CHECK(s.pusher
              .push({.event = merge,
                     .uops = kSet,
                     .expect = merge,
                     .strategy = Strategy::first_writer_wins})
              ->decision == Decision::first_writer);
}

TEST_CASE("push: what was lost since may have been a change") {
    Scene s;
    const std::uint64_t chmod = s.happens(VX_OP_FILE_CHMOD);
    REQUIRE(s.journal.append(Gap{.from = 2, .to = 5, .scope = "class D"}).ok());
    REQUIRE(s.journal.flush().ok());
    const auto answer =
        s.pusher.push({.event = chmod, .uops = kSet, .expect = chmod, .strategy = Strategy::merge});
    REQUIRE(answer.ok());
    CHECK(answer->decision == Decision::rejected);
    CHECK(answer->newer == 5);
}

TEST_CASE("push: a version that is too far back is refused") {
    Scene s;
    const std::uint64_t chmod = s.happens(VX_OP_FILE_CHMOD);
    s.happens(VX_OP_FILE_OPEN);
    s.happens(VX_OP_FILE_OPEN);
    Pusher near(s.dir.path(), s.pipeline, s.rules, &s.ring, 0, 2);
    CHECK(near.push({.event = chmod, .uops = kSet, .expect = chmod}).ok());
    const auto refused = near.push({.event = chmod, .uops = kSet, .expect = chmod - 1});
    CHECK(refused.status().code() == ERANGE);
    CHECK(refused.status().message().find("look at the object again") != std::string::npos);
    CHECK(s.kernel.seen.size() == 1);
}

TEST_CASE("push: bad requests are refused, and nothing is pushed or written") {
    Scene s;
    const std::uint64_t chmod = s.happens(VX_OP_FILE_CHMOD);
    const std::uint64_t next = s.journal.next_seq();
    const auto code = [&](const PushRequest& request) {
        return s.pusher.push(request).status().code();
    };
    CHECK(code({.event = 0, .uops = kSet}) == EINVAL);
    CHECK(code({.event = chmod, .uops = 0}) == EINVAL);
    CHECK(code({.event = chmod, .uops = 0xffff}) == EINVAL);
    CHECK(code({.event = chmod + 1, .uops = kSet}) == ENOENT);
    CHECK(code({.event = chmod + 9, .uops = kSet}) == EINVAL);
    CHECK(code({.event = chmod, .uops = 1U << VX_UOP_VECTOR_CREATE}) == EINVAL);
    CHECK(code({.event = chmod, .uops = kSet, .expect = chmod + 9}) == EINVAL);
    CHECK(s.kernel.seen.empty());
    CHECK(s.journal.next_seq() == next);
    // The kernel may refuse it, too.
    s.kernel.bad = chmod;
    const auto refused = s.pusher.push({.event = chmod, .uops = kSet});
    CHECK(refused.status().message().find("the kernel did not take it") != std::string::npos);
    CHECK(s.journal.next_seq() == next);
}

TEST_CASE("push: a pushed operation can not be answered; without the module it is in the stream") {
    Scene s;
    const std::uint64_t chmod = s.happens(VX_OP_FILE_CHMOD);
    Pusher alone(s.dir.path(), s.pipeline, s.rules, nullptr, 0);
    const auto answer = alone.push({.event = chmod, .uops = kSet});
    REQUIRE(answer.ok());
    CHECK(answer->receivers == 0);
    CHECK(s.kernel.seen.empty());
    const Event told = s.last();
    CHECK(told.view().pushed());
    CHECK(alone.push({.event = answer->seq, .uops = kQuery}).status().code() == EINVAL);
}
