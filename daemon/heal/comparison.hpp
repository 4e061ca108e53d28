// SPDX-License-Identifier: Apache-2.0
// Comparison: what is there, beside what the catalogue thinks is there; and what must have happened
// in between, in an order in which it can have happened.
//
//   appeared, known object, old name gone   FileRename (a directory: one event, whatever is below)
//   appeared, known object, old name there  HardlinkCreate
//   appeared, unknown object                FileCreate, DirCreate, SymlinkCreate; further names of
//                                           it are HardlinkCreate; with content also FileWrite and
//                                           FileClose
//   gone, nowhere else                      FileDelete, DirDelete; of a directory with all below it
//   other mode or owner                     FileChmod, FileChown
//   other size, or changed since the loss   FileWrite and FileClose
//
// A move is recognised by its object, so it is never told as a deletion and a creation.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "catalogue/catalogue.hpp"
#include "heal/finding.hpp"
#include "heal/listing.hpp"

namespace vexfs::heal {

// What may have happened without an event.
struct Suspicion {
    std::uint64_t since_seq = 0;  // from this event on
    std::uint64_t since_ns = 0;   // and this time (CLOCK_REALTIME) on
    std::uint64_t ops = 0;        // VX_OP_BIT()s that are told: others are not found either
};

class Comparison {
  public:
    Comparison(Catalogue& catalogue, const Suspicion& suspicion)
        : catalogue_(catalogue), suspicion_(suspicion) {}

    // Compares a complete listing. Directories in it that the catalogue does not know, whose
    // contents are all new, are put into `unknown`; all others into `known`.
    Status add(const Listing& listing, std::vector<Directory>& known,
               std::vector<Directory>& unknown);

    // A directory that has gone: so has everything in it that is nowhere else.
    Status add_gone(const ObjectKey& directory);

    // A listing has it where the catalogue does not.
    [[nodiscard]] bool appears(const ObjectKey& object) const {
        return appearing_.count(object) != 0;
    }

    // A listing has not the name that the catalogue has there.
    [[nodiscard]] bool is_gone(const Place& place) const { return gone_.count(place) != 0; }

    // So many differences are held.
    [[nodiscard]] std::size_t size() const {
        return appeared_.size() + gone_.size() + changed_.size();
    }

    // What must have happened, in an order in which each step is possible. Once.
    Result<std::vector<Finding>> findings();

  private:
    struct Gone {
        ObjectKey object;
        std::uint32_t type = 0;
        bool moved = false;  // by a FileRename among the steps
    };
    struct Appeared {
        Directory parent;
        ListedName name;
        bool known = false;
    };
    using Names = std::map<Place, Gone>;

    Result<bool> knows_as(const ListedName& now);
    Status compare(const Directory& parent, const CatalogueName& before, const ListedName& now);
    void compare_facts(const Directory& parent, const ListedName& now,
                       const std::optional<ObjectFacts>& before);
    void tell_content(const Directory& parent, const ListedName& now);
    void tell(unsigned op, std::uint32_t flags, const Directory& parent, const ListedName& now);
    Result<std::string> look_for(const ObjectKey& directory);
    Status add_below_gone();
    Status read_untold();
    Result<std::optional<Place>> told_place(const Catalogue::Untold& untold);
    Result<bool> has_again(const Place& old, const ObjectKey& object);
    Status tell_untold(std::vector<Finding>& out);
    Result<Finding> step_at(const Place& place, const ObjectKey& object, std::uint32_t type);
    Status explain(Appeared& appeared);
    Result<bool> find_old_name(const Appeared& appeared, Place& from);
    Status explain_gone();

    Catalogue& catalogue_;
    const Suspicion suspicion_;
    std::unordered_set<ObjectKey, ObjectKeyHash> listed_;
    Names gone_;
    std::unordered_multimap<ObjectKey, Place, ObjectKeyHash> gone_of_;
    std::vector<Appeared> appeared_;
    struct Appearing {
        unsigned names = 0;  // so many
        std::string path;    // of one of them
    };
    std::unordered_map<ObjectKey, Appearing, ObjectKeyHash> appearing_;
    std::unordered_set<ObjectKey, ObjectKeyHash> created_;
    std::vector<Catalogue::Untold> untold_;
    // Directories that have appeared, and have no name in the catalogue: who follows the stream has
    // them there.
    std::unordered_map<ObjectKey, Place, ObjectKeyHash> left_behind_;
    std::vector<Finding> steps_;    // names, in no order yet
    std::vector<Finding> changed_;  // facts and content: behind all names, each once
    std::array<std::unordered_set<ObjectKey, ObjectKeyHash>, VX_OP_COUNT> told_;  // by operation
};

// Brings steps that change names into an order in which each is possible: a name is free before it
// is given, a directory there before something is in it, and empty before it goes. What goes round
// in a circle is told as exchanges.
Result<std::vector<Finding>> arrange(std::vector<Finding> steps, Catalogue& catalogue);

// Gives findings their paths: where those before each have led.
Status set_paths(std::vector<Finding>& findings, Catalogue& catalogue);

}  // namespace vexfs::heal
