// SPDX-License-Identifier: Apache-2.0
#include "catalogue/catalogue.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace vexfs {

namespace {

constexpr std::int64_t kVersion = 2;

// names: what has a name now. old_names: what had one, from the event `since` to before `until`,
// in the order of `until`. untold: see Catalogue::Untold. A file system is a small number, so that
// keys are short.
constexpr const char* kSchema = R"(
CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK (id = 0), version INTEGER, journal BLOB,
                  applied_seq INTEGER, applied_ns INTEGER, unhealed_seq INTEGER,
                  unhealed_ns INTEGER);
CREATE TABLE file_systems(fs INTEGER PRIMARY KEY, fsid INTEGER UNIQUE);
CREATE TABLE roots(fs INTEGER, ino INTEGER, gen INTEGER, path BLOB, place BLOB,
                   complete INTEGER, since INTEGER, PRIMARY KEY(fs, ino, gen)) WITHOUT ROWID;
CREATE TABLE names(fs INTEGER, parent INTEGER, parent_gen INTEGER, name BLOB, ino INTEGER,
                   gen INTEGER, type INTEGER, since INTEGER,
                   PRIMARY KEY(fs, parent, parent_gen, name)) WITHOUT ROWID;
CREATE INDEX names_of ON names(fs, ino, gen);
CREATE TABLE old_names(id INTEGER PRIMARY KEY, fs INTEGER, parent INTEGER, parent_gen INTEGER,
                       name BLOB, ino INTEGER, gen INTEGER, type INTEGER, since INTEGER,
                       until INTEGER);
CREATE INDEX old_names_in ON old_names(fs, parent, parent_gen, name);
CREATE INDEX old_names_of ON old_names(fs, ino, gen);
CREATE TABLE untold(id INTEGER PRIMARY KEY, fs INTEGER, parent INTEGER, parent_gen INTEGER,
                    name BLOB, ino INTEGER, gen INTEGER, from_parent INTEGER, from_gen INTEGER,
                    from_name BLOB, UNIQUE(fs, parent, parent_gen, name));
)";

// Everything is derived: after a power cut it may be a little behind, and must be whole.
constexpr const char* kSettings =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;"
    "PRAGMA wal_autocheckpoint=16384; PRAGMA temp_store=MEMORY";

#define VX_KEY "fs=?1 AND parent=?2 AND parent_gen=?3"
#define VX_OBJECT "fs=?1 AND ino=?2 AND gen=?3"

}  // namespace

Status Catalogue::prepare_all() {
    const Status status = db_.prepare({
        {&sql_.find, "SELECT name, ino, gen, type, since FROM names WHERE " VX_KEY " AND name=?4"},
        {&sql_.find_old,
         "SELECT name, ino, gen, type, since FROM old_names WHERE " VX_KEY
         " AND name=?4 AND since<=?5 AND until>?5"},
        {&sql_.put, "INSERT OR REPLACE INTO names VALUES(?1,?2,?3,?4,?5,?6,?7,?8)"},
        {&sql_.remove, "DELETE FROM names WHERE " VX_KEY " AND name=?4"},
        {&sql_.put_old, "INSERT INTO old_names VALUES(NULL,?1,?2,?3,?4,?5,?6,?7,?8,?9)"},
        {&sql_.in,
         "SELECT name, ino, gen, type, since FROM names WHERE " VX_KEY
         " AND since<=?4 ORDER BY name"},
        {&sql_.in_old,
         "SELECT name, ino, gen, type, since FROM old_names WHERE " VX_KEY
         " AND since<=?4 AND until>?4"},
        {&sql_.places,
         "SELECT parent, parent_gen, name FROM names WHERE " VX_OBJECT " AND since<=?4"},
        {&sql_.places_old,
         "SELECT parent, parent_gen, name FROM old_names WHERE " VX_OBJECT
         " AND since<=?4 AND until>?4"},
        {&sql_.known, "SELECT 1 FROM names WHERE " VX_OBJECT " LIMIT 1"},
        {&sql_.put_untold,
         "INSERT INTO untold VALUES(NULL,?1,?2,?3,?4,?5,?6,?7,?8,iif(?9,?10,NULL))"},
        {&sql_.remove_untold, "DELETE FROM untold WHERE " VX_KEY " AND name=?4 RETURNING 1"},
        {&sql_.save_meta, "UPDATE meta SET applied_seq=?1, applied_ns=?2"},
        {&sql_.save_unhealed,
         "UPDATE meta SET unhealed_seq=iif(?1, ?2, NULL), unhealed_ns=iif(?1, ?3, NULL)"},
        {&sql_.new_fs, "INSERT INTO file_systems VALUES(NULL,?1) RETURNING fs"},
        {&sql_.prune,
         "DELETE FROM old_names WHERE id < coalesce((SELECT id FROM old_names WHERE until>?1 "
         "ORDER BY id LIMIT 1), 9223372036854775807)"},
        {&sql_.names, "SELECT count(*) FROM names"},
        {&sql_.directories, "SELECT count(*) FROM names WHERE type=?1"},
    });
    return status ? facts_.prepare(db_) : status;
}

Result<std::unique_ptr<Catalogue>> Catalogue::open(const std::string& directory,
                                                   const JournalId& journal) {
    const std::string path = directory + "/" + kFile;
    Result<std::unique_ptr<Catalogue>> self = open_file(path, journal);
    if (self || self.status().code() != EBADMSG) {
        return self;
    }
    spdlog::warn("{}: it is made anew", self.status().message());
    const Status removed = remove(directory);
    return removed ? open_file(path, journal) : removed;
}

Status Catalogue::remove(const std::string& directory) {
    for (const char* suffix : {"-wal", "-shm", ""}) {
        const std::string path = directory + "/" + kFile + suffix;
        if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
            return Status::from_errno(errno, path);
        }
    }
    return {};
}

// EBADMSG: what is there is of no use.
Result<std::unique_ptr<Catalogue>> Catalogue::open_file(const std::string& path,
                                                        const JournalId& journal) {
    Result<Database> db = Database::open(path, Database::Access::write);
    if (!db) {
        return db.status();
    }
    std::unique_ptr<Catalogue> self(new Catalogue(std::move(*db)));
    Status status = self->db_.execute(kSettings);
    if (!status) {
        return status.with_context(path);
    }
    Result<Statement> is_new = self->db_.prepare("SELECT 1 FROM sqlite_schema LIMIT 1");
    const Result<bool> any = is_new ? is_new->step() : is_new.status();
    if (!any) {
        return any.status().with_context(path);
    }
    is_new->reset();
    status = *any ? self->read_meta() : self->make(journal);
    if (status && self->journal_ != journal) {
        status = Status::error(EBADMSG, "it is of another journal");
    }
    if (status) {
        status = self->prepare_all();
    }
    return status ? Result<std::unique_ptr<Catalogue>>(std::move(self))
                  : Result<std::unique_ptr<Catalogue>>(status.with_context(path));
}

Result<std::unique_ptr<Catalogue>> Catalogue::open_to_read(const std::string& directory) {
    const std::string path = directory + "/" + kFile;
    Result<Database> db = Database::open(path, Database::Access::read);
    if (!db) {
        return db.status().code() == ENOENT
                   ? Status::error(ENOENT, directory + " has no catalogue: vexfsd keeps one unless "
                                                       "it was started with --catalogue=false")
                   : db.status();
    }
    std::unique_ptr<Catalogue> self(new Catalogue(std::move(*db)));
    Status status = self->read_meta();
    if (status) {
        status = self->prepare_all();
    }
    return status ? Result<std::unique_ptr<Catalogue>>(std::move(self))
                  : Result<std::unique_ptr<Catalogue>>(status.with_context(path));
}

Status Catalogue::make(const JournalId& journal) {
    Status status = db_.execute(kSchema);
    if (status) {
        status = db_.execute(FactsTable::kSchema);
    }
    if (!status) {
        return status;
    }
    Result<Statement> meta = db_.prepare("INSERT INTO meta VALUES(0, ?1, ?2, 0, 0, NULL, NULL)");
    if (!meta) {
        return meta.status();
    }
    journal_ = journal;
    const std::string_view id(reinterpret_cast<const char*>(journal.bytes.data()),
                              journal.bytes.size());
    return meta->bind(kVersion, id).run();
}

Status Catalogue::read_meta() {
    Result<Statement> meta = db_.prepare(
        "SELECT version, journal, applied_seq, applied_ns FROM meta");
    const Result<bool> row = meta ? meta->step() : meta.status();
    if (!row || !*row || meta->number(0) != kVersion ||
        meta->bytes(1).size() != journal_.bytes.size()) {
        return Status::error(EBADMSG, row ? "it is of another version" : row.status().message());
    }
    std::copy_n(meta->bytes(1).begin(), journal_.bytes.size(),
                reinterpret_cast<char*>(journal_.bytes.data()));
    return refresh();
}

Status Catalogue::refresh() {
    Result<Statement> meta = db_.prepare(
        "SELECT applied_seq, applied_ns, unhealed_seq IS NOT NULL, unhealed_seq, unhealed_ns, "
        "(SELECT count(*) FROM untold) FROM meta");
    Result<Statement> systems = db_.prepare("SELECT fs, fsid FROM file_systems");
    Result<bool> row = meta && systems ? meta->step() : meta ? systems.status() : meta.status();
    if (!row) {
        return row.status();
    }
    applied_seq_ = meta->id(0);
    applied_ns_ = meta->id(1);
    unhealed_.reset();
    if (meta->number(2) != 0) {
        unhealed_ = Unhealed{meta->id(3), meta->id(4)};
    }
    untold_ = meta->id(5);
    meta->reset();
    while ((row = systems->step()) && *row) {
        file_systems_[systems->id(1)] = systems->number(0);
    }
    return row ? read_roots() : row.status();
}

Status Catalogue::begin() {
    Status status = db_.execute("BEGIN IMMEDIATE");
    if (status) {
        facts_.begin();
    }
    return status;
}

Status Catalogue::commit(std::uint64_t applied_seq, std::uint64_t applied_ns) {
    Status status = facts_.write();
    if (status) {
        status = sql_.save_meta.bind(applied_seq, applied_ns).run();
    }
    if (status) {
        status = db_.execute("COMMIT");
    }
    if (status) {
        facts_.end();
        applied_seq_ = applied_seq;
        applied_ns_ = applied_ns;
    }
    return status;
}

Status Catalogue::roll_back() {
    facts_.end();
    Status status = db_.execute("ROLLBACK");
    file_systems_.clear();
    const Status fresh = refresh();
    return status ? fresh : status;
}

Status Catalogue::set_unhealed(const std::optional<Unhealed>& unhealed) {
    const Unhealed value = unhealed.value_or(Unhealed{});
    const Status status =
        sql_.save_unhealed.bind(unhealed.has_value(), value.since_seq, value.since_ns).run();
    unhealed_ = status ? unhealed : unhealed_;
    return status;
}

// The small number of a file system; a new one only inside a transaction.
Result<std::int64_t> Catalogue::file_system(std::uint64_t fsid) {
    const auto known = file_systems_.find(fsid);
    if (known != file_systems_.end()) {
        return known->second;
    }
    const Result<bool> row = sql_.new_fs.bind(fsid).step();
    if (!row) {
        return row.status();
    }
    const std::int64_t fs = sql_.new_fs.number(0);
    sql_.new_fs.reset();
    file_systems_[fsid] = fs;
    return fs;
}

// 0: nothing of it is known.
std::int64_t Catalogue::known_file_system(std::uint64_t fsid) const {
    const auto known = file_systems_.find(fsid);
    return known == file_systems_.end() ? 0 : known->second;
}

Result<std::int64_t> Catalogue::count(Statement& statement) {
    const Result<bool> row = statement.step();
    if (!row) {
        return row.status();
    }
    const std::int64_t n = statement.number(0);
    statement.reset();
    return n;
}

Result<std::uint64_t> Catalogue::count_names() {
    const Result<std::int64_t> n = count(sql_.names.bind());
    return n ? Result<std::uint64_t>(static_cast<std::uint64_t>(*n)) : n.status();
}

Result<std::uint64_t> Catalogue::count_directories() {
    const Result<std::int64_t> n = count(sql_.directories.bind(std::uint32_t{S_IFDIR}));
    return n ? Result<std::uint64_t>(static_cast<std::uint64_t>(*n)) : n.status();
}

Status Catalogue::forget_before(std::uint64_t seq) { return sql_.prune.bind(seq).run(); }

}  // namespace vexfs
