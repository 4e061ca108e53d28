// SPDX-License-Identifier: Apache-2.0
// FactsTable: what is known of each object, a row for each. Within a transaction it is changed in
// memory, and written at its end: most objects change several times, and many go again.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "catalogue/sqlite.hpp"
#include "paths/directory_map.hpp"

namespace vexfs {

// What is known of an object.
struct ObjectFacts {
    std::uint32_t mode = 0;  // type and permissions
    std::uint32_t uid = 0;   // owner
    std::uint32_t gid = 0;
    std::uint64_t size = 0;     // bytes
    std::uint64_t changed = 0;  // the last event that changed its content, or told of it as new
};

class FactsTable {
  public:
    static constexpr std::size_t kMax = 65'536;  // objects in memory: more are written before

    static constexpr const char* kSchema =
        "CREATE TABLE objects(fs INTEGER, ino INTEGER, gen INTEGER, mode INTEGER, uid INTEGER,"
        " gid INTEGER, size INTEGER, changed INTEGER, PRIMARY KEY(fs, ino, gen)) WITHOUT ROWID;";

    Status prepare(Database& db);

    // An object's key in the file: its file system is a small number.
    struct Key {
        std::int64_t fs = 0;
        ObjectKey object;
    };
    Result<std::optional<ObjectFacts>> find(const Key& key);

    Status put(const Key& key, const ObjectFacts& facts);
    Status remove(const Key& key);

    // From here on changes are held, until write() writes them.
    void begin() { held_ = true; }
    Status write();
    // Holds changes no more, and forgets those that were not written.
    void end() {
        held_ = false;
        known_.clear();
    }

  private:
    struct Known {
        std::int64_t fs = 0;
        std::optional<ObjectFacts> facts;  // nothing: it goes
    };
    Status keep(const Key& key, const std::optional<ObjectFacts>& facts);
    Status write_one(const ObjectKey& object, const Known& known);

    std::unordered_map<ObjectKey, Known, ObjectKeyHash> known_;
    bool held_ = false;
    Statement find_, put_, remove_;
};

}  // namespace vexfs
