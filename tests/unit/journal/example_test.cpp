// SPDX-License-Identifier: Apache-2.0
// The worked examples of docs/journal_format.md and docs/stream_format.md: the documented bytes are
// the ones that are written.
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "journal/format.hpp"
#include "route/binary.hpp"
#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test

namespace {

const JournalId kId{{0x6f, 0x1c, 0x2c, 0x1e, 0x0b, 0x54, 0x4d, 0x0e, 0x9a, 0x53, 0x0d, 0x6c, 0x9b,
                     0x1d, 0x8f, 0x11}};

// As `xxd -g1` shows them, without the characters; `start`: offset in the file.
std::string hex_dump(std::span<const std::byte> bytes, std::size_t start) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i % 16 == 0) {
            fmt::format_to(std::back_inserter(out), "{}{:04x} ", i == 0 ? "" : "\n", start + i);
        }
        fmt::format_to(std::back_inserter(out), " {:02x}", static_cast<unsigned>(bytes[i]));
    }
    return out + "\n";
}

std::string document(const std::string& name) {
    std::ifstream file(VEXFS_SOURCE_DIR "/docs/" + name);
    REQUIRE(file);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

test::Record example_record() {
    test::Record record(VX_OP_FILE_CREATE);
    record.names("notes.txt");
    record->rec.ticket = 5;
    record->rec.count = 5;
    record->rec.mono_ns = 1'000'000'000;
    record->fsid = 0x1122334455667788;
    record->ino = 12;
    record->parent_ino = 2;
    record->gen = 1;
    record->uid = record->owner_uid = 1000;
    record->gid = record->owner_gid = 1000;
    record->pid = record->tid = 4711;
    std::memcpy(record->comm, "touch", 5);
    return record;
}

}  // namespace

TEST_CASE("format: the worked example in docs/journal_format.md is what is written") {
    const std::string text = document("journal_format.md");
    const auto header = journal::make_segment_header(kId, {}, 1, 1'700'000'000'000'000'000);
    const std::string first = hex_dump(std::as_bytes(std::span(&header, 1)), 0);
    INFO(first);
    CHECK(text.find(first) != std::string::npos);

    const test::Record record = example_record();
    EventView event = record.view(1, "/w/notes.txt");
    event.hash = translate::context_hash(record.record());
    event.ops = translate::operations(record.event());
    std::vector<std::uint64_t> words(journal::EntryCodec::size_of(event) / 8);
    journal::EntryCodec(kId).encode(event, reinterpret_cast<std::byte*>(words.data()));
    const std::string second = hex_dump(std::as_bytes(std::span(words)), sizeof(header));
    INFO(second);
    CHECK(text.find(second) != std::string::npos);
}

TEST_CASE("format: the worked example in docs/stream_format.md is what is written") {
    const std::string text = document("stream_format.md");
    const test::Record record = example_record();
    EventView event = record.view(1, "/w/notes.txt");
    event.hash = translate::context_hash(record.record());
    event.ops = translate::operations(record.event());
    route::BinaryStream stream(Cursor{kId, 0}, false);
    std::string bytes;
    stream.begin(bytes);
    stream.append(event, bytes);
    stream.end(1, bytes);
    const auto all = std::as_bytes(std::span(bytes));
    REQUIRE(all.size() == 64 + 272 + 96);
    const std::string head = hex_dump(all.first(64), 0);
    const std::string end = hex_dump(all.subspan(336), 336);
    INFO(head << end);
    CHECK(text.find(head) != std::string::npos);
    CHECK(text.find(end) != std::string::npos);
    // The entry is the journal's.
    const std::string entry = hex_dump(all.subspan(64, 272), 128);
    CHECK(document("journal_format.md").find(entry) != std::string::npos);
}
