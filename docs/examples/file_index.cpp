// SPDX-License-Identifier: Apache-2.0
// file_index: an index of files that is never wrong by a crash.
//
//   file_index [--batch N] JOURNAL DATABASE
//
// Brings the index in DATABASE (SQLite) up to what the journal has now, and prints what it did. It
// has, for each path: the object, its size, the last event, and how many events there were.
//
// The one thing to see here: the cursor is a row of the same database, and is written in the
// transaction that writes what came of the events. So either both are there after a crash or
// neither is, and every event takes effect exactly once, whenever the program is killed. Counting
// the events shows it: one that is applied twice is one too many.
//
// --cursor-apart does it wrong on purpose, with the cursor in a transaction of its own: a kill
// between the two leaves a cursor that is too old, and the next run applies events once more.
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "vexfs/reader.hpp"

namespace {

using vexfs::EventView;
using vexfs::Gap;
using vexfs::Reader;

// What cannot be repaired here ends the program: the next run goes on at the cursor.
[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "file_index: %s\n", what.c_str());
    std::exit(1);
}

struct Blob {
    std::string_view bytes;  // a path need not be UTF-8
};

class Database {
  public:
    explicit Database(const char* path) {
        if (sqlite3_open(path, &db_) != SQLITE_OK) {
            die(std::string("open ") + path + ": " + sqlite3_errmsg(db_));
        }
        sqlite3_busy_timeout(db_, 10'000);
        run("PRAGMA journal_mode = WAL");
        run("PRAGMA synchronous = FULL");  // what is committed survives a power cut
        run("CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, fsid INTEGER, ino INTEGER, "
            "gen INTEGER, size INTEGER, seq INTEGER, op TEXT, events INTEGER) WITHOUT ROWID");
        run("CREATE TABLE IF NOT EXISTS losses (first INTEGER, last INTEGER, reason TEXT, "
            "scope TEXT, PRIMARY KEY (first, last, reason, scope)) WITHOUT ROWID");
        run("CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), "
            "cursor TEXT)");
    }
    ~Database() { sqlite3_close(db_); }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Runs one statement with its parameters; the first column of its first row, if it has one.
    template <typename... Parameters>
    std::string run(const char* sql, Parameters... parameters) {
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) != SQLITE_OK) {
            die(std::string(sql) + ": " + sqlite3_errmsg(db_));
        }
        const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owner(statement,
                                                                          sqlite3_finalize);
        int index = 0;
        (bind(statement, ++index, parameters), ...);
        const int result = sqlite3_step(statement);
        if (result != SQLITE_ROW && result != SQLITE_DONE) {
            die(std::string(sql) + ": " + sqlite3_errmsg(db_));
        }
        const auto* text = result == SQLITE_ROW ? sqlite3_column_text(statement, 0) : nullptr;
        return text != nullptr ? reinterpret_cast<const char*>(text) : "";
    }

  private:
    static void bind(sqlite3_stmt* statement, int index, std::uint64_t number) {
        sqlite3_bind_int64(statement, index, static_cast<sqlite3_int64>(number));
    }
    static void bind(sqlite3_stmt* statement, int index, const std::string& text) {
        sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()),
                          SQLITE_TRANSIENT);
    }
    static void bind(sqlite3_stmt* statement, int index, Blob blob) {
        sqlite3_bind_blob(statement, index, blob.bytes.data(), static_cast<int>(blob.bytes.size()),
                          SQLITE_TRANSIENT);
    }

    sqlite3* db_ = nullptr;
};

// Everything at and below `from` is now at and below `to`.
void move(Database& db, std::string_view from, std::string_view to) {
    const std::string first = std::string(from) + "/";
    const std::string last = std::string(from) + "0";  // '0' comes behind '/'
    db.run("DELETE FROM files WHERE path = ?1", Blob{to});
    db.run(
        "UPDATE OR REPLACE files SET path = CAST(?1 || substr(path, ?2) AS BLOB) "
        "WHERE path = ?3 OR (path > ?4 AND path < ?5)",
        Blob{to}, std::uint64_t{from.size() + 1}, Blob{from}, Blob{first}, Blob{last});
}

void rename(Database& db, const EventView& event) {
    if ((event.event().flags & VX_F_EXCHANGE) == 0) {
        move(db, event.old_path, event.path);
        return;
    }
    // An exchange is two events, joined by a cookie. The first half puts aside what is at its new
    // path, the second takes it from there.
    const std::string aside = "exchange " + std::to_string(event.event().cookie);
    if (db.run("SELECT 1 FROM files WHERE path = ?", Blob{aside}).empty()) {
        move(db, event.path, aside);
        db.run("INSERT OR IGNORE INTO files (path, events) VALUES (?, 0)", Blob{aside});
        move(db, event.old_path, event.path);
    } else {
        move(db, aside, event.path);
    }
}

void apply(Database& db, const EventView& event) {
    const vx_event& e = event.event();
    if (event.pushed() || e.error != 0 || event.path.empty()) {
        return;  // changed no file, or where is not known
    }
    if (event.op() == VX_OP_FILE_DELETE || event.op() == VX_OP_DIR_DELETE) {
        db.run("DELETE FROM files WHERE path = ?", Blob{event.path});
        return;
    }
    if (event.op() == VX_OP_FILE_RENAME) {
        rename(db, event);
    }
    db.run(
        "INSERT INTO files VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1) ON CONFLICT (path) DO UPDATE "
        "SET fsid = ?2, ino = ?3, gen = ?4, size = ?5, seq = ?6, op = ?7, events = events + 1",
        Blob{event.path}, std::uint64_t{e.fsid}, std::uint64_t{e.ino}, std::uint64_t{e.gen},
        std::uint64_t{e.size}, event.seq, std::string(event.op_name()));
}

// A real index would look through what the gap names, or through everything. A loss that takes no
// number shares its position with what is before it, and comes again from there: here it is the
// same row, as looking twice would be the same index.
void apply(Database& db, const Gap& gap) {
    db.run("INSERT OR IGNORE INTO losses VALUES (?, ?, ?, ?)", gap.from, gap.to,
           std::string(vexfs::gap_reason_name(gap.reason)), std::string(gap.scope));
}

// Applies up to `batch` events and losses, and stores where that leads, as one. False: there were
// none.
bool apply_batch(Database& db, Reader& reader, unsigned batch, bool cursor_apart) {
    unsigned applied = 0;
    db.run("BEGIN IMMEDIATE");
    while (applied < batch) {
        const auto item = reader.next();
        if (!item) {
            die(item.status().message());
        }
        if (*item == Reader::Item::end) {
            break;
        }
        *item == Reader::Item::event ? apply(db, reader.event()) : apply(db, reader.gap());
        ++applied;
    }
    if (cursor_apart) {
        db.run("COMMIT");
        db.run("BEGIN IMMEDIATE");
    }
    db.run("INSERT OR REPLACE INTO position VALUES (1, ?)", reader.cursor().text());
    db.run("COMMIT");
    return applied != 0;
}

}  // namespace

int main(int argc, char** argv) {
    unsigned batch = 256;
    bool cursor_apart = false;
    int at = 1;
    for (; at < argc && std::string_view(argv[at]).starts_with("--"); ++at) {
        if (std::string_view(argv[at]) == "--batch" && at + 1 < argc) {
            batch = static_cast<unsigned>(std::strtoul(argv[++at], nullptr, 10));
        } else if (std::string_view(argv[at]) == "--cursor-apart") {
            cursor_apart = true;
        } else {
            at = argc;
        }
    }
    if (argc - at != 2 || batch == 0) {
        std::fprintf(stderr, "usage: file_index [--batch N] [--cursor-apart] JOURNAL DATABASE\n");
        return 2;
    }
    Database db(argv[at + 1]);
    auto reader = Reader::open(argv[at]);
    if (!reader) {
        die(reader.status().message());
    }
    if (const std::string saved = db.run("SELECT cursor FROM position"); !saved.empty()) {
        const auto cursor = vexfs::Cursor::parse(saved);
        const vexfs::Status placed = cursor ? reader->seek(*cursor) : cursor.status();
        if (!placed) {
            die(placed.message());
        }
    }
    while (apply_batch(db, *reader, batch, cursor_apart)) {
    }
    std::printf("%s\n", reader->cursor().text().c_str());
    return 0;
}
