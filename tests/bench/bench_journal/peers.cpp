// SPDX-License-Identifier: Apache-2.0
#include "peers.hpp"

#include <endian.h>
#include <fcntl.h>
#include <lmdb.h>
#include <rocksdb/db.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace vexfs::bench {

namespace {

void must(bool done, const char* what, const std::string& why) {
    if (!done) {
        std::fprintf(stderr, "%s: %s\n", what, why.c_str());
        std::exit(1);
    }
}

class PlainLog final : public Peer {
  public:
    explicit PlainLog(const std::string& folder)
        : fd_(::open((folder + "/log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600)) {
        must(fd_ >= 0, "plain log", std::strerror(errno));
    }
    ~PlainLog() override { ::close(fd_); }

    void begin() override { batch_.clear(); }
    void append(std::uint64_t, std::span<const std::byte> event) override {
        batch_.insert(batch_.end(), event.begin(), event.end());
    }
    void commit() override {
        const ssize_t n = ::write(fd_, batch_.data(), batch_.size());
        must(n == static_cast<ssize_t>(batch_.size()) && ::fdatasync(fd_) == 0, "plain log",
             std::strerror(errno));
    }

  private:
    int fd_;
    std::vector<std::byte> batch_;
};

class Sqlite final : public Peer {
  public:
    explicit Sqlite(const std::string& folder) {
        done(sqlite3_open((folder + "/db").c_str(), &db_));
        run("PRAGMA journal_mode=WAL");
        run("PRAGMA synchronous=FULL");
        run("CREATE TABLE events (seq INTEGER PRIMARY KEY, event BLOB NOT NULL)");
        done(sqlite3_prepare_v2(db_, "INSERT INTO events VALUES (?, ?)", -1, &insert_, nullptr));
    }
    ~Sqlite() override {
        sqlite3_finalize(insert_);
        sqlite3_close(db_);
    }

    void begin() override { run("BEGIN"); }
    void append(std::uint64_t seq, std::span<const std::byte> event) override {
        sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(seq));
        sqlite3_bind_blob(insert_, 2, event.data(), static_cast<int>(event.size()), SQLITE_STATIC);
        must(sqlite3_step(insert_) == SQLITE_DONE, "sqlite", sqlite3_errmsg(db_));
        sqlite3_reset(insert_);
    }
    void commit() override { run("COMMIT"); }

  private:
    void done(int result) { must(result == SQLITE_OK, "sqlite", sqlite3_errmsg(db_)); }
    void run(const char* sql) { done(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr)); }

    sqlite3* db_ = nullptr;
    sqlite3_stmt* insert_ = nullptr;
};

class RocksDb final : public Peer {
  public:
    explicit RocksDb(const std::string& folder) {
        rocksdb::Options options;
        options.create_if_missing = true;
        rocksdb::DB* db = nullptr;
        done(rocksdb::DB::Open(options, folder + "/db", &db));
        db_.reset(db);
    }

    void begin() override { batch_.Clear(); }
    void append(std::uint64_t seq, std::span<const std::byte> event) override {
        const std::uint64_t key = htobe64(seq);  // in the order of the numbers
        batch_.Put({reinterpret_cast<const char*>(&key), sizeof(key)},
                   {reinterpret_cast<const char*>(event.data()), event.size()});
    }
    void commit() override {
        rocksdb::WriteOptions options;
        options.sync = true;
        done(db_->Write(options, &batch_));
    }

  private:
    static void done(const rocksdb::Status& status) {
        must(status.ok(), "rocksdb", status.ToString());
    }

    std::unique_ptr<rocksdb::DB> db_;
    rocksdb::WriteBatch batch_;
};

class Lmdb final : public Peer {
  public:
    explicit Lmdb(const std::string& folder) {
        done(mdb_env_create(&env_));
        done(mdb_env_set_mapsize(env_, std::size_t{4} << 30U));
        done(mdb_env_open(env_, folder.c_str(), 0, 0600));
        begin();
        done(mdb_dbi_open(txn_, nullptr, MDB_INTEGERKEY, &dbi_));
        commit();
    }
    ~Lmdb() override { mdb_env_close(env_); }

    void begin() override { done(mdb_txn_begin(env_, nullptr, 0, &txn_)); }
    void append(std::uint64_t seq, std::span<const std::byte> event) override {
        MDB_val key{sizeof(seq), &seq};
        MDB_val value{event.size(), const_cast<std::byte*>(event.data())};
        done(mdb_put(txn_, dbi_, &key, &value, MDB_APPEND));
    }
    void commit() override { done(mdb_txn_commit(txn_)); }

  private:
    static void done(int result) { must(result == 0, "lmdb", mdb_strerror(result)); }

    MDB_env* env_ = nullptr;
    MDB_txn* txn_ = nullptr;
    MDB_dbi dbi_ = 0;
};

}  // namespace

std::unique_ptr<Peer> plain_log(const std::string& folder) {
    return std::make_unique<PlainLog>(folder);
}
std::unique_ptr<Peer> sqlite(const std::string& folder) {
    return std::make_unique<Sqlite>(folder);
}
std::unique_ptr<Peer> rocksdb(const std::string& folder) {
    return std::make_unique<RocksDb>(folder);
}
std::unique_ptr<Peer> lmdb(const std::string& folder) {
    return std::make_unique<Lmdb>(folder);
}

}  // namespace vexfs::bench
