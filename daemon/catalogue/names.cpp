// SPDX-License-Identifier: Apache-2.0
// What a catalogue is asked, and what is put into it from looking.
#include <sys/stat.h>

#include <algorithm>

#include "catalogue/catalogue.hpp"

namespace vexfs {

namespace {
constexpr unsigned kDepthMax = 4096;  // of a path; more is a circle that should not be there
}

Status Catalogue::set_name(const ObjectKey& parent, std::string_view name,
                           const ObjectKey& object, const ObjectFacts& facts,
                           std::uint64_t since) {
    const Result<std::int64_t> fs = file_system(object.fsid);
    if (!fs) {
        return fs.status();
    }
    const Status named = sql_.put
                             .bind(*fs, parent.ino, parent.gen, name, object.ino, object.gen,
                                   facts.mode & S_IFMT, since)
                             .run();
    return named ? facts_.put({*fs, object}, facts) : named;
}

// A root has no name, only facts.
Status Catalogue::add_root(const ObjectKey& object, std::string_view path, std::string_view place,
                           std::uint64_t since) {
    const Result<std::int64_t> fs = file_system(object.fsid);
    Result<Statement> add = db_.prepare(
        "INSERT INTO roots VALUES(?1,?2,?3,?4,?5,0,?6) "
        "ON CONFLICT DO UPDATE SET path=?4, place=?5");
    if (!fs || !add) {
        return fs ? add.status() : fs.status();
    }
    const Status status = add->bind(*fs, object.ino, object.gen, path, place, since).run();
    return status ? read_roots() : status;
}

Status Catalogue::read_roots() {
    Result<std::vector<CatalogueRoot>> all = roots();
    if (all) {
        roots_ = *std::move(all);
    }
    return all.status();
}

Status Catalogue::change_root(const char* sql, const ObjectKey& root) {
    Result<Statement> change = db_.prepare(sql);
    const Status status =
        change ? change->bind(known_file_system(root.fsid), root.ino, root.gen).run()
               : change.status();
    return status ? read_roots() : status;
}

Status Catalogue::set_complete(const ObjectKey& root) {
    return change_root("UPDATE roots SET complete=1 WHERE fs=?1 AND ino=?2 AND gen=?3", root);
}

Status Catalogue::remove_root(const ObjectKey& root) {
    return change_root("DELETE FROM roots WHERE fs=?1 AND ino=?2 AND gen=?3", root);
}

Result<std::vector<CatalogueRoot>> Catalogue::roots() {
    Result<Statement> all = db_.prepare(
        "SELECT fsid, ino, gen, path, place, complete, since FROM roots "
        "JOIN file_systems USING(fs)");
    if (!all) {
        return all.status();
    }
    std::vector<CatalogueRoot> out;
    Status status = all->each([&](const Statement& row) {
        out.push_back({.object = {row.id(0), row.id(1), static_cast<std::uint32_t>(row.id(2))},
                       .path = std::string(row.bytes(3)),
                       .place = std::string(row.bytes(4)),
                       .complete = row.number(5) != 0,
                       .since = row.id(6)});
    });
    return status ? Result<std::vector<CatalogueRoot>>(std::move(out))
                  : Result<std::vector<CatalogueRoot>>(std::move(status));
}

bool Catalogue::is_root(const ObjectKey& object) const {
    return std::any_of(roots_.begin(), roots_.end(),
                       [&](const CatalogueRoot& root) { return root.object == object; });
}

Status Catalogue::read_names(Statement& statement, std::uint64_t fsid,
                             std::vector<CatalogueName>& out) {
    return statement.each([&](const Statement& row) {
        out.push_back({.name = std::string(row.bytes(0)),
                       .object = {fsid, row.id(1), static_cast<std::uint32_t>(row.id(2))},
                       .type = static_cast<std::uint32_t>(row.id(3)),
                       .since = row.id(4)});
    });
}

Result<std::vector<CatalogueName>> Catalogue::names_in(const ObjectKey& directory,
                                                       std::uint64_t at) {
    const std::int64_t fs = known_file_system(directory.fsid);
    std::vector<CatalogueName> out;
    Status status = read_names(sql_.in.bind(fs, directory.ino, directory.gen, at), directory.fsid,
                               out);
    if (status && at != kNow) {
        status = read_names(sql_.in_old.bind(fs, directory.ino, directory.gen, at), directory.fsid,
                            out);
        std::sort(out.begin(), out.end(), [](const CatalogueName& a, const CatalogueName& b) {
            return a.name < b.name;
        });
    }
    return status ? Result<std::vector<CatalogueName>>(std::move(out))
                  : Result<std::vector<CatalogueName>>(std::move(status));
}

Result<std::optional<CatalogueName>> Catalogue::find(const ObjectKey& parent,
                                                     std::string_view name, std::uint64_t at) {
    const std::int64_t fs = known_file_system(parent.fsid);
    std::vector<CatalogueName> found;
    Status status =
        read_names(sql_.find.bind(fs, parent.ino, parent.gen, name), parent.fsid, found);
    if (status && at != kNow && (found.empty() || found.front().since > at)) {
        found.clear();
        status = read_names(sql_.find_old.bind(fs, parent.ino, parent.gen, name, at), parent.fsid,
                            found);
    }
    if (!status) {
        return status;
    }
    return found.empty() ? std::optional<CatalogueName>() : std::move(found.front());
}

Status Catalogue::read_places(Statement& statement, std::uint64_t fsid, std::vector<Place>& out) {
    return statement.each([&](const Statement& row) {
        out.push_back({.parent = {fsid, row.id(0), static_cast<std::uint32_t>(row.id(1))},
                       .name = std::string(row.bytes(2))});
    });
}

Result<std::vector<Catalogue::Place>> Catalogue::places_of(const ObjectKey& object,
                                                           std::uint64_t at) {
    const std::int64_t fs = known_file_system(object.fsid);
    std::vector<Place> out;
    Status status = read_places(sql_.places.bind(fs, object.ino, object.gen, at), object.fsid, out);
    if (status && at != kNow) {
        status =
            read_places(sql_.places_old.bind(fs, object.ino, object.gen, at), object.fsid, out);
    }
    return status ? Result<std::vector<Place>>(std::move(out))
                  : Result<std::vector<Place>>(std::move(status));
}

Result<std::optional<ObjectFacts>> Catalogue::facts_of(const ObjectKey& object) {
    return facts_.find(key_of(object));
}

Result<std::string> Catalogue::path_of(const ObjectKey& object, std::uint64_t at) {
    return path_from(&CatalogueRoot::path, object, at);
}

Result<std::string> Catalogue::look_for(const ObjectKey& object) {
    return path_from(&CatalogueRoot::place, object, kNow);
}

Result<std::string> Catalogue::path_from(std::string CatalogueRoot::*top, const ObjectKey& object,
                                         std::uint64_t at) {
    const Result<std::vector<Link>> chain = chain_of(object, at);
    if (!chain) {
        return chain.status();
    }
    std::string below;
    for (const Link& link : *chain) {
        for (const CatalogueRoot& root : roots_) {
            if (root.object == link.object) {
                return root.*top == "/" && !below.empty() ? below : root.*top + below;
            }
        }
        below.insert(0, "/" + link.name);
    }
    return std::string();
}

Result<std::vector<Catalogue::Link>> Catalogue::chain_of(const ObjectKey& object,
                                                         std::uint64_t at) {
    std::vector<Link> chain;
    ObjectKey here = object;
    do {
        Result<std::vector<Place>> places = places_of(here, at);
        if (!places) {
            return places.status();
        }
        chain.push_back({here, {}});
        if (places->empty()) {
            break;
        }
        chain.back().name = std::move(places->front().name);
        here = places->front().parent;
    } while (here != object && chain.size() < kDepthMax);
    return chain;
}

Result<std::vector<ObjectKey>> Catalogue::orphaned() {
    Result<Statement> all = db_.prepare(
        "SELECT DISTINCT fsid, parent, parent_gen FROM names n JOIN file_systems f USING(fs) "
        "WHERE NOT EXISTS (SELECT 1 FROM names p WHERE p.fs=n.fs AND p.ino=n.parent AND "
        "p.gen=n.parent_gen) AND NOT EXISTS (SELECT 1 FROM roots r WHERE r.fs=n.fs AND "
        "r.ino=n.parent AND r.gen=n.parent_gen)");
    if (!all) {
        return all.status();
    }
    std::vector<ObjectKey> out;
    Status status = all->each([&](const Statement& row) {
        out.push_back({row.id(0), row.id(1), static_cast<std::uint32_t>(row.id(2))});
    });
    return status ? Result<std::vector<ObjectKey>>(std::move(out))
                  : Result<std::vector<ObjectKey>>(std::move(status));
}

Result<bool> Catalogue::knows(const ObjectKey& object) {
    if (is_root(object)) {
        return true;
    }
    const Result<bool> row =
        sql_.known.bind(known_file_system(object.fsid), object.ino, object.gen).step();
    sql_.known.reset();
    return row;
}

}  // namespace vexfs
