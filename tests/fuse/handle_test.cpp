// SPDX-License-Identifier: Apache-2.0
// The node table beyond its limit of descriptors, and the notifier against a kernel that records.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "fuse/node_table.hpp"
#include "fuse/notifier.hpp"
#include "mounted.hpp"

using namespace vexfs;
using namespace vexfs::test;
using fuse::NodeTable;

namespace {

class RecordingCache final : public fuse::KernelCache {
  public:
    int drop_entry(std::uint64_t, std::string_view name) override {
        return note("entry " + std::string(name));
    }
    int delete_entry(std::uint64_t, std::uint64_t, std::string_view name) override {
        return note("delete " + std::string(name));
    }
    int drop_inode(std::uint64_t id, std::int64_t offset, std::int64_t length) override {
        return note((id == 1 ? "root " : "inode ") + std::to_string(offset) + "+" +
                    std::to_string(length));
    }
    std::vector<std::string> notes;

  private:
    int note(std::string text) {
        notes.push_back(std::move(text));
        return 0;
    }
};

struct Table {
    explicit Table(std::uint64_t limit) {
        auto opened = NodeTable::open(tree.source(), limit);
        REQUIRE(opened.ok());
        nodes = std::move(opened).value();
    }
    fuse::Node& look_up(const char* name) {
        const NodeTable::Found found = nodes->lookup(nodes->root(), name);
        REQUIRE(found.error == 0);
        return *found.node;
    }
    TemporaryTree tree;
    std::unique_ptr<NodeTable> nodes;
};

}  // namespace

TEST_CASE("nodes beyond the limit are reached by file handle") {
    Table t(3);
    for (int i = 0; i < 10; ++i) {
        write_file(t.tree.source(std::to_string(i)), std::to_string(i));
    }
    std::vector<fuse::Node*> nodes;
    for (int i = 0; i < 10; ++i) {
        nodes.push_back(&t.look_up(std::to_string(i).c_str()));
    }
    CHECK(t.nodes->size() == 11);
    if (t.nodes->fds() > 3) {
        std::printf("skipped: nodes by handle: not privileged, or no handles on /tmp\n");
        return;
    }
    for (int i = 0; i < 10; ++i) {
        const fuse::PathFd fd = t.nodes->path_fd(*nodes[static_cast<std::size_t>(i)]);
        REQUIRE(fd.get() >= 0);
        struct stat st {};
        REQUIRE(::fstat(fd.get(), &st) == 0);
        CHECK(st.st_ino == stat_of(t.tree.source(std::to_string(i))).st_ino);
        CHECK(&t.look_up(std::to_string(i).c_str()) == nodes[static_cast<std::size_t>(i)]);
        t.nodes->forget(*nodes[static_cast<std::size_t>(i)], 2);
    }
    CHECK(t.nodes->size() == 1);
    CHECK(t.nodes->fds() == 1);
}

TEST_CASE("a mount far beyond its descriptors still works") {
    NEEDS_FUSE("mount by handles");
    Table t(1);
    ::mkdir(t.tree.source("d").c_str(), 0755);
    write_file(t.tree.source("d/f"), "text");
    const NodeTable::Found dir = t.nodes->lookup(t.nodes->root(), "d");
    REQUIRE(dir.error == 0);
    const NodeTable::Found file = t.nodes->lookup(*dir.node, "f");
    REQUIRE(file.error == 0);
    CHECK(file.st.st_size == 4);
    CHECK(file.node->id.gen == t.nodes->lookup(*dir.node, "f").node->id.gen);
}

TEST_CASE("an inode number that is used again is another node") {
    Table t(1);
    write_file(t.tree.source("a"), "");
    fuse::Node& first = t.look_up("a");
    if (t.nodes->path_fd(first).borrowed()) {
        std::printf("skipped: reused inode number: no handles on /tmp\n");
        return;
    }
    const ino_t ino = stat_of(t.tree.source("a")).st_ino;
    // ext4 gives the number to the next file soon; others may not.
    for (int i = 0; i < 200; ++i) {
        ::unlink(t.tree.source("a").c_str());
        write_file(t.tree.source("a"), "");
        if (stat_of(t.tree.source("a")).st_ino == ino) {
            break;
        }
    }
    fuse::Node& second = t.look_up("a");
    CHECK(&second != &first);
    if (second.id.ino == ino) {
        CHECK(second.id.gen != first.id.gen);
        CHECK(t.nodes->path_fd(first).get() == -ESTALE);
    }
    t.nodes->forget(first, 1);
    CHECK(&t.look_up("a") == &second);
    t.nodes->forget(second, 2);
    CHECK(t.nodes->size() == 1);
}

TEST_CASE("the notifier merges what waits, drops inodes first and each directory once") {
    Table t(100);
    write_file(t.tree.source("a"), "");
    fuse::Node& a = t.look_up("a");
    RecordingCache kernel;
    fuse::Notifier notifier(*t.nodes, kernel, 100);
    const fuse::ObjectId root = t.nodes->root().id;
    for (int i = 0; i < 5; ++i) {
        notifier.entry(root, {}, "x");
    }
    notifier.inode(a.id, -1, 0);
    notifier.inode(a.id, 100, 10);
    notifier.inode(a.id, 50, 10);
    notifier.inode({.ino = 12345, .dev = a.id.dev}, 0, 0);  // nobody knows it
    notifier.start();
    REQUIRE(notifier.settle(20000));
    CHECK(kernel.notes == std::vector<std::string>{"inode 50+60", "entry x", "root 0+0"});
    CHECK(notifier.counts().queued == 9);
    CHECK(notifier.counts().merged == 6);
    notifier.stop();
}

TEST_CASE("the notifier that overflows drops everything that is known") {
    Table t(100);
    write_file(t.tree.source("a"), "");
    fuse::Node& a = t.look_up("a");
    t.nodes->set_place(a, t.nodes->root().id, "a");
    RecordingCache kernel;
    fuse::Notifier notifier(*t.nodes, kernel, 3);
    for (int i = 0; i < 10; ++i) {
        notifier.entry(t.nodes->root().id, {}, "n" + std::to_string(i));
    }
    notifier.start();
    REQUIRE(notifier.settle(20000));
    CHECK(notifier.counts().overflows == 1);
    std::sort(kernel.notes.begin(), kernel.notes.end());
    CHECK(kernel.notes == std::vector<std::string>{"entry a", "inode 0+0", "root 0+0"});
    notifier.stop();
}
