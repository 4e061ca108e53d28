// SPDX-License-Identifier: Apache-2.0
// Catalogue: which names there are below what is watched, which object each is, and what is known
// of that object; now, and at each earlier position that the journal still holds.
//
// It is derived: made of the events of the journal, and of one look at what was there before them.
// It carries the number of the last event that it has applied, in the same transaction. Whoever
// throws it away gets it again.
//
// One SQLite file beside the journal. One writer; any number of readers, each with a Catalogue of
// its own, who see the last commit. A Catalogue is used by one thread at a time.
//
// Objects are named by (fsid, ino, gen), names by (parent object, bytes), as in the events; a path
// is the names from a root down. So the rename of a directory changes one row.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/facts_table.hpp"
#include "catalogue/sqlite.hpp"
#include "paths/directory_map.hpp"
#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"

namespace vexfs {

// A name, and what has it.
struct CatalogueName {
    std::string name;
    ObjectKey object;
    std::uint32_t type = 0;   // S_IFMT bits of its mode; 0: not known
    std::uint64_t since = 0;  // the event that gave it the name; 0: it was there before all events
};

// Where paths begin: a watch.
struct CatalogueRoot {
    ObjectKey object;
    std::string path;        // absolute, as events call it
    std::string place;       // absolute, where to look: the same, or what is behind a mount
    bool complete = false;   // everything below it has been looked at
    std::uint64_t since = 0;  // the names are known from this event on
};

class Catalogue {
  public:
    static constexpr const char* kFile = "catalogue.db";  // in the journal's directory
    static constexpr std::uint64_t kNow = INT64_MAX;

    // The writer. A file of another journal, of another version or one that is damaged is begun
    // anew.
    static Result<std::unique_ptr<Catalogue>> open(const std::string& directory,
                                                   const JournalId& journal);
    // A reader. ENOENT: there is none.
    static Result<std::unique_ptr<Catalogue>> open_to_read(const std::string& directory);

    // Throws it away. Nobody may have it open to write.
    static Status remove(const std::string& directory);

    [[nodiscard]] const JournalId& journal() const { return journal_; }
    // The last event that is in it, and when that was applied (nanoseconds of CLOCK_REALTIME).
    // For a reader: as of the call of refresh().
    [[nodiscard]] std::uint64_t applied_seq() const { return applied_seq_; }
    [[nodiscard]] std::uint64_t applied_ns() const { return applied_ns_; }
    Status refresh();

    // Changes are made between begin() and commit(); until then nobody else sees them.
    Status begin();
    Status commit(std::uint64_t applied_seq, std::uint64_t applied_ns);
    Status roll_back();

    // What has to be looked for and was not yet.
    struct Unhealed {
        std::uint64_t since_seq = 0;
        std::uint64_t since_ns = 0;  // CLOCK_REALTIME
    };
    [[nodiscard]] const std::optional<Unhealed>& unhealed() const { return unhealed_; }
    Status set_unhealed(const std::optional<Unhealed>& unhealed);

    struct Place {
        ObjectKey parent;
        std::string name;
        auto operator<=>(const Place&) const = default;
    };

    // Applies an event. Events come in the order of their numbers.
    Status apply(const EventView& event);
    // Called with directories of which not everything is told: one that an event has brought from
    // outside of all roots, with what is in it; one that has gone and in which, as far as is known
    // here, something was left; one of which nothing is known; one that has a name in untold().
    void set_on_unknown(std::function<void(const ObjectKey&)> fn) { on_unknown_ = std::move(fn); }
    // Called with directories that an event has moved to below a root that is not complete: from
    // outside (on_unknown() is called, too), or from a place where the first look may not have
    // found it yet, although an earlier event has told of it.
    enum class From { outside, inside };
    void set_on_unlooked(std::function<void(const ObjectKey&, From)> fn) {
        on_unlooked_ = std::move(fn);
    }

    // What events have shown of other names than their own, and no event has told since: whoever
    // follows the stream does not know it. It goes with the event that tells it.
    struct Untold {
        Place place;
        ObjectKey object;
        // The object has got the name, by an exchange of which one event has come: it had this one.
        // Nothing: it is a directory that has the name no more, because it has got another one.
        std::optional<Place> from;
    };
    Result<std::vector<Untold>> untold();

    // A name as it was found by looking. Replaces what is known of it.
    Status set_name(const ObjectKey& parent, std::string_view name, const ObjectKey& object,
                    const ObjectFacts& facts, std::uint64_t since);
    // A directory that has gone with all that is below it.
    Status forget_below(const ObjectKey& directory, std::uint64_t seq);

    Status add_root(const ObjectKey& object, std::string_view path, std::string_view place,
                    std::uint64_t since);
    Status set_complete(const ObjectKey& root);
    // Its names stay; see forget_below().
    Status remove_root(const ObjectKey& root);
    Result<std::vector<CatalogueRoot>> roots();
    [[nodiscard]] bool is_root(const ObjectKey& object) const;

    // The names in a directory, by their bytes, behind the event `at`.
    Result<std::vector<CatalogueName>> names_in(const ObjectKey& directory,
                                                std::uint64_t at = kNow);
    Result<std::optional<CatalogueName>> find(const ObjectKey& parent, std::string_view name,
                                              std::uint64_t at = kNow);
    // All names of an object, now.
    Result<std::vector<Place>> places_of(const ObjectKey& object, std::uint64_t at = kNow);
    Result<std::optional<ObjectFacts>> facts_of(const ObjectKey& object);
    // An absolute path of it, as events call it, and where to look for it; empty: none is known.
    Result<std::string> path_of(const ObjectKey& object, std::uint64_t at = kNow);
    Result<std::string> look_for(const ObjectKey& object);
    // It, and the directories above it, each with its name in the next: to one that has none (the
    // name is empty then), or, where a loss has made that of it, once round a circle.
    struct Link {
        ObjectKey object;
        std::string name;
    };
    Result<std::vector<Link>> chain_of(const ObjectKey& object, std::uint64_t at = kNow);
    // Directories with names in them that have none themselves. Looks at everything.
    Result<std::vector<ObjectKey>> orphaned();
    // It is a root, or has a name.
    Result<bool> knows(const ObjectKey& object);

    // Forgets names that had gone by this event.
    Status forget_before(std::uint64_t seq);
    // How many names there are now.
    Result<std::uint64_t> count_names();
    Result<std::uint64_t> count_directories();

  private:
    explicit Catalogue(Database db) : db_(std::move(db)) {}
    static Result<std::unique_ptr<Catalogue>> open_file(const std::string& path,
                                                        const JournalId& journal);
    Status prepare_all();
    Status make(const JournalId& journal);
    Status read_meta();
    Result<std::int64_t> file_system(std::uint64_t fsid);
    [[nodiscard]] std::int64_t known_file_system(std::uint64_t fsid) const;
    [[nodiscard]] FactsTable::Key key_of(const ObjectKey& object) const {
        return {known_file_system(object.fsid), object};
    }
    Result<std::int64_t> count(Statement& statement);

    struct Displaced {
        std::optional<CatalogueName> name{};  // it changes places
        ObjectFacts facts{};
        std::optional<CatalogueName> gone{};  // it was not there any more
    };
    Result<Displaced> displaced_by(const EventView& event);
    Status forget_other_names(const EventView& event);
    Status swap(const EventView& event, const Displaced& displaced);
    Status add_untold(const Untold& untold);
    Status remove_untold(const ObjectKey& parent, std::string_view name);
    Status apply_rename(const EventView& event);
    Status take_facts(const EventView& event, bool changed);
    Result<bool> is_to_be_added(const EventView& event);
    Status add_name(const EventView& event);
    enum class Whose { anybody, the_objects };
    Status remove_name(const EventView& event, const ObjectKey& parent, std::string_view name,
                       Whose whose);
    Status remove_known(const ObjectKey& parent, const CatalogueName& known, std::uint64_t seq);
    Status ask_for_what_is_left(const CatalogueName& gone);
    void ask_for_what_is_in(const EventView& moved, bool known) const;
    Status drop_if_nameless(const ObjectKey& object);
    Status change_root(const char* sql, const ObjectKey& root);
    Status read_roots();
    Result<std::string> path_from(std::string CatalogueRoot::*root, const ObjectKey& object,
                                  std::uint64_t at);
    Result<bool> inside(const EventView& event, const ObjectKey& parent);
    [[nodiscard]] const CatalogueRoot* root_above(std::uint64_t fsid, std::string_view path) const;
    Status read_names(Statement& statement, std::uint64_t fsid, std::vector<CatalogueName>& out);
    Status read_places(Statement& statement, std::uint64_t fsid, std::vector<Place>& out);

    Database db_;
    FactsTable facts_;
    JournalId journal_;
    std::uint64_t applied_seq_ = 0;
    std::uint64_t applied_ns_ = 0;
    std::optional<Unhealed> unhealed_;
    std::map<std::uint64_t, std::int64_t> file_systems_;
    std::vector<CatalogueRoot> roots_;
    std::function<void(const ObjectKey&)> on_unknown_;
    std::function<void(const ObjectKey&, From)> on_unlooked_;
    std::uint64_t untold_ = 0;  // how many there are

    struct Statements {
        Statement find, find_old, put, remove, put_old, in, in_old, places, places_old, known,
            put_untold, remove_untold, save_meta, save_unhealed, new_fs, prune, names, directories;
    };
    Statements sql_;
};

}  // namespace vexfs
