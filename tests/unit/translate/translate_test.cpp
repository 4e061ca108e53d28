// SPDX-License-Identifier: Apache-2.0
#include "translate/translate.hpp"

#include <vector>

#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/rules.hpp"

using namespace vexfs;  // NOLINT: a test
using test::Record;
using translate::Vector;

namespace {

using Ops = std::vector<UserOp>;

Ops ops_of(const Record& record, translate::Vectors vectors = {}) {
    const UserOps ops = translate::operations(record.event(), vectors);
    return {ops.begin(), ops.end()};
}

UserOp object(vx_uop op, Detail detail = Detail::none) {
    return translate::gives(op, detail);
}

UserOp target(vx_uop op, Detail detail = Detail::none) {
    return translate::gives(op, detail, Subject::target);
}

}  // namespace

namespace Catch {
template <>
struct StringMaker<UserOp> {
    static std::string convert(const UserOp& op) {
        return std::string(op.name()) + "/" + std::to_string(static_cast<int>(op.detail)) +
               (op.subject == Subject::target ? "/target" : "");
    }
};
}  // namespace Catch

TEST_CASE("translate: a created file or directory is a node and its edge") {
    const Ops node_and_edge = {object(VX_UOP_GRAPH_NODE_CREATE),
                               object(VX_UOP_GRAPH_EDGE_CREATE, Detail::edge)};
    CHECK(ops_of(Record(VX_OP_FILE_CREATE)) == node_and_edge);
    CHECK(ops_of(Record(VX_OP_DIR_CREATE, VX_F_DIRECTORY)) == node_and_edge);
    CHECK(ops_of(Record(VX_OP_FILE_CREATE, VX_F_TMPFILE)) == node_and_edge);
    CHECK(ops_of(Record(VX_OP_FILE_CREATE, VX_F_SPECIAL)) == node_and_edge);
}

TEST_CASE("translate: a symbolic link is a node, an edge for its name and one for its target") {
    CHECK(ops_of(Record(VX_OP_SYMLINK_CREATE)) ==
          Ops{object(VX_UOP_GRAPH_NODE_CREATE), object(VX_UOP_GRAPH_EDGE_CREATE, Detail::edge),
              object(VX_UOP_GRAPH_EDGE_CREATE, Detail::link_target)});
}

TEST_CASE("translate: a hard link is an edge") {
    CHECK(ops_of(Record(VX_OP_HARDLINK_CREATE)) ==
          Ops{object(VX_UOP_GRAPH_EDGE_CREATE, Detail::edge)});
}

TEST_CASE("translate: deleting takes the edge, with the last name the node and the vector") {
    CHECK(ops_of(Record(VX_OP_FILE_DELETE)) == Ops{object(VX_UOP_GRAPH_EDGE_DELETE, Detail::edge)});
    Record last(VX_OP_FILE_DELETE, VX_F_LAST_LINK);
    const Ops all = {object(VX_UOP_GRAPH_EDGE_DELETE, Detail::edge),
                     object(VX_UOP_GRAPH_NODE_DELETE), object(VX_UOP_VECTOR_DELETE)};
    const Ops no_vector = {all[0], all[1]};
    CHECK(ops_of(last) == all);
    CHECK(ops_of(last, {Vector::present, Vector::unknown}) == all);
    CHECK(ops_of(last, {Vector::absent, Vector::unknown}) == no_vector);
    last->mode = S_IFLNK | 0777;
    CHECK(ops_of(last) == no_vector);
    CHECK(ops_of(Record(VX_OP_DIR_DELETE, VX_F_DIRECTORY)) == no_vector);
}

TEST_CASE("translate: a rename moves the edge, and nothing else") {
    const Ops moved = {object(VX_UOP_GRAPH_EDGE_UPDATE, Detail::move)};
    CHECK(ops_of(Record(VX_OP_FILE_RENAME)) == moved);
    CHECK(ops_of(Record(VX_OP_FILE_RENAME, VX_F_DIRECTORY)) == moved);
    Record half(VX_OP_FILE_RENAME, VX_F_EXCHANGE);
    half->cookie = 5;
    CHECK(ops_of(half) == moved);
}

TEST_CASE("translate: a replaced target loses its name first, and with the last one itself") {
    Record record(VX_OP_FILE_RENAME, VX_F_REPLACED);
    record.rename().target_mode = S_IFREG | 0600;
    record.rename().target_nlink = 1;
    const UserOp edge = target(VX_UOP_GRAPH_EDGE_DELETE, Detail::edge);
    const UserOp node = target(VX_UOP_GRAPH_NODE_DELETE);
    const UserOp move = object(VX_UOP_GRAPH_EDGE_UPDATE, Detail::move);
    CHECK(ops_of(record) == Ops{edge, move});
    record->flags |= VX_F_LAST_LINK;
    record.rename().target_nlink = 0;
    CHECK(ops_of(record) == Ops{edge, node, target(VX_UOP_VECTOR_DELETE), move});
    CHECK(ops_of(record, {Vector::unknown, Vector::absent}) == Ops{edge, node, move});
    // A directory has lost its last name, whatever its link count says, and no vector.
    record.rename().target_mode = S_IFDIR | 0755;
    record.rename().target_nlink = 1;
    CHECK(ops_of(record) == Ops{edge, node, move});
    // Another event says that the last name has gone.
    record->flags = VX_F_REPLACED;
    record.rename().target_mode = S_IFREG | 0600;
    record.rename().target_nlink = 0;
    CHECK(ops_of(record) == Ops{edge, move});
}

TEST_CASE("translate: writing and truncating update the node") {
    const Ops updated = {object(VX_UOP_GRAPH_NODE_UPDATE, Detail::range)};
    CHECK(ops_of(Record(VX_OP_FILE_WRITE)) == updated);
    CHECK(ops_of(Record(VX_OP_FILE_TRUNCATE)) == updated);
    CHECK(ops_of(Record(VX_OP_FILE_TRUNCATE, VX_F_OPEN_TRUNC)) == updated);
}

TEST_CASE("translate: closing what was written embeds it; closing anything else is a look at it") {
    const Ops look = {object(VX_UOP_GRAPH_NODE_QUERY)};
    Record written(VX_OP_FILE_CLOSE, VX_F_WROTE);
    const auto embedded = [](vx_uop how) {
        return Ops{object(VX_UOP_VECTOR_EMBED), object(how), object(VX_UOP_VECTOR_INDEX)};
    };
    CHECK(ops_of(written) == embedded(VX_UOP_VECTOR_CREATE));
    CHECK(ops_of(written, {Vector::absent, {}}) == embedded(VX_UOP_VECTOR_CREATE));
    CHECK(ops_of(written, {Vector::present, {}}) == embedded(VX_UOP_VECTOR_UPDATE));
    CHECK(ops_of(Record(VX_OP_FILE_CLOSE)) == look);
    CHECK(ops_of(Record(VX_OP_FILE_CLOSE, VX_F_DIRECTORY)) == look);

    // Unlinked, but reachable by another name: it keeps its vector.
    written->flags |= VX_F_UNLINKED;
    CHECK(ops_of(written) == embedded(VX_UOP_VECTOR_CREATE));
    written->nlink = 0;
    CHECK(ops_of(written) == look);
    written->flags = VX_F_WROTE;
    written->nlink = 1;
    written->mode = S_IFIFO | 0600;
    CHECK(ops_of(written) == look);
}

TEST_CASE("translate: changes of mode and owner are properties") {
    CHECK(ops_of(Record(VX_OP_FILE_CHMOD, VX_F_MODE)) ==
          Ops{object(VX_UOP_GRAPH_PROPERTY_SET, Detail::mode)});
    CHECK(ops_of(Record(VX_OP_FILE_CHMOD, VX_F_MODE | VX_F_FORCED)) ==
          Ops{object(VX_UOP_GRAPH_PROPERTY_SET, Detail::mode)});
    CHECK(ops_of(Record(VX_OP_FILE_CHOWN, VX_F_OWNER | VX_F_GROUP)) ==
          Ops{object(VX_UOP_GRAPH_PROPERTY_SET, Detail::owner)});
}

TEST_CASE("translate: opening and reading are queries, reading a directory a traversal") {
    CHECK(ops_of(Record(VX_OP_FILE_OPEN)) == Ops{object(VX_UOP_GRAPH_NODE_QUERY)});
    CHECK(ops_of(Record(VX_OP_FILE_OPEN, VX_F_EXEC)) == Ops{object(VX_UOP_GRAPH_NODE_QUERY)});
    CHECK(ops_of(Record(VX_OP_FILE_READ)) == Ops{object(VX_UOP_GRAPH_NODE_QUERY, Detail::range)});
    CHECK(ops_of(Record(VX_OP_DIR_READ, VX_F_DIRECTORY)) == Ops{object(VX_UOP_GRAPH_TRAVERSE)});
}

TEST_CASE("translate: a mount brings a subtree, an unmount takes it, a sync is a commit point") {
    const Ops insert = {object(VX_UOP_GRAPH_BULK_INSERT, Detail::subtree)};
    CHECK(ops_of(Record(VX_OP_MOUNT)) == insert);
    CHECK(ops_of(Record(VX_OP_MOUNT, VX_F_BIND)) == insert);
    CHECK(ops_of(Record(VX_OP_MOUNT, VX_F_REMOUNT)) ==
          Ops{object(VX_UOP_GRAPH_PROPERTY_SET, Detail::options)});
    CHECK(ops_of(Record(VX_OP_MOUNT, VX_F_MOVE)) ==
          Ops{object(VX_UOP_GRAPH_EDGE_UPDATE, Detail::edge)});
    const Ops removal = {object(VX_UOP_GRAPH_BULK_DELETE, Detail::subtree)};
    CHECK(ops_of(Record(VX_OP_UNMOUNT)) == removal);
    CHECK(ops_of(Record(VX_OP_UNMOUNT, VX_F_LAZY)) == removal);
    for (const std::uint32_t flags : {0U, VX_F_DATASYNC, VX_F_SYNC_FS, VX_F_SYNC_ALL}) {
        CHECK(ops_of(Record(VX_OP_SYNC, flags)) ==
              Ops{object(VX_UOP_GRAPH_TRANSACTION, Detail::commit)});
    }
}

TEST_CASE("translate: an operation that failed changed nothing, whichever it is") {
    for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
        Record record(op, VX_F_WROTE | VX_F_LAST_LINK);
        record->error = -EACCES;
        CHECK(ops_of(record) == Ops{object(VX_UOP_GRAPH_NODE_QUERY)});
    }
}

TEST_CASE("translate: random records of every operation become one to seven known operations") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    test::RandomRecords random(seed);
    for (unsigned i = 0; i < 18 * 200; ++i) {
        const Record record = random.make(i % VX_OP_COUNT);
        REQUIRE(record.valid());
        const UserOps ops = translate::operations(record.event());
        REQUIRE(!ops.empty());
        for (const UserOp& op : ops) {
            REQUIRE(op.op < VX_UOP_COUNT);
            REQUIRE((op.subject == Subject::object || record.record().op == VX_OP_FILE_RENAME));
        }
    }
}

TEST_CASE("translate: the translator remembers which files have a vector") {
    translate::Translator translator;
    EventView view;
    Record close(VX_OP_FILE_CLOSE, VX_F_WROTE);
    close->ino = 10;
    translator.translate(close.record(), Boundary::kernel, view);
    CHECK(view.ops[1].op == VX_UOP_VECTOR_CREATE);
    translator.translate(close.record(), Boundary::kernel, view);
    CHECK(view.ops[1].op == VX_UOP_VECTOR_UPDATE);

    // Another generation of the same inode number is another file.
    close->gen = 2;
    translator.translate(close.record(), Boundary::kernel, view);
    CHECK(view.ops[1].op == VX_UOP_VECTOR_CREATE);

    Record unlink(VX_OP_FILE_DELETE, VX_F_LAST_LINK);
    unlink->ino = 10;
    unlink->gen = 2;
    translator.translate(unlink.record(), Boundary::kernel, view);
    translator.translate(close.record(), Boundary::kernel, view);
    CHECK(view.ops[1].op == VX_UOP_VECTOR_CREATE);
}

TEST_CASE("translate: replacing a file by a rename forgets the target's vector") {
    translate::Translator translator;
    EventView view;
    Record close(VX_OP_FILE_CLOSE, VX_F_WROTE);
    close->ino = 20;
    translator.translate(close.record(), Boundary::kernel, view);
    Record rename(VX_OP_FILE_RENAME, VX_F_REPLACED | VX_F_LAST_LINK);
    rename->ino = 21;
    rename.rename().target_ino = 20;
    rename.rename().target_mode = S_IFREG;
    translator.translate(rename.record(), Boundary::kernel, view);
    translator.translate(close.record(), Boundary::kernel, view);
    CHECK(view.ops[1].op == VX_UOP_VECTOR_CREATE);
}

TEST_CASE("translate: what a program pushed is itself, at its own boundary, with its context") {
    translate::Translator translator;
    EventView view;
    Record inner(VX_OP_FILE_WRITE);
    inner->ino = 99;
    const test::PushedRecord search(VX_UOP_VECTOR_SEARCH, inner);
    translator.translate(search.record(), Boundary::kernel, view);
    CHECK(view.boundary == Boundary::vector);
    CHECK(std::string(view.op_name()) == "VectorSearch");
    CHECK(view.event().ino == 99);
    REQUIRE(view.ops.size() == 1);
    CHECK(view.ops[0].op == VX_UOP_VECTOR_SEARCH);
    const test::PushedRecord query(VX_UOP_GRAPH_NODE_QUERY, inner);
    translator.translate(query.record(), Boundary::kernel, view);
    CHECK(view.boundary == Boundary::graph);
}

TEST_CASE("translate: an event that is kept outlives its view") {
    Event kept;
    {
        const Record record = test::RandomRecords(1).make(VX_OP_FILE_RENAME);
        EventView view = record.view(7, "/w/new");
        view.old_path = "/w/old";
        view.ops = translate::operations(record.event());
        kept = Event(view);
    }
    const Event copy = kept;
    kept = Event();
    const EventView view = copy.view();
    CHECK(view.seq == 7);
    CHECK(view.path == "/w/new");
    CHECK(view.old_path == "/w/old");
    CHECK(vx_event_check(view.record, view.record->len) == 0);
}
