// SPDX-License-Identifier: Apache-2.0
// What each event does to a catalogue. An event is believed: what the catalogue has thought of the
// same name or object before gives way. So it is right again after a loss for all that events speak
// of, and heal/ finds the rest.
#include <sys/stat.h>

#include <algorithm>

#include "base/path_text.hpp"
#include "catalogue/catalogue.hpp"
#include "record.h"

namespace vexfs {

namespace {

ObjectKey object_of(const vx_event& e) { return {e.fsid, e.ino, e.gen}; }
ObjectKey parent_of(const vx_event& e) { return {e.fsid, e.parent_ino, e.parent_gen}; }
std::string_view name_of(const vx_event& e) { return {vx_event_name(&e), e.name_len}; }
// Of a FileRename.
ObjectKey old_parent_of(const vx_event& e) {
    const vx_rename& rename = *vx_event_rename_const(&e);
    return {e.fsid, rename.old_parent_ino, rename.old_parent_gen};
}
std::string_view old_name_of(const vx_event& e) { return {vx_event_name2(&e), e.name2_len}; }

}  // namespace

Status Catalogue::apply(const EventView& event) {
    const vx_event& e = event.event();
    if (roots_.empty() || event.pushed() || event.duplicate || e.error != 0 || e.ino == 0) {
        return {};
    }
    switch (event.op()) {
        case VX_OP_FILE_CREATE:
        case VX_OP_DIR_CREATE:
        case VX_OP_SYMLINK_CREATE:
        case VX_OP_HARDLINK_CREATE:
            return add_name(event);
        case VX_OP_FILE_DELETE:
        case VX_OP_DIR_DELETE: {
            const Status status = remove_name(event, parent_of(e), name_of(e), Whose::anybody);
            return status && (e.flags & VX_F_LAST_LINK) == 0 ? take_facts(event, false) : status;
        }
        case VX_OP_FILE_RENAME:
            return apply_rename(event);
        case VX_OP_FILE_WRITE:
        case VX_OP_FILE_TRUNCATE:
            return take_facts(event, true);
        case VX_OP_FILE_CLOSE:
            return (e.flags & VX_F_WROTE) != 0 ? take_facts(event, true) : Status();
        case VX_OP_FILE_CHMOD:
        case VX_OP_FILE_CHOWN:
            return take_facts(event, false);
        default:
            return {};
    }
}

// Of an object that is in the catalogue.
Status Catalogue::take_facts(const EventView& event, bool changed) {
    const vx_event& e = event.event();
    const FactsTable::Key key = key_of(object_of(e));
    const Result<std::optional<ObjectFacts>> before = facts_.find(key);
    if (!before || !*before) {
        return before.status();
    }
    return facts_.put(key, {.mode = e.mode,
                            .uid = e.owner_uid,
                            .gid = e.owner_gid,
                            .size = e.size,
                            .changed = changed ? event.seq : (*before)->changed});
}

// What was found in a directory that has left by now is not taken in.
Result<bool> Catalogue::is_to_be_added(const EventView& event) {
    const vx_event& e = event.event();
    return (e.flags & VX_F_RESYNC) == 0 ? Result<bool>(true) : knows(parent_of(e));
}

// A name that was another object's has been lost by it, whatever has become of that event.
Status Catalogue::add_name(const EventView& event) {
    const vx_event& e = event.event();
    const Result<bool> wanted = is_to_be_added(event);
    if (!wanted || !*wanted) {
        return wanted.status();
    }
    const Status told = remove_untold(parent_of(e), name_of(e));
    const Result<std::optional<CatalogueName>> before =
        told ? find(parent_of(e), name_of(e)) : told;
    if (!before) {
        return before.status();
    }
    if (*before && (*before)->object == object_of(e)) {
        return take_facts(event, false);
    }
    if (*before) {
        Status status = remove_known(parent_of(e), **before, event.seq);
        if (status && (e.flags & VX_F_EXCHANGE) == 0) {
            status = ask_for_what_is_left(**before);
        }
        if (!status) {
            return status;
        }
    }
    const bool is_new = event.op() != VX_OP_HARDLINK_CREATE && event.op() != VX_OP_FILE_RENAME;
    const Result<std::optional<ObjectFacts>> known =
        is_new ? std::optional<ObjectFacts>() : facts_of(object_of(e));
    if (!known) {
        return known.status();
    }
    const ObjectFacts facts{.mode = e.mode,
                            .uid = e.owner_uid,
                            .gid = e.owner_gid,
                            .size = e.size,
                            .changed = *known ? (*known)->changed : event.seq};
    return set_name(parent_of(e), name_of(e), object_of(e), facts, event.seq);
}

// `the_objects`: a name that somebody else has by now stays.
Status Catalogue::remove_name(const EventView& event, const ObjectKey& parent,
                              std::string_view name, Whose whose) {
    const vx_event& e = event.event();
    const Result<std::optional<CatalogueName>> known = find(parent, name);
    if (!known) {
        return known.status();
    }
    if (*known && whose == Whose::the_objects && (*known)->object != object_of(e)) {
        return {};  // this event does not tell whose it is
    }
    if (Status told = remove_untold(parent, name); !told) {
        return told;
    }
    if (*known) {
        const Status status = remove_known(parent, **known, event.seq);
        return status ? ask_for_what_is_left(**known) : status;
    }
    // Before everything has been looked at, it was there before all events.
    if (std::all_of(roots_.begin(), roots_.end(), [](const auto& root) { return root.complete; })) {
        return {};
    }
    const Result<std::int64_t> fs = file_system(e.fsid);
    return fs ? sql_.put_old
                    .bind(*fs, parent.ino, parent.gen, name, e.ino, e.gen, e.mode & S_IFMT, 0,
                          event.seq)
                    .run()
              : fs.status();
}

Status Catalogue::remove_known(const ObjectKey& parent, const CatalogueName& known,
                               std::uint64_t seq) {
    const std::int64_t fs = known_file_system(parent.fsid);
    Status status = sql_.remove.bind(fs, parent.ino, parent.gen, known.name).run();
    if (status && known.since != seq) {
        status = sql_.put_old
                     .bind(fs, parent.ino, parent.gen, known.name, known.object.ino,
                           known.object.gen, known.type, known.since, seq)
                     .run();
    }
    return status ? drop_if_nameless(known.object) : status;
}

// A directory that goes is empty: what is left in it here has gone without an event, or elsewhere.
Status Catalogue::ask_for_what_is_left(const CatalogueName& gone) {
    if (gone.type != S_IFDIR || !on_unknown_) {
        return {};
    }
    const Result<bool> still = knows(gone.object);
    const Result<std::vector<CatalogueName>> left = still ? names_in(gone.object) : still.status();
    if (left && !*still && !left->empty()) {
        on_unknown_(gone.object);
    }
    return left.status();
}

Status Catalogue::drop_if_nameless(const ObjectKey& object) {
    const Result<bool> stays = knows(object);
    return !stays || *stays ? stays.status() : facts_.remove(key_of(object));
}

Status Catalogue::apply_rename(const EventView& event) {
    const vx_event& e = event.event();
    const ObjectKey object = object_of(e);
    const bool directory = (e.flags & VX_F_DIRECTORY) != 0;
    const Result<bool> known = directory ? knows(object) : true;
    const Result<bool> stays = known ? inside(event, parent_of(e)) : known;
    const Result<Displaced> displaced = stays ? displaced_by(event) : stays.status();
    if (!displaced) {
        return displaced.status();
    }
    // Facts must outlive the moment without a name: the new one is added first.
    Status status = *stays ? add_name(event) : Status();
    if (status) {
        // Any rename leaves it free; one half of an exchange leaves it to the other, which may have
        // come there with the first event.
        const bool taken = (e.flags & VX_F_EXCHANGE) != 0 && !displaced->name;
        status = remove_name(event, old_parent_of(e), old_name_of(e),
                             taken ? Whose::the_objects : Whose::anybody);
    }
    if (status && *stays && displaced->name) {
        status = swap(event, *displaced);
    } else if (status && displaced->gone) {
        status = ask_for_what_is_left(*displaced->gone);
    }
    if (!status || !directory) {
        return status;
    }
    if (!*stays) {
        return *known ? forget_below(object, event.seq) : Status();
    }
    status = forget_other_names(event);
    if (status && (!*known || on_unlooked_)) {
        ask_for_what_is_in(event, *known);
    }
    return status;
}

// Of a directory. Where nothing was known of it, what is in it comes with it, and no event tells
// it; but where all this is below roots that are not complete, the first look is to find it.
void Catalogue::ask_for_what_is_in(const EventView& moved, bool known) const {
    const vx_event& e = moved.event();
    const CatalogueRoot* from = root_above(e.fsid, moved.old_path);
    const CatalogueRoot* to = root_above(e.fsid, moved.path);
    const bool looking = to != nullptr && !to->complete;
    const bool inside = known || (looking && from != nullptr && !from->complete);
    if (!inside && on_unknown_) {
        on_unknown_(object_of(e));
    }
    if (looking && on_unlooked_) {
        on_unlooked_(object_of(e), inside ? From::inside : From::outside);
    }
}

// The other half of an exchange, before its event has come.
Status Catalogue::swap(const EventView& event, const Displaced& displaced) {
    const vx_event& e = event.event();
    const Place to{old_parent_of(e), std::string(old_name_of(e))};
    const Status status = set_name(to.parent, to.name, displaced.name->object, displaced.facts,
                                   event.seq);
    return status ? add_untold({to, displaced.name->object,
                                Place{parent_of(e), std::string(name_of(e))}})
                  : status;
}

// A directory has one name: what else the catalogue has is from before a loss. Nobody has been told
// that it is not there any more.
Status Catalogue::forget_other_names(const EventView& event) {
    const vx_event& e = event.event();
    const Result<std::vector<Place>> places = places_of(object_of(e));
    if (!places) {
        return places.status();
    }
    for (const Place& place : *places) {
        if (place.parent == parent_of(e) && place.name == name_of(e)) {
            continue;
        }
        const Result<std::optional<CatalogueName>> stale = find(place.parent, place.name);
        Status status = stale && *stale ? remove_known(place.parent, **stale, event.seq)
                                        : stale.status();
        if (status) {
            status = add_untold({place, object_of(e), {}});
        }
        if (status && on_unknown_) {
            on_unknown_(place.parent);
        }
        if (!status) {
            return status;
        }
    }
    return {};
}

// The other object of an exchange, if it stays below a root: it changes places with the first of
// the two events, or the second would find it without a name, and unknown. If it is another one
// than the catalogue thought, or none was known, the second event finds that where it comes from
// somebody else came later than to where it goes: by the first event. Then it displaces nobody.
Result<Catalogue::Displaced> Catalogue::displaced_by(const EventView& event) {
    const vx_event& e = event.event();
    if ((e.flags & VX_F_EXCHANGE) == 0) {
        return Displaced();
    }
    const ObjectKey old_parent = old_parent_of(e);
    Result<std::optional<CatalogueName>> there = find(parent_of(e), name_of(e));
    const Result<std::optional<CatalogueName>> here =
        there ? find(old_parent, old_name_of(e)) : there.status();
    const Result<bool> stays = here ? knows(old_parent) : here.status();
    if (!stays || !*stays || !*there || (*there)->object == object_of(e)) {
        return stays ? Result<Displaced>(Displaced()) : stays.status();
    }
    if (*here && (*here)->object != object_of(e) && (*here)->since >= (*there)->since) {
        return Displaced{.gone = *std::move(there)};
    }
    const Result<std::optional<ObjectFacts>> facts = facts_of((*there)->object);
    if (!facts) {
        return facts.status();
    }
    const ObjectFacts known = facts->value_or(ObjectFacts{.mode = (*there)->type});
    return Displaced{.name = *std::move(there), .facts = known};
}

// Whether a directory is below a root. One that no event has told of is where its path says; where
// that is not known either, it has to be looked for.
Result<bool> Catalogue::inside(const EventView& event, const ObjectKey& parent) {
    const Result<bool> known = knows(parent);
    if (!known || *known) {
        return known;
    }
    if (event.path.empty() && on_unknown_) {
        on_unknown_(parent);
        return true;
    }
    return root_above(parent.fsid, event.path) != nullptr;
}

const CatalogueRoot* Catalogue::root_above(std::uint64_t fsid, std::string_view path) const {
    const auto root = std::find_if(roots_.begin(), roots_.end(), [&](const CatalogueRoot& it) {
        return it.object.fsid == fsid && is_at_or_below(path, it.path);
    });
    return root == roots_.end() ? nullptr : &*root;
}

Status Catalogue::forget_below(const ObjectKey& directory, std::uint64_t seq) {
    std::vector<ObjectKey> left{directory};
    while (!left.empty()) {
        const ObjectKey here = left.back();
        left.pop_back();
        const Result<std::vector<CatalogueName>> names = names_in(here);
        if (!names) {
            return names.status();
        }
        for (const CatalogueName& name : *names) {
            if (name.type == S_IFDIR) {
                left.push_back(name.object);
            }
            Status status = remove_untold(here, name.name);
            if (status) {
                status = remove_known(here, name, seq);
            }
            if (!status) {
                return status;
            }
        }
    }
    return {};
}

}  // namespace vexfs
