// SPDX-License-Identifier: Apache-2.0
// A Reader that lets events settle: positions, limits, waiting.
#include <sys/eventfd.h>

#include <string>

#include "base/fd.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;  // NOLINT: a test
using test::Record;
using test::TempDirectory;
using test::TestJournal;
using Item = Reader::Item;

namespace {

constexpr std::uint64_t kMs = 1'000'000;

struct Journal {
    void happens(unsigned op, std::uint64_t ino, std::uint64_t at_ms, std::uint32_t flags = 0) {
        Record record(op, flags);
        record.names("f" + std::to_string(ino));
        record->ino = ino;
        const std::string path = "/w/f" + std::to_string(ino);
        EventView view = record.view(store.next_seq(), path);
        view.real_ns += at_ms * kMs;
        REQUIRE(store.append(view).ok());
        REQUIRE(store.flush().ok());
    }
    [[nodiscard]] Reader reader() const {
        auto reader = Reader::open(dir.path());
        REQUIRE(reader.ok());
        return std::move(*reader);
    }

    TempDirectory dir;
    TestJournal store{dir.path()};
};

// The numbers of the next event: the first and last that it came of, and the cursor.
std::string next(Reader& reader) {
    const auto item = reader.next();
    REQUIRE(item.ok());
    if (*item != Item::event) {
        return *item == Item::gap ? "gap" : "end";
    }
    const EventView& event = reader.event();
    CHECK(event.settled->cursor == reader.cursor().seq);
    return std::to_string(event.settled->first_seq) + "-" + std::to_string(event.seq) + " at " +
           std::to_string(reader.cursor().seq);
}

}  // namespace

TEST_CASE("settle: the cursor never passes what is held back") {
    Journal journal;
    journal.happens(VX_OP_FILE_WRITE, 1, 0);
    journal.happens(VX_OP_FILE_WRITE, 2, 10);
    journal.happens(VX_OP_FILE_WRITE, 1, 90);
    journal.happens(VX_OP_FILE_WRITE, 3, 120);  // 2 has been quiet for long enough
    journal.happens(VX_OP_FILE_WRITE, 1, 170);
    Reader reader = journal.reader();
    REQUIRE(reader.settle(100).ok());
    CHECK(next(reader) == "2-2 at 0");
    CHECK(reader.event().settled->held == 2);
    const Cursor between = reader.cursor();
    CHECK(next(reader) == "end");
    CHECK(reader.cursor().seq == 0);
    reader.let_go();
    CHECK(next(reader) == "4-4 at 0");
    CHECK(next(reader) == "1-5 at 5");
    CHECK(reader.event().settled->held == 0);
    CHECK(next(reader) == "end");
    // Who comes back hears everything that had not been told.
    Reader again = journal.reader();
    REQUIRE(again.settle(100).ok());
    REQUIRE(again.seek(between).ok());
    CHECK(next(again) == "2-2 at 0");
    CHECK(next(again) == "end");
    again.let_go();
    CHECK(next(again) == "4-4 at 0");
    CHECK(next(again) == "1-5 at 5");
}

TEST_CASE("settle: a loss ends all windows and keeps its place") {
    Journal journal;
    journal.happens(VX_OP_FILE_WRITE, 1, 0);
    REQUIRE(journal.store.append(Gap{.from = 2, .to = 4, .scope = "class D"}).ok());
    journal.happens(VX_OP_FILE_WRITE, 1, 1);
    Reader reader = journal.reader();
    REQUIRE(reader.settle(100).ok());
    CHECK(next(reader) == "1-1 at 1");
    CHECK(next(reader) == "gap");
    CHECK(reader.cursor().seq == 4);
    CHECK(reader.gap().to == 4);
    reader.let_go();
    CHECK(next(reader) == "end");
    reader.let_go();
    CHECK(next(reader) == "5-5 at 5");
}

TEST_CASE(
    "settle: what comes to nothing moves the position at the end, and is said with the next") {
    Journal journal;
    journal.happens(VX_OP_FILE_CREATE, 1, 0);
    journal.happens(VX_OP_FILE_DELETE, 1, 1, VX_F_LAST_LINK);
    Reader reader = journal.reader();
    REQUIRE(reader.settle(100).ok());
    CHECK(next(reader) == "end");
    CHECK(reader.cursor().seq == 2);
    CHECK(reader.due_ms() == -1);
    journal.happens(VX_OP_MOUNT, 2, 2);
    CHECK(next(reader) == "3-3 at 3");
    CHECK(reader.event().settled->vanished == 2);
    // A reader that came with a cursor may know the file, until it has read what was there.
    Reader back = journal.reader();
    REQUIRE(back.seek({back.journal(), 0}).ok());
    REQUIRE(back.settle(100).ok());
    CHECK(next(back) == "1-2 at 2");
    CHECK(back.event().op() == VX_OP_FILE_DELETE);
    CHECK(next(back) == "3-3 at 3");
    CHECK(next(back) == "end");
    journal.happens(VX_OP_FILE_CREATE, 3, 3);
    journal.happens(VX_OP_FILE_DELETE, 3, 4, VX_F_LAST_LINK);
    CHECK(next(back) == "end");
    CHECK(back.cursor().seq == 5);
}

TEST_CASE("settle: wait() ends when a window does, though nothing is written") {
    Journal journal;
    journal.happens(VX_OP_FILE_WRITE, 1, 0);
    Reader reader = journal.reader();
    REQUIRE(reader.settle(20).ok());
    std::string said;
    while ((said = next(reader)) == "end") {
        CHECK(reader.due_ms() <= 20);
        REQUIRE(*reader.wait(-1, -1) == Reader::Wake::written);
    }
    CHECK(said == "1-1 at 1");
    // With nothing held back it waits for what it was asked to.
    CHECK(next(reader) == "end");
    while (*reader.wait(-1, 0) == Reader::Wake::written) {
    }
    CHECK(*reader.wait(-1, 0) == Reader::Wake::timeout);
    const UniqueFd stop(::eventfd(1, 0));
    CHECK(*reader.wait(stop.get(), -1) == Reader::Wake::stopped);
}

TEST_CASE("settle: limits and misuse are refused; an event that is kept owns what is said of it") {
    Journal journal;
    journal.happens(VX_OP_FILE_WRITE, 1, 0);
    journal.happens(VX_OP_FILE_WRITE, 1, 1);
    Reader reader = journal.reader();
    CHECK(reader.due_ms() == -1);
    reader.let_go();
    CHECK(reader.settle(0).code() == EINVAL);
    CHECK(reader.settle(kSettleMaxMs + 1).code() == EINVAL);
    CHECK(reader.settle(kSettleMaxMs + 1).message() == "events can settle for 1 to 60000 ms");
    REQUIRE(reader.settle(kSettleMaxMs).ok());
    CHECK(reader.settle(100).code() == EBUSY);
    CHECK(next(reader) == "end");
    CHECK(reader.due_ms() > 0);
    // Seeking forgets what is held back.
    REQUIRE(reader.seek_end().ok());
    CHECK(reader.due_ms() == -1);
    CHECK(next(reader) == "end");
    REQUIRE(reader.seek_start().ok());
    CHECK(next(reader) == "end");
    reader.let_go();
    CHECK(next(reader) == "1-2 at 2");
    const Event kept(reader.event());
    CHECK(next(reader) == "end");
    CHECK(kept.view().settled->events == 2);
}
