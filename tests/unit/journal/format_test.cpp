// SPDX-License-Identifier: Apache-2.0
#include "journal/format.hpp"

#include <string>
#include <vector>

#include "journal/crc32c.hpp"
#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test
using journal::EntryCodec;
using journal::EntryHeader;
using test::Record;

namespace {

const JournalId kId{{1, 2, 3}};

// An entry in memory, with room behind it.
struct Encoded {
    std::vector<std::uint64_t> words;
    std::size_t len = 0;

    [[nodiscard]] std::span<std::byte> bytes() {
        return std::as_writable_bytes(std::span(words)).first(len);
    }
    EntryHeader& header() { return *reinterpret_cast<EntryHeader*>(words.data()); }
};

template <typename T>
Encoded encode(const T& what, const JournalId& id = kId) {
    Encoded out;
    out.len = EntryCodec::size_of(what);
    out.words.resize(out.len / 8 + 8);
    EntryCodec(id).encode(what, reinterpret_cast<std::byte*>(out.words.data()));
    return out;
}

const EntryHeader* read(std::span<const std::byte> bytes, const JournalId& id = kId) {
    return EntryCodec(id).entry_at(bytes);
}

}  // namespace

TEST_CASE("crc32c: known values, and the fast one is the portable one at every length and start") {
    CHECK(journal::crc32c(0, "", 0) == 0);
    CHECK(journal::crc32c(0, "123456789", 9) == 0xe3069283);  // the check value of the polynomial
    const std::string zeros(32, '\0');
    CHECK(journal::crc32c(0, zeros.data(), 32) == 0x8a9136aa);  // RFC 3720, B.4
    const std::string ones(32, '\xff');
    CHECK(journal::crc32c(0, ones.data(), 32) == 0x62a8ab43);
    const std::string random = test::RandomRecords(5).bytes(200);
    for (std::size_t start = 0; start < 9; ++start) {
        for (std::size_t len = 0; start + len <= random.size(); ++len) {
            REQUIRE(journal::crc32c(7, random.data() + start, len) ==
                    journal::crc32c_portable(7, random.data() + start, len));
        }
    }
    CHECK(journal::crc32c(journal::crc32c(0, "12345", 5), "6789", 4) == 0xe3069283);
}

TEST_CASE("format: an event comes back with everything that it had") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    test::RandomRecords random(seed);
    for (unsigned i = 0; i < 500; ++i) {
        const Record record = random.make(i % VX_OP_COUNT);
        const std::string path = "/" + random.bytes(random.below(300));
        const std::string old_path = random.bytes(random.below(300));
        EventView event = record.view(1000 + i, path);
        event.old_path = old_path;
        event.hash = translate::context_hash(record.record());
        event.cause = i;
        event.chain = i * 2;
        event.duplicate = i % 3 == 0;
        event.boundary = static_cast<Boundary>(i % kBoundaries);
        event.ops = translate::operations(record.event());
        Encoded encoded = encode(event);
        const EntryHeader* entry = read(encoded.bytes());
        REQUIRE(entry != nullptr);
        REQUIRE(journal::last_seq(*entry) == event.seq);
        const EventView back = journal::decode_event(*entry);
        REQUIRE(back.seq == event.seq);
        REQUIRE(back.real_ns == event.real_ns);
        REQUIRE(back.record->len == event.record->len);
        REQUIRE(std::memcmp(back.record, event.record, event.record->len) == 0);
        REQUIRE(back.path == path);
        REQUIRE(back.old_path == old_path);
        REQUIRE(back.hash == event.hash);
        REQUIRE(back.cause == event.cause);
        REQUIRE(back.chain == event.chain);
        REQUIRE(back.duplicate == event.duplicate);
        REQUIRE(back.score == 1.0F);
        REQUIRE(back.boundary == event.boundary);
        REQUIRE(back.ops == event.ops);
    }
}

TEST_CASE("format: a pushed operation and a gap come back too") {
    const test::PushedRecord pushed(VX_UOP_VECTOR_SEARCH, Record(VX_OP_FILE_READ));
    EventView event;
    event.seq = 3;
    event.record = &pushed.record();
    Encoded encoded = encode(event);
    REQUIRE(read(encoded.bytes()) != nullptr);
    CHECK(journal::decode_event(*read(encoded.bytes())).user().pid == 4711);

    Gap gap{5, 9, 100, 200, GapReason::ring_full, "class M, cpu 1"};
    encoded = encode(gap);
    const EntryHeader* entry = read(encoded.bytes());
    REQUIRE(entry != nullptr);
    CHECK(journal::last_seq(*entry) == 9);
    const Gap back = journal::decode_gap(*entry);
    CHECK(back.from == 5);
    CHECK(back.count() == 5);
    CHECK(back.real_ns == 100);
    CHECK(back.mono_ns == 200);
    CHECK(back.reason == GapReason::ring_full);
    CHECK(back.scope == "class M, cpu 1");
    CHECK_FALSE(back.account);
    CHECK(back.dirty.empty());
}

namespace {

Gap account_with(std::size_t dirty, std::string_view path) {
    Gap gap{10, 9, 100, 200, GapReason::ring_full, "class M, producer 1"};
    gap.account = true;
    gap.last_ns = 300;
    gap.ops = {{VX_OP_FILE_RENAME, 0, 5}, {VX_OP_USER, 0, ~0U}};
    for (std::size_t i = 0; i < dirty; ++i) {
        gap.dirty.push_back({~std::uint64_t{0} - i, i, static_cast<std::uint32_t>(i),
                             path.substr(0, i % 2 == 0 ? path.size() : 0)});
    }
    return gap;
}

}  // namespace

TEST_CASE("format: the account of a loss comes back with operations, directories and paths") {
    const std::string path = "/w/a directory";
    for (const std::size_t dirty : {std::size_t{0}, std::size_t{1}, std::size_t{VX_DIRTY_MAX}}) {
        Gap gap = account_with(dirty, path);
        gap.dirty_overflow = dirty == 0;
        Encoded encoded = encode(gap);
        const EntryHeader* entry = read(encoded.bytes());
        REQUIRE(entry != nullptr);
        CHECK(journal::last_seq(*entry) == 9);
        const Gap back = journal::decode_gap(*entry);
        CHECK(back.count() == 0);
        CHECK(back.account);
        CHECK(back.dirty_overflow == gap.dirty_overflow);
        CHECK(back.mono_ns == 200);
        CHECK(back.last_ns == 300);
        CHECK(back.scope == gap.scope);
        CHECK(back.ops == gap.ops);
        REQUIRE(back.dirty.size() == dirty);
        for (std::size_t i = 0; i < dirty; ++i) {
            CHECK(back.dirty[i].fsid == gap.dirty[i].fsid);
            CHECK(back.dirty[i].ino == gap.dirty[i].ino);
            CHECK(back.dirty[i].gen == gap.dirty[i].gen);
            CHECK(back.dirty[i].path == gap.dirty[i].path);
        }
    }
}

TEST_CASE("format: paths of directories that an entry has no room for are not known, none is cut") {
    const std::string path(journal::kPathMax / 4, 'x');
    const Gap gap = account_with(VX_DIRTY_MAX, path);
    Encoded encoded = encode(gap);
    const EntryHeader* entry = read(encoded.bytes());
    REQUIRE(entry != nullptr);
    const Gap back = journal::decode_gap(*entry);
    REQUIRE(back.dirty.size() == VX_DIRTY_MAX);
    std::size_t known = 0;
    for (const DirtyDirectory& dir : back.dirty) {
        CHECK((dir.path.empty() || dir.path == path));
        known += dir.path.empty() ? 0 : 1;
    }
    CHECK(known == 4);
}

TEST_CASE("format: whichever bit of an entry changes, it is no entry any more") {
    Record record(VX_OP_FILE_RENAME);
    EventView event = record.view(1, "/a");
    event.ops = translate::operations(record.event());
    Encoded encoded = encode(event);
    for (std::size_t bit = 0; bit < encoded.len * 8; ++bit) {
        encoded.bytes()[bit / 8] ^= std::byte{1} << (bit % 8);
        REQUIRE(read(encoded.bytes()) == nullptr);
        encoded.bytes()[bit / 8] ^= std::byte{1} << (bit % 8);
    }
    CHECK(read(encoded.bytes()) != nullptr);
}

TEST_CASE("format: an entry that is cut anywhere, or of another journal, is none") {
    const Record record(VX_OP_FILE_CREATE);
    Encoded encoded = encode(record.view());
    for (std::size_t len = 0; len < encoded.len; ++len) {
        REQUIRE(read(encoded.bytes().first(len)) == nullptr);
    }
    CHECK(read(encoded.bytes(), JournalId{{9}}) == nullptr);
}

TEST_CASE("format: a checksum that is right does not make a lie believed") {
    const Record record(VX_OP_FILE_CREATE);
    const EventView event = record.view();
    // What a file made by hand can hold: sealed again after each change.
    const auto sealed = [&](auto change) {
        Encoded encoded = encode(event);
        change(encoded.header());
        const std::uint32_t id = journal::crc32c(0, kId.bytes.data(), kId.bytes.size());
        const std::uint32_t len = journal::crc32c(id, &encoded.header().len, 4);
        encoded.header().checksum = journal::crc32c(len, &encoded.header().seq, encoded.len - 8);
        return read(encoded.bytes()) != nullptr;
    };
    const auto record_of = [](EntryHeader& e) { return reinterpret_cast<vx_event*>(&e + 1); };
    CHECK(sealed([](EntryHeader&) {}));
    CHECK_FALSE(sealed([](EntryHeader& e) { e.seq = 0; }));
    CHECK_FALSE(sealed([](EntryHeader& e) { e.kind = 3; }));
    CHECK_FALSE(sealed([](EntryHeader& e) { e.kind = 2; }));
    CHECK_FALSE(sealed([](EntryHeader& e) { e.boundary = kBoundaries; }));
    CHECK_FALSE(sealed([](EntryHeader& e) { e.uop_count = 8; }));
    CHECK_FALSE(sealed([](EntryHeader& e) { e.path_len = 60'000; }));
    CHECK_FALSE(sealed([](EntryHeader& e) { e.body_len = 16; }));
    CHECK_FALSE(sealed([&](EntryHeader& e) { record_of(e)->rec.len += 8; }));
    CHECK_FALSE(sealed([&](EntryHeader& e) { record_of(e)->rec.op = 18; }));
    CHECK_FALSE(sealed([&](EntryHeader& e) { record_of(e)->rec.type = VX_REC_LOST; }));
    CHECK_FALSE(sealed([&](EntryHeader& e) { record_of(e)->name_len = 250; }));
    CHECK_FALSE(sealed([&](EntryHeader& e) { record_of(e)->flags = ~0U; }));
}

TEST_CASE("format: an account whose parts do not add up is no entry") {
    const Gap gap = account_with(3, "/w");
    const auto sealed = [&](auto change) {
        Encoded encoded = encode(gap);
        auto* body = reinterpret_cast<journal::GapBody*>(&encoded.header() + 1);
        change(encoded.header(), *body);
        const std::uint32_t id = journal::crc32c(0, kId.bytes.data(), kId.bytes.size());
        const std::uint32_t len = journal::crc32c(id, &encoded.header().len, 4);
        encoded.header().checksum = journal::crc32c(len, &encoded.header().seq, encoded.len - 8);
        return read(encoded.bytes()) != nullptr;
    };
    using Body = journal::GapBody;
    const auto dirs = [](Body& body) {
        return reinterpret_cast<journal::GapDirectory*>(reinterpret_cast<LostOp*>(&body + 1) + 2);
    };
    CHECK(sealed([](EntryHeader&, Body&) {}));
    CHECK_FALSE(sealed([](EntryHeader&, Body& b) { b.ops = 3; }));
    CHECK_FALSE(sealed([](EntryHeader&, Body& b) { b.ops = VX_OP_SLOTS + 1; }));
    CHECK_FALSE(sealed([](EntryHeader&, Body& b) { b.dirty = 2; }));
    CHECK_FALSE(sealed([](EntryHeader&, Body& b) { b.dirty = 0xffff; }));
    CHECK_FALSE(sealed([](EntryHeader& e, Body&) { e.body_len -= 8; }));
    CHECK_FALSE(sealed([](EntryHeader& e, Body&) { e.body_len = 24; }));
    CHECK_FALSE(sealed([](EntryHeader& e, Body&) { e.old_path_len--; }));
    CHECK_FALSE(sealed([&](EntryHeader&, Body& b) { dirs(b)[0].path_len = 3; }));
    CHECK_FALSE(sealed([&](EntryHeader&, Body& b) { dirs(b)[2].path_len = ~0U; }));
    CHECK_FALSE(sealed([](EntryHeader&, Body& b) {
        reinterpret_cast<LostOp*>(&b + 1)->op = VX_OP_SLOTS;
    }));
}

TEST_CASE("format: a path that is too long is cut and marked") {
    const Record record(VX_OP_FILE_CREATE);
    const std::string path(journal::kPathMax + 5, 'x');
    Encoded encoded = encode(record.view(1, path));
    const EntryHeader* entry = read(encoded.bytes());
    REQUIRE(entry != nullptr);
    CHECK((entry->flags & journal::kEntryPathCut) != 0);
    CHECK(journal::decode_event(*entry).path.size() == journal::kPathMax);
}

TEST_CASE("format: names of segments sort as their numbers do, and nothing else is one") {
    CHECK(journal::segment_name(1) == "00000000000000000001.vxj");
    CHECK(journal::parse_segment_name("18446744073709551615.vxj") == ~std::uint64_t{0});
    CHECK(journal::parse_segment_name(journal::segment_name(77)) == 77);
    for (const char* name : {"1.vxj", "0000000000000000000x.vxj", "99999999999999999999.vxj",
                             "00000000000000000001.vx", "lock", ""}) {
        CHECK_FALSE(journal::parse_segment_name(name).has_value());
    }
}

TEST_CASE("format: a segment's header is checked") {
    const journal::SegmentHeader good = journal::make_segment_header(kId, {}, 5, 6);
    CHECK(journal::check_segment_header(good).ok());
    journal::SegmentHeader bad = good;
    bad.magic[0] = 'W';
    CHECK(journal::check_segment_header(bad).code() == EBADMSG);
    bad = good;
    bad.version = 2;
    CHECK(journal::check_segment_header(bad).code() == ENOTSUP);
    bad = good;
    bad.byte_order = 0x04030201;
    CHECK(journal::check_segment_header(bad).code() == ENOTSUP);
    bad = good;
    bad.first_seq = 6;
    CHECK(journal::check_segment_header(bad).code() == EBADMSG);
}
