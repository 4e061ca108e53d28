// SPDX-License-Identifier: Apache-2.0
// Database and Statement: SQLite with errors by value.
//
// The code of a Status: EBADMSG the file is damaged or no database, ENOSPC the disk is full, EBUSY
// somebody else has it, ENOENT it is not there, else EIO; the message is SQLite's.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.hpp"

namespace vexfs {

class Statement {
  public:
    Statement() = default;

    // Parameters in their order; what is bound must live until the next reset.
    template <typename... Values>
    Statement& bind(const Values&... values) {
        reset();
        int at = 0;
        (put(++at, values), ...);
        return *this;
    }
    // True: a row is there, whose columns can be read until the next call.
    Result<bool> step();
    // Calls `take` with this statement for each row.
    template <typename Take>
    Status each(Take take) {
        for (;;) {
            const Result<bool> row = step();
            if (!row || !*row) {
                reset();
                return row.status();
            }
            take(static_cast<const Statement&>(*this));
        }
    }
    // To the end; rows are not looked at.
    Status run() {
        return each([](const Statement&) {});
    }
    void reset() { sqlite3_reset(get()); }

    [[nodiscard]] std::int64_t number(int column) const {
        return sqlite3_column_int64(get(), column);
    }
    [[nodiscard]] std::uint64_t id(int column) const {
        return static_cast<std::uint64_t>(number(column));
    }
    [[nodiscard]] std::string_view bytes(int column) const;

  private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    [[nodiscard]] sqlite3_stmt* get() const { return statement_.get(); }
    // Numbers of 64 bits keep their bits: SQLite's are signed.
    template <typename Number>
        requires std::is_integral_v<Number>
    void put(int at, Number value) {
        sqlite3_bind_int64(get(), at, static_cast<std::int64_t>(value));
    }
    void put(int at, std::string_view bytes) {
        sqlite3_bind_blob64(get(), at, bytes.empty() ? "" : bytes.data(), bytes.size(),
                            SQLITE_STATIC);
    }

    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
  public:
    enum class Access { read, write };
    // `write` makes the file, private to its owner, if it is not there.
    static Result<Database> open(const std::string& path, Access access);

    Status execute(const char* sql);
    Result<Statement> prepare(const char* sql);
    // Several at once, each with its text.
    Status prepare(std::initializer_list<std::pair<Statement*, const char*>> all);

  private:
    struct Close {
        void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
    };
    std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace vexfs
