// SPDX-License-Identifier: Apache-2.0
// The catalogue as a store: what a transaction holds, who sees it when, and which file is begun
// anew. What events and looks make of it: tests/unit/heal.
#include "catalogue/catalogue.hpp"

#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <string>

#include "support/catch.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"

using namespace vexfs;
using namespace vexfs::test;

namespace {

constexpr ObjectKey kRoot{7, 2, 0};
constexpr JournalId kJournal{{1}};

ObjectKey object(std::uint64_t ino) { return {kRoot.fsid, ino, 0}; }

std::unique_ptr<Catalogue> open(const std::string& directory, const JournalId& journal = kJournal) {
    Result<std::unique_ptr<Catalogue>> opened = Catalogue::open(directory, journal);
    INFO(opened.status().message());
    REQUIRE(opened.ok());
    return *std::move(opened);
}

// A catalogue with a root, /w, and events in it.
class Kept {
  public:
    Kept() : catalogue(open(dir_ / "")) {
        transaction([&] { REQUIRE(catalogue->add_root(kRoot, "/w", "/w", 0).ok()); });
    }

    template <typename Fn>
    void transaction(Fn fn) {
        REQUIRE(catalogue->begin().ok());
        fn();
        REQUIRE(catalogue->commit(seq_, seq_).ok());
    }
    // One of the object `ino`, named `name` in the root.
    void event(unsigned op, std::uint64_t ino, const char* name, std::uint32_t mode = 0644,
               std::uint32_t flags = 0) {
        Record record(op, flags);
        record.names(name);
        record->fsid = kRoot.fsid;
        record->ino = ino;
        record->parent_ino = kRoot.ino;
        record->mode = S_IFREG | mode;
        REQUIRE(catalogue->apply(record.view(++seq_)).ok());
    }
    [[nodiscard]] std::string directory() const { return dir_ / ""; }

  private:
    TempDirectory dir_;
    std::uint64_t seq_ = 0;

  public:
    std::unique_ptr<Catalogue> catalogue;
};

// Its permissions; 0: nothing is known of it.
std::uint32_t mode_of(Catalogue& catalogue, std::uint64_t ino) {
    const Result<std::optional<ObjectFacts>> facts = catalogue.facts_of(object(ino));
    REQUIRE(facts.ok());
    return *facts ? (*facts)->mode & 0777 : 0;
}

bool has_name(Catalogue& catalogue, const char* name) {
    const Result<std::optional<CatalogueName>> found = catalogue.find(kRoot, name);
    REQUIRE(found.ok());
    return found->has_value();
}

}  // namespace

TEST_CASE("catalogue: what is rolled back has not been") {
    Kept kept;
    kept.transaction([&] { kept.event(VX_OP_FILE_CREATE, 3, "old", 0600); });
    REQUIRE(kept.catalogue->begin().ok());
    kept.event(VX_OP_FILE_CHMOD, 3, "old", 0640);
    kept.event(VX_OP_FILE_CREATE, 4, "new");
    CHECK(mode_of(*kept.catalogue, 3) == 0640);
    CHECK(mode_of(*kept.catalogue, 4) == 0644);
    REQUIRE(kept.catalogue->roll_back().ok());
    CHECK(kept.catalogue->applied_seq() == 1);
    CHECK(mode_of(*kept.catalogue, 3) == 0600);
    CHECK(mode_of(*kept.catalogue, 4) == 0);
    CHECK_FALSE(has_name(*kept.catalogue, "new"));
}

TEST_CASE("catalogue: readers see a transaction when it is committed") {
    Kept kept;
    kept.transaction([&] { kept.event(VX_OP_FILE_CREATE, 3, "name", 0600); });
    const auto reader = Catalogue::open_to_read(kept.directory());
    REQUIRE(reader.ok());
    kept.transaction([&] {
        kept.event(VX_OP_FILE_CHMOD, 3, "name", 0640);
        CHECK(mode_of(**reader, 3) == 0600);
    });
    CHECK(mode_of(**reader, 3) == 0640);
}

TEST_CASE("catalogue: what is known of an object stays until its last name goes") {
    Kept kept;
    const bool at_once = GENERATE(true, false);
    const auto next = [&] {
        if (!at_once) {
            REQUIRE(kept.catalogue->commit(1, 1).ok());
            REQUIRE(kept.catalogue->begin().ok());
        }
    };
    REQUIRE(kept.catalogue->begin().ok());
    kept.event(VX_OP_FILE_CREATE, 3, "one", 0600);
    next();
    kept.event(VX_OP_HARDLINK_CREATE, 3, "other", 0600);
    next();
    kept.event(VX_OP_FILE_DELETE, 3, "one", 0600);
    CHECK(mode_of(*kept.catalogue, 3) == 0600);
    next();
    CHECK(mode_of(*kept.catalogue, 3) == 0600);
    kept.event(VX_OP_FILE_DELETE, 3, "other", 0600, VX_F_LAST_LINK);
    CHECK(mode_of(*kept.catalogue, 3) == 0);
    REQUIRE(kept.catalogue->commit(9, 9).ok());
    CHECK(mode_of(*kept.catalogue, 3) == 0);
}

TEST_CASE("catalogue: one transaction takes more objects than are held in memory") {
    Kept kept;
    constexpr std::uint64_t kObjects = FactsTable::kMax + 1000;
    const auto mode_for = [](std::uint64_t ino) {
        return static_cast<std::uint32_t>(ino % 0777 + 1);
    };
    kept.transaction([&] {
        for (std::uint64_t ino = 3; ino < 3 + kObjects; ++ino) {
            kept.event(VX_OP_FILE_CREATE, ino, std::to_string(ino).c_str(), mode_for(ino));
        }
    });
    std::uint64_t wrong = 0;
    for (std::uint64_t ino = 3; ino < 3 + kObjects; ++ino) {
        wrong += mode_of(*kept.catalogue, ino) != mode_for(ino);
    }
    CHECK(wrong == 0);
}

TEST_CASE("catalogue: one of another journal, and one that is damaged, are begun anew") {
    const TempDirectory dir;
    const std::string file = dir / Catalogue::kFile;
    {
        const auto catalogue = open(dir / "");
        REQUIRE(catalogue->begin().ok());
        REQUIRE(catalogue->commit(5, 5).ok());
    }
    CHECK(open(dir / "")->applied_seq() == 5);
    SECTION("of another journal") {
        CHECK(open(dir / "", JournalId{{2}})->applied_seq() == 0);
    }
    SECTION("damaged") {
        std::fstream(file, std::ios::in | std::ios::out).write("no database at all", 18);
        CHECK(open(dir / "")->applied_seq() == 0);
    }
}
