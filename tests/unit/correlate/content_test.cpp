// SPDX-License-Identifier: Apache-2.0
#include "correlate/content.hpp"

#include <set>
#include <string>

#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/context.hpp"

using namespace vexfs;  // NOLINT: a test
using test::Record;

namespace {

constexpr std::uint64_t kSeed = 4711;

Record typical(unsigned op) {
    Record record(op, VX_F_OWNER | VX_F_GROUP | VX_F_MODE);
    record->fsid = 7;
    record->ino = 12;
    record->parent_ino = 2;
    record->tid = 100;
    return record;
}

std::uint64_t hash(const Record& record) {
    return correlate::content_hash(record.event(), kSeed);
}

// The fields whose change is a change of the content. Those that say how long the record is are
// left out: they can't change alone.
std::set<std::string> fields_that_count(unsigned op) {
    const std::set<std::string> structure = {"rec.len", "rec.type", "rec.op",
                                             "flags",   "name_len", "name2_len"};
    std::set<std::string> counted;
    const auto look = [&](auto fields, std::size_t offset) {
        for (const translate::Field& field : fields) {
            Record changed = typical(op);
            reinterpret_cast<char*>(&changed.event())[offset + field.offset] ^= 1;
            if (structure.count(std::string(field.name)) == 0 &&
                hash(changed) != hash(typical(op))) {
                counted.emplace(field.name);
            }
        }
    };
    look(translate::event_fields(), 0);
    if (op == VX_OP_FILE_RENAME) {
        look(translate::rename_fields(), sizeof(vx_event));
    }
    return counted;
}

}  // namespace

TEST_CASE("content: the object, the thread, the error and the arguments, and nothing else") {
    const std::set<std::string> always = {"fsid", "ino", "gen", "tid", "error"};
    const auto with = [&](std::set<std::string> more) {
        more.insert(always.begin(), always.end());
        return more;
    };
    for (const unsigned op : {VX_OP_FILE_OPEN, VX_OP_FILE_CLOSE, VX_OP_FILE_READ, VX_OP_FILE_WRITE,
                              VX_OP_DIR_READ, VX_OP_SYNC}) {
        CHECK(fields_that_count(op) == always);
    }
    for (const unsigned op : {VX_OP_FILE_DELETE, VX_OP_DIR_CREATE, VX_OP_DIR_DELETE,
                              VX_OP_SYMLINK_CREATE, VX_OP_HARDLINK_CREATE}) {
        CHECK(fields_that_count(op) == with({"parent_ino", "parent_gen"}));
    }
    CHECK(fields_that_count(VX_OP_FILE_RENAME) ==
          with({"parent_ino", "parent_gen", "old_parent_ino", "old_parent_gen", "target_ino",
                "target_gen"}));
    CHECK(fields_that_count(VX_OP_FILE_CHMOD) == with({"mode"}));
    CHECK(fields_that_count(VX_OP_FILE_CHOWN) == with({"owner_uid", "owner_gid"}));
    CHECK(fields_that_count(VX_OP_FILE_TRUNCATE) == with({"size"}));
}

TEST_CASE("content: each operation has its own, and so have names where they are arguments") {
    std::set<std::uint64_t> hashes;
    for (unsigned op = 0; op < VX_OP_COUNT; op++) {
        hashes.insert(hash(typical(op).names("a", "bc")));
    }
    CHECK(hashes.size() == VX_OP_COUNT);
    for (const unsigned op : {VX_OP_FILE_CREATE, VX_OP_FILE_RENAME, VX_OP_SYMLINK_CREATE}) {
        const std::uint64_t whole = hash(typical(op).names("ab", "c"));
        CHECK(hash(typical(op).names("a", "bc")) != whole);
        CHECK(hash(typical(op).names("ab", "d")) != whole);
    }
    // An open file is known by any of its names.
    CHECK(hash(typical(VX_OP_FILE_WRITE).names("a")) == hash(typical(VX_OP_FILE_WRITE).names("b")));
}

TEST_CASE("content: a file's type counts where it is made, an owner where it is set") {
    Record fifo = typical(VX_OP_FILE_CREATE);
    fifo->mode = S_IFIFO | 0644;
    CHECK(hash(fifo) != hash(typical(VX_OP_FILE_CREATE)));
    Record group_only = typical(VX_OP_FILE_CHOWN);
    group_only->flags = VX_F_GROUP;
    Record other = group_only;
    other->owner_uid = 5;
    CHECK(hash(group_only) == hash(other));
}

TEST_CASE("content: what another boundary could not report is not compared") {
    CHECK(correlate::comparable(typical(VX_OP_FILE_WRITE).event()));
    Record record = typical(VX_OP_FILE_WRITE);
    record->tid = 0;
    CHECK_FALSE(correlate::comparable(record.event()));
    record = typical(VX_OP_FILE_WRITE);
    record->ino = 0;
    CHECK_FALSE(correlate::comparable(record.event()));
    record = typical(VX_OP_FILE_WRITE);
    record->flags |= VX_F_RESYNC;
    CHECK_FALSE(correlate::comparable(record.event()));
    CHECK_FALSE(correlate::comparable(typical(VX_OP_MOUNT).event()));
    CHECK_FALSE(correlate::comparable(typical(VX_OP_UNMOUNT).event()));
}

TEST_CASE("content: ranges are told apart where they are known") {
    Record record = typical(VX_OP_FILE_WRITE);
    CHECK(correlate::range_print(record.event()) == 0);
    record->length = 10;
    const std::uint32_t ten = correlate::range_print(record.event());
    CHECK(ten != 0);
    record->offset = 10;
    CHECK(correlate::range_print(record.event()) != ten);
}
