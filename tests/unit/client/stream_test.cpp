// SPDX-License-Identifier: Apache-2.0
// The binary stream: what the sender appended is what comes out at the other end, or it is said.
#include "vexfs/stream.hpp"

#include <algorithm>
#include <deque>

#include "journal/crc32c.hpp"
#include "journal/stream_header.hpp"
#include "route/binary.hpp"
#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test
using Item = StreamDecoder::Item;
using test::Record;

namespace {

const JournalId kId{{0x6f, 0x1c, 0x2c, 0x1e, 0x0b, 0x54, 0x4d, 0x0e, 0x9a, 0x53, 0x0d, 0x6c, 0x9b,
                     0x1d, 0x8f, 0x11}};

bool same(const EventView& a, const EventView& b) {
    return a.seq == b.seq && a.real_ns == b.real_ns && a.path == b.path &&
           a.old_path == b.old_path && a.hash == b.hash && a.cause == b.cause &&
           a.chain == b.chain && a.boundary == b.boundary && a.producer == b.producer &&
           a.ops == b.ops &&
           std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin(), b.bytes().end());
}

bool same(const Gap& a, const Gap& b) {
    const auto same_dirty = [](const DirtyDirectory& x, const DirtyDirectory& y) {
        return x.fsid == y.fsid && x.ino == y.ino && x.gen == y.gen && x.path == y.path;
    };
    return a.from == b.from && a.to == b.to && a.reason == b.reason && a.scope == b.scope &&
           a.account == b.account && a.ops == b.ops && a.real_ns == b.real_ns &&
           a.mono_ns == b.mono_ns && a.last_ns == b.last_ns &&
           std::equal(a.dirty.begin(), a.dirty.end(), b.dirty.begin(), b.dirty.end(), same_dirty);
}

// What was sent: random events of every kind, with gaps among them.
class Sent {
  public:
    explicit Sent(std::uint64_t seed, unsigned count, bool filtered = false)
        : stream_(Cursor{kId, 100}, filtered) {
        test::RandomRecords random(seed);
        stream_.begin(bytes);
        std::uint64_t seq = 101;
        for (unsigned i = 0; i < count; ++i) {
            starts.push_back(bytes.size());
            if (filtered) {
                seq += random.below(3);
            }
            if (random.below(6) == 0) {
                send_gap(random, seq);
            } else {
                send_event(random, seq);
            }
        }
        starts.push_back(bytes.size());
        last = seq - 1;
        stream_.end(last, bytes);
    }

    std::string bytes;
    std::vector<std::size_t> starts;  // of each entry, and of the end
    std::vector<Event> events;
    std::vector<Gap> gaps;
    std::uint64_t last = 0;

  private:
    void send_event(test::RandomRecords& random, std::uint64_t& seq) {
        const Record record = random.make(random.below(VX_OP_COUNT));
        texts_.push_back("/" + random.bytes(random.below(300)));
        EventView event = record.view(seq++, texts_.back());
        event.ops = translate::operations(record.event());
        event.hash = translate::context_hash(record.record());
        event.cause = random.below(9);
        event.boundary = static_cast<Boundary>(random.below(kBoundaries));
        if (event.rename() != nullptr) {
            event.old_path = texts_.front();
        }
        stream_.append(event, bytes);
        events.emplace_back(event);
    }
    void send_gap(test::RandomRecords& random, std::uint64_t& seq) {
        Gap gap{seq, seq + random.below(4) - 1, 5, 6, GapReason::ring_full, "class M, producer 1"};
        gap.account = gap.count() == 0;
        if (gap.account) {
            gap.ops = {{VX_OP_DIR_CREATE, 0, 3}, {VX_OP_USER, 0, 2}};
            gap.dirty = {{7, 2, 0, {}}, {7, 3, 1, "/\xff"}};
            gap.last_ns = 9;
        }
        seq = gap.to + 1;
        stream_.append(gap, bytes);
        gaps.push_back(gap);
    }

    route::BinaryStream stream_;
    std::deque<std::string> texts_;
};

// What came of it.
struct Received {
    std::size_t events = 0;
    std::size_t gaps = 0;
    bool end = false;
    bool all_true = true;  // what came is what was sent, in its order
    Status error;
    Status finish;
    Cursor cursor;
};

Received receive(const Sent& sent, std::string_view bytes, std::size_t piece) {
    Received r;
    StreamDecoder decoder;
    while (!bytes.empty() && r.error) {
        const std::string_view part = bytes.substr(0, piece);
        bytes.remove_prefix(part.size());
        decoder.feed(std::as_bytes(std::span(part)));
        for (;;) {
            const auto item = decoder.next();
            if (!item) {
                r.error = item.status();
                break;
            }
            if (*item == Item::more || *item == Item::end) {
                r.end = *item == Item::end;
                break;
            }
            const bool event = *item == Item::event;
            r.all_true = r.all_true && (event ? same(decoder.event(), sent.events[r.events].view())
                                              : same(decoder.gap(), sent.gaps[r.gaps]));
            ++(event ? r.events : r.gaps);
        }
    }
    r.finish = decoder.finish();
    r.cursor = decoder.cursor();
    return r;
}

}  // namespace

TEST_CASE("binary stream: comes out as it went in, in pieces of any size") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    const bool filtered = GENERATE(false, true);
    const Sent sent(seed, 300, filtered);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{63},
                                    std::size_t{4096}, sent.bytes.size()}) {
        INFO("pieces of " << piece);
        const Received r = receive(sent, sent.bytes, piece);
        INFO(r.error.message() << r.finish.message());
        CHECK(r.events == sent.events.size());
        CHECK(r.gaps == sent.gaps.size());
        CHECK(r.all_true);
        CHECK(r.end);
        CHECK(r.finish.ok());
        CHECK(r.cursor == Cursor{kId, sent.last});
    }
}

TEST_CASE("binary stream: one that is cut off says so, wherever that is") {
    const Sent sent(7, 12);
    for (std::size_t len = 0; len < sent.bytes.size(); ++len) {
        const Received r = receive(sent, std::string_view(sent.bytes).substr(0, len), 4096);
        INFO(len);
        REQUIRE(r.all_true);
        REQUIRE(r.error.ok());
        REQUIRE_FALSE(r.end);
        const auto& starts = sent.starts;
        const bool between = std::find(starts.begin(), starts.end(), len) != starts.end();
        REQUIRE(r.finish.code() == (between ? ENODATA : EBADMSG));
        // All that was whole has come.
        const auto whole = std::upper_bound(starts.begin(), starts.end(), len) - starts.begin() - 1;
        REQUIRE(r.events + r.gaps == static_cast<std::size_t>(std::max<std::ptrdiff_t>(whole, 0)));
    }
}

TEST_CASE("binary stream: every flipped bit is noticed, and nothing is made of it") {
    const Sent sent(11, 4);
    std::string bytes = sent.bytes;
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
        const Received r = receive(sent, bytes, bytes.size());
        INFO("bit " << bit);
        REQUIRE(r.all_true);
        REQUIRE_FALSE(r.finish.ok());
        REQUIRE_FALSE(r.end);
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    }
    REQUIRE(receive(sent, bytes, 64).finish.ok());
}

TEST_CASE("binary stream: a missing number is noticed at once, not only at the end") {
    const Sent sent(19, 30);
    unsigned noticed = 0;
    for (std::size_t i = 0; i + 2 < sent.starts.size(); ++i) {
        std::string bytes = sent.bytes.substr(0, sent.starts.back());  // without its end
        bytes.erase(sent.starts[i], sent.starts[i + 1] - sent.starts[i]);
        const Received r = receive(sent, bytes, 4096);
        // Only a loss that takes no number leaves none out.
        noticed += r.error.message().find("is expected") != std::string::npos ? 1 : 0;
        REQUIRE((!r.error || r.events == sent.events.size()));
    }
    CHECK(noticed > 20);
}

TEST_CASE("binary stream: entries that are missing, doubled or of another journal are refused") {
    const Sent sent(13, 10);
    const auto entry = [&](std::size_t i) {
        return sent.bytes.substr(sent.starts[i], sent.starts[i + 1] - sent.starts[i]);
    };
    std::string missing = sent.bytes;
    missing.erase(sent.starts[3], entry(3).size());
    CHECK(receive(sent, missing, 4096).error.code() == EBADMSG);
    std::string twice = sent.bytes;
    twice.insert(sent.starts[3], entry(2));
    CHECK_FALSE(receive(sent, twice, 4096).finish.ok());
    CHECK(receive(sent, sent.bytes + entry(2), 4096).error.message().find("behind the end") !=
          std::string::npos);
    std::string other = sent.bytes;
    other[24] = static_cast<char>(other[24] ^ 1);  // the journal's id, and the head's checksum
    journal::StreamHeader header{};
    std::memcpy(&header, other.data(), sizeof(header));
    header.checksum = journal::checksum(header);
    std::memcpy(other.data(), &header, sizeof(header));
    const Received r = receive(sent, other, 4096);
    CHECK(r.events + r.gaps == 0);
    CHECK(r.error.message().find("byte 64") != std::string::npos);
}

TEST_CASE("binary stream: what is none of this version and machine is refused with the reason") {
    const Sent sent(17, 2);
    const auto changed = [&](const auto& change) {
        std::string bytes = sent.bytes;
        journal::StreamHeader header{};
        std::memcpy(&header, bytes.data(), sizeof(header));
        change(header);
        header.checksum = journal::checksum(header);
        std::memcpy(bytes.data(), &header, sizeof(header));
        return receive(sent, bytes, 4096).error;
    };
    using Header = journal::StreamHeader;
    CHECK(changed([](Header& h) { h.version = 2; }).code() == ENOTSUP);
    CHECK(changed([](Header& h) { h.byte_order = 0x04030201; }).code() == ENOTSUP);
    CHECK(changed([](Header& h) { h.magic[7] = '2'; }).code() == EBADMSG);
    const std::string text = "{\"seq\":1}\n" + std::string(100, ' ');
    CHECK(receive(sent, text, 4096).error.message().find("--format binary") != std::string::npos);
    StreamDecoder empty;
    CHECK(empty.finish().code() == EBADMSG);
}
