// SPDX-License-Identifier: Apache-2.0
// Events that settle against the truth: random histories of a tree, read event by event and read
// settled, must come to the same tree, also when the reader goes away and comes back anywhere.
//
//   VEXFS_SETTLE=full  20,000 histories instead of 1,000; VEXFS_SEED=N VEXFS_SETTLE=1: one again
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "sim/tree_history.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/number_from.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"
#include "vexfs/reader.hpp"
#include "vm/vx_load/model.hpp"

using namespace vexfs;  // NOLINT: a test
using test::TempDirectory;
using test::TestJournal;
using test::TreeHistory;
using vm::Model;
using Item = Reader::Item;

namespace {

// What docs/events.md ("Snapshots") tells a reader to keep, which hears some events again.
class Replica {
  public:
    using Place = std::pair<std::uint64_t, std::string>;
    using State = std::tuple<std::uint32_t, std::uint64_t, std::uint32_t>;  // mode, size, owner

    void apply(const EventView& event) {
        const vx_event& e = event.event();
        if (e.error != 0 || event.duplicate) {
            return;
        }
        objects_[e.ino] = {e.mode, e.size, e.owner_uid};
        const Place at{e.parent_ino, std::string(event.name())};
        switch (event.op()) {
            case VX_OP_FILE_CREATE:
            case VX_OP_DIR_CREATE:
            case VX_OP_SYMLINK_CREATE:
            case VX_OP_HARDLINK_CREATE:
                names_[at] = e.ino;
                break;
            case VX_OP_FILE_DELETE:
            case VX_OP_DIR_DELETE:
                names_.erase(at);
                break;
            case VX_OP_FILE_RENAME: {
                const auto old =
                    names_.find({event.rename()->old_parent_ino, std::string(event.name2())});
                if (old != names_.end() && old->second == e.ino) {
                    names_.erase(old);
                }
                names_[at] = e.ino;
                break;
            }
            default:
                break;
        }
    }
    // Every name, and the object behind it.
    [[nodiscard]] std::map<Place, std::pair<std::uint64_t, State>> tree() const {
        std::map<Place, std::pair<std::uint64_t, State>> all;
        for (const auto& [at, ino] : names_) {
            all[at] = {ino, objects_.at(ino)};
        }
        return all;
    }

  private:
    std::map<Place, std::uint64_t> names_;
    std::map<std::uint64_t, State> objects_;
};

// A reader that believes nothing: each event must be possible after those before it. But when it
// has come back, what was made and is gone again is told as gone, because it could know it.
struct Strict {
    Model model{"/w", TreeHistory::kRoot};
    std::string wrong;
    bool came_back = false;

    void apply(const EventView& event) {
        if (event.event().error != 0 || event.duplicate || event.op() == VX_OP_SYNC) {
            return;
        }
        const bool gone = event.op() == VX_OP_FILE_DELETE || event.op() == VX_OP_DIR_DELETE;
        if (came_back && gone && event.settled->first_seq != event.seq &&
            (event.settled->ops[VX_OP_FILE_CREATE] != 0 ||
             event.settled->ops[VX_OP_DIR_CREATE] != 0 ||
             event.settled->ops[VX_OP_SYMLINK_CREATE] != 0)) {
            return;
        }
        const std::string says = model.apply(event);
        if (!says.empty() && wrong.empty()) {
            wrong = std::string(event.op_name()) + " " + std::string(event.path) + " (" +
                    std::to_string(event.seq) + "): " + says;
        }
    }
};

// A journal that a history is written to, and the truth about it.
class Written {
  public:
    explicit Written(std::uint64_t seed)
        : history_(seed), journal_(dir_.path(), {.segment_bytes = 1 << 16}) {}

    void write(unsigned steps, std::mt19937_64& random) {
        for (unsigned i = 0; i < steps; i++) {
            if (i % 32 == 0) {
                REQUIRE(journal_.flush().ok());
            }
            for (const Event& event : history_.step(journal_.next_seq())) {
                EventView view = event.view();
                view.seq = journal_.next_seq();
                append(view);
                if (random() % 40 == 0) {
                    EventView again = view;
                    again.seq = journal_.next_seq();
                    again.duplicate = true;
                    again.cause = view.seq;
                    append(again);
                }
            }
            if (random() % 60 == 0) {
                lose(random() % 3);
            }
        }
        REQUIRE(journal_.flush().ok());
    }
    // The last one: what has come to nothing before it is said with it.
    void end() {
        test::Record record(VX_OP_SYNC, VX_F_SYNC_ALL);
        record.names("");
        EventView view = record.view(journal_.next_seq(), "");
        view.real_ns = 0;
        append(view);
        REQUIRE(journal_.flush().ok());
    }
    Reader reader(std::uint32_t window_ms) const {
        auto reader = Reader::open(dir_.path());
        REQUIRE(reader.ok());
        REQUIRE(reader->settle(window_ms).ok());
        return std::move(*reader);
    }

    Strict strict;
    Replica replica;
    std::uint64_t events = 0;
    std::uint64_t lost = 0;

  private:
    void append(const EventView& event) {
        REQUIRE(journal_.append(event).ok());
        strict.apply(event);
        replica.apply(event);
        events++;
    }
    // Reads that are lost: no name changes, and everything that is held back is told before.
    void lose(std::uint64_t count) {
        const std::uint64_t from = journal_.next_seq();
        REQUIRE(
            journal_.append(Gap{.from = from, .to = from + count - 1, .scope = "class D"}).ok());
        lost += count;
    }

    TempDirectory dir_;
    TreeHistory history_;
    TestJournal journal_;
};

struct Told {
    std::uint64_t lines = 0;
    std::uint64_t events = 0;  // that they came of, and those that came to nothing
    std::uint64_t vanished = 0;
    std::uint64_t lost = 0;
};

// Reads on until the end, or until `most` items were told; `tell(event)` for each event.
template <typename Tell>
bool read(Reader& reader, Told& told, std::uint64_t most, bool to_the_end, Tell tell) {
    for (std::uint64_t i = 0; i < most; i++) {
        const auto item = reader.next();
        REQUIRE(item.ok());
        if (*item == Item::end) {
            if (!to_the_end || reader.due_ms() < 0) {
                return true;
            }
            reader.let_go();
            continue;
        }
        if (*item == Item::gap) {
            told.lost += reader.gap().count();
            CHECK(reader.cursor().seq == reader.gap().to);
            tell(nullptr);
            continue;
        }
        const EventView& event = reader.event();
        REQUIRE(event.settled != nullptr);
        CHECK(event.settled->cursor == reader.cursor().seq);
        told.lines++;
        told.events += event.settled->events + event.settled->vanished;
        told.vanished += event.settled->vanished;
        tell(&event);
    }
    return false;
}

constexpr std::uint64_t kAll = UINT64_MAX;

struct Sums {
    std::uint64_t events = 0;
    Told told;
};

void one_history(std::uint64_t seed, Sums& sums) {
    INFO("VEXFS_SEED=" << seed);
    std::mt19937_64 random(seed);
    Written written(seed);
    const auto window_ms = static_cast<std::uint32_t>(1 + random() % 50);
    written.write(static_cast<unsigned>(50 + random() % 250), random);
    written.end();
    REQUIRE(written.strict.wrong == "");

    Reader reader = written.reader(window_ms);
    Strict strict;
    Replica replica;
    Told told;
    CHECK(read(reader, told, kAll, true, [&](const EventView* event) {
        if (event != nullptr) {
            strict.apply(*event);
            replica.apply(*event);
        }
    }));
    INFO("window " << window_ms << " ms");
    CHECK(strict.wrong == "");
    CHECK(strict.model.list() == written.strict.model.list());
    CHECK(strict.model.last_links_wrong().empty());
    CHECK(replica.tree() == written.replica.tree());
    CHECK(told.events == written.events);
    CHECK(told.lost == written.lost);
    CHECK(reader.cursor().seq == written.events + written.lost);
    sums.events += written.events;
    sums.told.lines += told.lines;
    sums.told.vanished += told.vanished;
}

// Reads a part, is killed, finds more written, comes back, catches up, and reads what comes then.
// `exactly_once`: it stores what it has made of the events together with its position.
void comes_back(std::uint64_t seed, bool exactly_once) {
    INFO("VEXFS_SEED=" << seed << (exactly_once ? ", exactly once" : ", at least once"));
    std::mt19937_64 random(seed);
    Written written(seed);
    const auto window_ms = static_cast<std::uint32_t>(1 + random() % 50);
    written.write(static_cast<unsigned>(20 + random() % 150), random);

    Strict strict;
    Replica replica;
    Strict stored_strict;
    Told told;
    std::optional<Cursor> stored;
    {
        Reader reader = written.reader(window_ms);
        stored = reader.cursor();
        const std::uint64_t most = random() % 150;
        const std::uint64_t often = 1 + random() % 20;
        read(reader, told, most, random() % 2 == 0, [&](const EventView* event) {
            if (event != nullptr) {
                strict.apply(*event);
                replica.apply(*event);
            }
            // Who stores both at once does so when nothing is held back, anybody else at any time.
            const bool whole = event == nullptr || event->settled->held == 0;
            if (random() % often == 0 && (whole || !exactly_once)) {
                stored = reader.cursor();
                stored_strict = strict;
            }
        });
    }
    written.write(static_cast<unsigned>(random() % 100), random);
    Reader reader = written.reader(window_ms);
    REQUIRE(reader.seek(*stored).ok());
    Strict& kept = stored_strict;
    kept.came_back = true;
    const auto tell = [&](const EventView* event) {
        if (event != nullptr && exactly_once) {
            kept.apply(*event);  // who hears some again must not take each for a step
        }
        if (event != nullptr) {
            replica.apply(*event);
        }
    };
    CHECK(read(reader, told, kAll, random() % 2 == 0, tell));
    written.write(static_cast<unsigned>(random() % 100), random);
    written.end();
    CHECK(read(reader, told, kAll, true, tell));
    REQUIRE(written.strict.wrong == "");
    CHECK(replica.tree() == written.replica.tree());
    if (exactly_once) {
        CHECK(kept.wrong == "");
        CHECK(kept.model.list() == written.strict.model.list());
    }
}

}  // namespace

TEST_CASE("settled events come to the same tree as all events, in an order that can be") {
    const std::uint64_t seed = test::seed();
    const std::size_t histories = test::number_from("VEXFS_SETTLE", 1'000, 20'000);
    Sums sums;
    for (std::size_t i = 0; i < histories; i++) {
        one_history(seed + i, sums);
    }
    std::printf("%zu histories: %llu events told as %llu, %llu came to nothing\n", histories,
                static_cast<unsigned long long>(sums.events),
                static_cast<unsigned long long>(sums.told.lines),
                static_cast<unsigned long long>(sums.told.vanished));
    CHECK(sums.told.lines < sums.events * 3 / 4);
    CHECK((histories < 100 || sums.told.vanished > 0));
}

TEST_CASE("a reader of settled events that comes back anywhere has the true tree in the end") {
    const std::uint64_t seed = test::seed();
    const std::size_t histories = test::number_from("VEXFS_SETTLE", 1'000, 20'000);
    for (std::size_t i = 0; i < histories; i++) {
        comes_back(seed + i, i % 2 == 0);
    }
}
