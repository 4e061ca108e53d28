// SPDX-License-Identifier: Apache-2.0
#include "translate/context.hpp"

#include <cmath>
#include <set>

#include "journal/format.hpp"
#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test
using test::Record;

namespace {

// kernel record -> event -> stored event -> push record -> kernel record
std::vector<std::uint64_t> round_trip(const Record& record, EventView& event) {
    translate::Translator translator;
    event = EventView();
    event.seq = 1;
    translator.translate(record.record(), Boundary::kernel, event);
    const journal::EntryCodec codec{JournalId{{1}}};
    std::vector<std::uint64_t> stored(journal::EntryCodec::size_of(event) / 8);
    codec.encode(event, reinterpret_cast<std::byte*>(stored.data()));
    const journal::EntryHeader* entry = codec.entry_at(std::as_bytes(std::span(stored)));
    REQUIRE(entry != nullptr);
    const Event owned(journal::decode_event(*entry));
    const EventView view = owned.view();
    REQUIRE(view.hash == event.hash);
    REQUIRE(view.ops == event.ops);
    std::vector<std::uint64_t> push(translate::push_bytes(view.event()) / 8);
    translate::build_push(view, 0, reinterpret_cast<std::byte*>(push.data()));
    return push;
}

// What the score says, as a number of fields.
long lost_fields(const Record& original, const Record& copy) {
    const double score = translate::context_score(original.event(), copy.event());
    return std::lround((1.0 - score) * translate::field_count(original.record().op));
}

// Changes one bit of a field.
void change(std::byte* base, const translate::Field& field) {
    base[field.offset] ^= std::byte{1};
}

}  // namespace

TEST_CASE("context: the way to the kernel and back is the identity for records of every kind") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    test::RandomRecords random(seed);
    for (unsigned i = 0; i < 18 * 100; ++i) {
        const Record record = random.make(i % VX_OP_COUNT);
        EventView event;
        const std::vector<std::uint64_t> push = round_trip(record, event);
        const vx_event* back = translate::pushed_event(std::as_bytes(std::span(push)));
        REQUIRE(back != nullptr);
        REQUIRE(back->rec.len == record.record().len);
        REQUIRE(std::memcmp(back, &record.record(), back->rec.len) == 0);
        REQUIRE(translate::context_score(record.event(), *back) == 1.0);
        REQUIRE(translate::context_hash(back->rec) == event.hash);
        const auto& header = *reinterpret_cast<const vx_push*>(push.data());
        REQUIRE(header.uop_mask == event.ops.mask());
        REQUIRE((header.uop_mask >> header.uop & 1U) == 1);
        REQUIRE(header.user_data == 1);
        REQUIRE((header.expect | header.reserved16 | header.inject_object) == 0);
    }
}

TEST_CASE("context: whichever field changes, the hash changes and the score drops by its share") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    test::RandomRecords random(seed);
    for (unsigned i = 0; i < 18 * 20; ++i) {
        const Record original = random.make(i % VX_OP_COUNT);
        const auto expect_drop = [&](const Record& changed, std::string_view name) {
            INFO("field " << name << " of " << vx_op_name(original.record().op));
            CHECK(translate::context_hash(changed.record()) !=
                  translate::context_hash(original.record()));
            const double score = translate::context_score(original.event(), changed.event());
            CHECK(score < 1.0);
            CHECK(score >= 0.0);
        };
        for (const translate::Field& field : translate::event_fields()) {
            Record changed = original;
            change(reinterpret_cast<std::byte*>(&changed.event()), field);
            // A length or an operation that is wrong can make a record that no check lets through:
            // its score is not defined, and its hash only if its length can be believed.
            const std::set<std::string_view> shape = {"rec.len", "rec.type", "rec.op", "name_len",
                                                      "name2_len"};
            if (shape.count(field.name) != 0) {
                if (vx_event_check(&changed.event(), original.record().len) == 0) {
                    expect_drop(changed, field.name);
                } else if (field.name != "rec.len") {
                    CHECK(translate::context_hash(changed.record()) !=
                          translate::context_hash(original.record()));
                }
                continue;
            }
            expect_drop(changed, field.name);
            CHECK(lost_fields(original, changed) == 1);
        }
        if (original.record().op == VX_OP_FILE_RENAME) {
            for (const translate::Field& field : translate::rename_fields()) {
                Record changed = original;
                change(reinterpret_cast<std::byte*>(&changed.rename()), field);
                expect_drop(changed, field.name);
            }
        }
    }
}

TEST_CASE(
    "context: a name that changes, also in length, and another operation, cost their fields") {
    Record original(VX_OP_FILE_RENAME);
    original.names("new", "old");
    Record other = original;
    other.names("neu", "old");
    CHECK(lost_fields(original, other) == 1);
    other.names("new", "older");  // name2 and name2_len
    CHECK(lost_fields(original, other) == 2);
    // Padding stays zero, so a changed length of 7 + 1 bytes changes rec.len too.
    other.names("new-and-longer", "old");
    CHECK(lost_fields(original, other) == 3);
    Record create(VX_OP_FILE_CREATE);
    create.names("new", "old");
    CHECK(lost_fields(original, create) == 2 + 6);
}

TEST_CASE("context: every byte of a record is in the hash") {
    const Record original = test::RandomRecords(3).make(VX_OP_FILE_RENAME);
    std::set<std::uint64_t> hashes = {translate::context_hash(original.record())};
    const std::uint32_t len = original.record().len;
    for (std::uint32_t i = sizeof(original.record().len); i < len; ++i) {
        Record changed = original;
        reinterpret_cast<char*>(&changed.event())[i] ^= 0x10;
        CHECK(hashes.insert(translate::context_hash(changed.record())).second);
    }
    CHECK(hashes.size() == len - sizeof(original.record().len) + 1);
}

TEST_CASE("context: what is no push record has no event in it") {
    Record record(VX_OP_FILE_CREATE);
    EventView event;
    std::vector<std::uint64_t> push = round_trip(record, event);
    const auto bytes = std::as_bytes(std::span(push));
    auto& header = *reinterpret_cast<vx_push*>(push.data());
    CHECK(translate::pushed_event(bytes.first(16)) == nullptr);
    CHECK(translate::pushed_event(bytes.first(bytes.size() - 8)) == nullptr);
    header.len += 8;
    CHECK(translate::pushed_event(bytes) == nullptr);
    header.len -= 16;
    CHECK(translate::pushed_event(bytes) == nullptr);
    header.len = 8;
    CHECK(translate::pushed_event(bytes) == nullptr);
}
