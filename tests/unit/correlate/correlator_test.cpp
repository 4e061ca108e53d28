// SPDX-License-Identifier: Apache-2.0
#include "correlate/correlator.hpp"

#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test
using correlate::Correlator;
using test::PushedRecord;
using test::Record;

namespace {

class Stream {
  public:
    explicit Stream(bool two_boundaries = true) : correlator({.seed = 1}) {
        correlator.expect(Boundary::kernel);
        if (two_boundaries) {
            correlator.expect(Boundary::fuse);
        }
    }

    EventView comes(const vx_record& record, Boundary boundary = Boundary::kernel) {
        EventView view;
        translator.translate(record, boundary, view);
        view.seq = ++seq;
        correlator.prepare(*view.record, view.boundary);
        correlator.on_event(view);
        return view;
    }

    Correlator correlator;
    translate::Translator translator;
    std::uint64_t seq = 0;
};

Record event(unsigned op, std::uint64_t ns = 1000) {
    Record record(op);
    record->fsid = 7;
    record->ino = 12;
    record->pid = 100;
    record->tid = 101;
    record->rec.mono_ns = ns;
    return record;
}

// As the other boundary's own counts, clock and caches have it.
Record seen_elsewhere(const Record& original) {
    Record record = original;
    record->rec.ticket += 1000;
    record->rec.count += 10;
    record->rec.mono_ns += 50;
    record->pid = 0;
    record->uid = 0;
    record->size = 4096;
    return record;
}

}  // namespace

TEST_CASE("correlate: a request that two boundaries saw is a duplicate of the first event") {
    Stream stream;
    const Record write = event(VX_OP_FILE_WRITE);
    const Record again = seen_elsewhere(write);
    const EventView first = stream.comes(write.record());
    CHECK_FALSE(first.duplicate);
    CHECK(first.cause == 0);
    const EventView second = stream.comes(again.record(), Boundary::fuse);
    CHECK(second.duplicate);
    CHECK(second.cause == 1);
    CHECK(second.chain == 1);
    CHECK(second.flags() == (again.event().flags | kFlagDuplicate));
    CHECK(second.record == &again.record());  // the kernel's record stays what it is
    CHECK(stream.correlator.counters().duplicates == 1);
    CHECK(stream.correlator.counters().caused == 1);
}

TEST_CASE("correlate: with one boundary nothing is a duplicate") {
    Stream stream(false);
    const Record write = event(VX_OP_FILE_WRITE);
    CHECK_FALSE(stream.comes(write.record()).duplicate);
    CHECK_FALSE(stream.comes(write.record(), Boundary::fuse).duplicate);
}

TEST_CASE("correlate: what is no boundary of its own echoes nothing") {
    Stream stream;
    const Record write = event(VX_OP_FILE_WRITE);
    stream.comes(write.record());
    CHECK_FALSE(stream.comes(write.record(), Boundary::agent).duplicate);
    CHECK(stream.comes(write.record(), Boundary::fuse).cause == 1);
}

TEST_CASE("correlate: what a duplicate open begins belongs to the chain of the first") {
    Stream stream;
    const Record open = event(VX_OP_FILE_OPEN);
    CHECK(stream.comes(open.record()).chain == 1);
    Record again = open;
    again->rec.mono_ns += 5;
    const EventView duplicate = stream.comes(again.record(), Boundary::fuse);
    CHECK(duplicate.duplicate);
    CHECK(duplicate.chain == 1);
    // Only this boundary tells of the write.
    const EventView write = stream.comes(event(VX_OP_FILE_WRITE).record(), Boundary::fuse);
    CHECK(write.cause == 2);
    CHECK(write.chain == 1);
    // Of this one both tell: the duplicate names the first, which is in a session of its own.
    CHECK(stream.comes(event(VX_OP_FILE_CLOSE, 2000).record()).cause == 1);
    const EventView close = stream.comes(event(VX_OP_FILE_CLOSE, 2001).record(), Boundary::fuse);
    CHECK(close.duplicate);
    CHECK(close.cause == 4);
    CHECK(close.chain == 1);
    CHECK(stream.correlator.counters().sessions.open == 0);
}

TEST_CASE("correlate: a pushed operation is caused by the event that it carries and numbers") {
    Stream stream;
    const Record open = event(VX_OP_FILE_OPEN);
    const Record write = event(VX_OP_FILE_WRITE);
    stream.comes(open.record());
    stream.comes(write.record());
    PushedRecord answer(VX_UOP_VECTOR_SEARCH, write);
    auto& user = const_cast<vx_user&>(reinterpret_cast<const vx_user&>(answer.record()));
    user.user_data = 2;
    const EventView answered = stream.comes(answer.record());
    CHECK(answered.boundary == Boundary::vector);
    CHECK(answered.cause == 2);
    CHECK(answered.chain == 1);
    CHECK(stream.correlator.counters().answers == 1);
    // Another record than that event's, a number that is none yet, and none at all.
    for (const std::uint64_t number : {1, 99, 0}) {
        user.user_data = number;
        CHECK(stream.comes(answer.record()).cause == 0);
    }
    CHECK(stream.correlator.counters().answers == 1);
}

TEST_CASE("correlate: an event is answerable for a while, and its number is not taken for it") {
    Stream stream;
    const Record write = event(VX_OP_FILE_WRITE);
    stream.comes(write.record());
    PushedRecord answer(VX_UOP_VECTOR_SEARCH, write);
    auto& user = reinterpret_cast<vx_user&>(const_cast<vx_record&>(answer.record()));
    user.user_data = 1;
    stream.seq = correlate::kAnswerable - 2;  // a gap
    CHECK(stream.comes(answer.record()).cause == 1);
    user.user_data = 1 + correlate::kAnswerable;  // not there yet, and has the same place
    CHECK(stream.comes(answer.record()).cause == 0);
    user.user_data = 1;
    const Record chmod = event(VX_OP_FILE_CHMOD);
    stream.comes(chmod.record());  // has the place of number 1
    CHECK(stream.comes(answer.record()).cause == 0);
}

TEST_CASE("correlate: a gap with opens in it puts in doubt what is open, others do not") {
    Stream stream;
    stream.comes(event(VX_OP_FILE_OPEN).record());
    Gap gap;
    gap.ops.push_back({.op = VX_OP_FILE_WRITE, .reserved = 0, .count = 3});
    stream.correlator.on_gap(gap);
    CHECK(stream.comes(event(VX_OP_FILE_WRITE).record()).cause == 1);
    gap.ops.push_back({.op = VX_OP_FILE_OPEN, .reserved = 0, .count = 1});
    stream.correlator.on_gap(gap);
    CHECK(stream.comes(event(VX_OP_FILE_WRITE).record()).cause == 0);
}
