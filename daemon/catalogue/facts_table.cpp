// SPDX-License-Identifier: Apache-2.0
#include "catalogue/facts_table.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace vexfs {

namespace {
constexpr const char* kFind =
    "SELECT mode, uid, gid, size, changed FROM objects WHERE fs=?1 AND ino=?2 AND gen=?3";
constexpr const char* kPut = "INSERT OR REPLACE INTO objects VALUES(?1,?2,?3,?4,?5,?6,?7,?8)";
constexpr const char* kRemove = "DELETE FROM objects WHERE fs=?1 AND ino=?2 AND gen=?3";
}  // namespace

Status FactsTable::prepare(Database& db) {
    return db.prepare({{&find_, kFind}, {&put_, kPut}, {&remove_, kRemove}});
}

Result<std::optional<ObjectFacts>> FactsTable::find(const Key& key) {
    if (const auto at = known_.find(key.object); at != known_.end()) {
        return at->second.facts;
    }
    const Result<bool> row = find_.bind(key.fs, key.object.ino, key.object.gen).step();
    if (!row) {
        return row.status();
    }
    std::optional<ObjectFacts> facts;
    if (*row) {
        facts = ObjectFacts{.mode = static_cast<std::uint32_t>(find_.id(0)),
                            .uid = static_cast<std::uint32_t>(find_.id(1)),
                            .gid = static_cast<std::uint32_t>(find_.id(2)),
                            .size = find_.id(3),
                            .changed = find_.id(4)};
    }
    find_.reset();
    return facts;
}

Status FactsTable::put(const Key& key, const ObjectFacts& facts) { return keep(key, facts); }
Status FactsTable::remove(const Key& key) { return keep(key, {}); }

Status FactsTable::keep(const Key& key, const std::optional<ObjectFacts>& facts) {
    if (!held_) {
        return write_one(key.object, {key.fs, facts});
    }
    known_[key.object] = {key.fs, facts};
    return known_.size() < kMax ? Status() : write();
}

// In the order of the keys, which are then on few pages.
Status FactsTable::write() {
    std::vector<std::pair<ObjectKey, Known>> all(known_.begin(), known_.end());
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    known_.clear();
    for (const auto& [object, known] : all) {
        if (Status status = write_one(object, known); !status) {
            return status;
        }
    }
    return {};
}

Status FactsTable::write_one(const ObjectKey& object, const Known& known) {
    if (!known.facts) {
        return remove_.bind(known.fs, object.ino, object.gen).run();
    }
    const ObjectFacts& facts = *known.facts;
    return put_
        .bind(known.fs, object.ino, object.gen, facts.mode, facts.uid, facts.gid, facts.size,
              facts.changed)
        .run();
}

}  // namespace vexfs
