// SPDX-License-Identifier: Apache-2.0
#include "catalogue/sqlite.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.hpp"

namespace vexfs {

namespace {

int code_of(int result) {
    switch (result & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return EBADMSG;
        case SQLITE_FULL:
            return ENOSPC;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return EBUSY;
        case SQLITE_CANTOPEN:
            return ENOENT;
        case SQLITE_NOMEM:
            return ENOMEM;
        default:
            return EIO;
    }
}

Status failed(sqlite3* db, int result) {
    return Status::error(code_of(result),
                         db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(result));
}

}  // namespace

Result<bool> Statement::step() {
    const int result = sqlite3_step(get());
    if (result == SQLITE_ROW || result == SQLITE_DONE) {
        return result == SQLITE_ROW;
    }
    Status status = failed(sqlite3_db_handle(get()), result);
    reset();
    return status;
}

std::string_view Statement::bytes(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(get(), column));
    const int size = sqlite3_column_bytes(get(), column);
    return data == nullptr ? std::string_view() : std::string_view(data, static_cast<size_t>(size));
}

Result<Database> Database::open(const std::string& path, Access access) {
    if (access == Access::write) {
        // SQLite would make it as the umask says.
        const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
        if (!fd) {
            return Status::from_errno(errno, path);
        }
    }
    sqlite3* db = nullptr;
    const int result = sqlite3_open_v2(
        path.c_str(), &db,
        SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
            (access == Access::write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY),
        nullptr);
    Database self;
    self.db_.reset(db);
    if (result != SQLITE_OK) {
        return failed(db, result).with_context(path);
    }
    sqlite3_busy_timeout(db, 5'000);
    return self;
}

Status Database::execute(const char* sql) {
    const int result = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
    return result == SQLITE_OK ? Status() : failed(db_.get(), result);
}

Result<Statement> Database::prepare(const char* sql) {
    sqlite3_stmt* made = nullptr;
    const int result =
        sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    if (result != SQLITE_OK) {
        return failed(db_.get(), result);
    }
    Statement statement;
    statement.statement_.reset(made);
    return statement;
}

Status Database::prepare(std::initializer_list<std::pair<Statement*, const char*>> all) {
    for (const auto& [statement, sql] : all) {
        Result<Statement> made = prepare(sql);
        if (!made) {
            return made.status();
        }
        *statement = std::move(*made);
    }
    return {};
}

}  // namespace vexfs
