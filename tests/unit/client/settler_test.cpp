// SPDX-License-Identifier: Apache-2.0
// What consecutive events of one object come to, one case each. That the tree stays true, whatever
// happens, is shown in tests/sim/settle_test.cpp.
#include "client/settler.hpp"

#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test
using settle::Settler;
using test::Record;

namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kRoot = 2;

struct Step {
    unsigned op;
    std::uint64_t ino;
    std::string name;
    std::uint32_t flags = 0;
    std::string old_name = {};
    std::uint64_t parent = kRoot;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::uint64_t size = 0;
    std::uint64_t target = 0;
    bool duplicate = false;
    std::int32_t error = 0;
};

// Takes events, a millisecond after one another, and has what was told as short words.
class Settling {
  public:
    explicit Settling(std::uint64_t window = 100, std::size_t objects = 1000)
        : settler_({.window_ns = window * kMs, .hold_ns = 10 * window * kMs, .objects = objects}) {}

    void happens(const Step& step, bool careful = false) {
        Record record(step.op, step.flags);
        record.names(step.name, step.old_name);
        record->fsid = 7;
        record->ino = step.ino;
        record->parent_ino = step.parent;
        record->offset = step.offset;
        record->length = step.length;
        record->size = step.size;
        record->error = step.error;
        if (step.op == VX_OP_FILE_RENAME) {
            record.rename().old_parent_ino = step.parent;
            record.rename().target_ino = step.target;
        }
        EventView view;
        translator_.translate(record.record(), Boundary::kernel, view);
        view.seq = ++seq_;
        view.real_ns = now_ += kMs;
        const std::string path = "/w/" + step.name;
        const std::string old_path = step.old_name.empty() ? "" : "/w/" + step.old_name;
        view.path = path;
        view.old_path = old_path;
        view.duplicate = step.duplicate;
        settler_.advance(view.real_ns);
        const bool taken = settler_.take(view, careful);
        collect();
        if (!taken) {
            told.push_back(std::string(view.op_name()) + " " + step.name + " at once");
        }
    }
    void wait(std::uint64_t ms) {
        settler_.advance(now_ += ms * kMs);
        collect();
    }
    void end() {
        settler_.let_go();
        collect();
    }

    Event last;
    std::vector<std::string> told;
    Settler& settler() { return settler_; }
    std::uint64_t now_ = 1'700'000'000'000'000'000;

  private:
    void collect() {
        while (settler_.next()) {
            const EventView view = settler_.told().view();
            last = Event(view);
            told.push_back(std::string(view.op_name()) + " " +
                           (view.old_path.empty() ? "" : std::string(view.old_path) + " -> ") +
                           std::string(view.path) + " x" + std::to_string(view.settled->events));
        }
    }

    Settler settler_;
    translate::Translator translator_;
    std::uint64_t seq_ = 0;
};

std::vector<std::string> ops_of(const Event& event) {
    std::vector<std::string> names;
    const EventView view = event.view();
    for (const UserOp& op : view.ops) {
        names.emplace_back(op.name());
    }
    return names;
}

using Words = std::vector<std::string>;

constexpr auto kFile = S_IFREG | 0644;
const Step kCreate{.op = VX_OP_FILE_CREATE, .ino = 5, .name = "a"};
const Step kClose{.op = VX_OP_FILE_CLOSE, .ino = 5, .name = "a", .flags = VX_F_WROTE, .size = 70};
const Step kDelete{.op = VX_OP_FILE_DELETE, .ino = 5, .name = "a", .flags = VX_F_LAST_LINK};

Step write_at(std::uint64_t offset, std::uint64_t length, std::uint64_t ino = 5) {
    return {.op = VX_OP_FILE_WRITE,
            .ino = ino,
            .name = ino == 5 ? "a" : "b",
            .offset = offset,
            .length = length,
            .size = 70};
}

}  // namespace

TEST_CASE("settle: created, written and closed is one creation, when it has been quiet") {
    Settling s;
    s.happens(kCreate);
    s.happens(write_at(0, 10));
    s.happens(write_at(60, 10));
    s.happens(kClose);
    CHECK(s.told.empty());
    s.wait(99);
    CHECK(s.told.empty());
    s.wait(1);
    CHECK(s.told == Words{"FileCreate /w/a x4"});
    const EventView view = s.last.view();
    CHECK(view.seq == 4);
    CHECK(view.settled->first_seq == 1);
    CHECK(view.settled->ops[VX_OP_FILE_WRITE] == 2);
    CHECK(view.event().size == 70);
    CHECK(view.event().offset == 0);
    CHECK(view.event().length == 70);
    CHECK(view.event().mode == kFile);
    CHECK((view.flags() & VX_F_WROTE) != 0);
    CHECK(ops_of(s.last) == Words{"GraphNodeCreate", "GraphEdgeCreate", "VectorEmbed",
                                  "VectorCreate", "VectorIndex"});
}

TEST_CASE("settle: many writes are one, with one range; of a range that is not known, none") {
    Settling s;
    s.happens(write_at(100, 10));
    s.happens(write_at(20, 5));
    s.happens(write_at(50, 5));
    s.end();
    CHECK(s.told == Words{"FileWrite /w/a x3"});
    CHECK(s.last.view().event().offset == 20);
    CHECK(s.last.view().event().length == 90);
    s.happens(write_at(100, 10));
    s.happens(write_at(0, 0));
    s.happens(write_at(50, 5));
    s.end();
    CHECK(s.last.view().event().offset == 0);
    CHECK(s.last.view().event().length == 0);
}

TEST_CASE("settle: created and deleted comes to nothing, also what is done to it afterwards") {
    Settling s;
    s.happens(kCreate);
    s.happens(write_at(0, 10));
    s.happens(kDelete);
    Step after = kClose;
    after.flags |= VX_F_UNLINKED;
    s.happens(after);
    CHECK(s.settler().held() == 0);
    s.end();
    CHECK(s.told.empty());
    CHECK(s.settler().take_vanished() == 4);
    // The number of the inode comes again, in a file system that has no generations.
    s.happens(kCreate);
    s.happens(kDelete);
    s.happens(kCreate);
    s.end();
    CHECK(s.told == Words{"FileCreate /w/a x1"});
    CHECK(s.settler().take_vanished() == 2);
}

TEST_CASE("settle: what was there before and is deleted is told as deleted, under its old name") {
    Settling s;
    s.happens(write_at(0, 10));
    s.happens({.op = VX_OP_FILE_RENAME, .ino = 5, .name = "b", .old_name = "a"});
    s.happens({.op = VX_OP_FILE_DELETE, .ino = 5, .name = "b", .flags = VX_F_LAST_LINK});
    s.end();
    CHECK(s.told == Words{"FileDelete /w/a x3"});
    CHECK(s.last.view().name() == "a");
    CHECK(s.last.view().event().length == 0);
}

TEST_CASE("settle: renames are one from the first name to the last, and none at all if back") {
    Settling s;
    s.happens({.op = VX_OP_FILE_RENAME, .ino = 5, .name = "b", .old_name = "a"});
    s.happens({.op = VX_OP_FILE_RENAME, .ino = 5, .name = "c", .old_name = "b"});
    s.end();
    CHECK(s.told == Words{"FileRename /w/a -> /w/c x2"});
    CHECK(s.last.view().name2() == "a");
    s.told.clear();
    s.happens({.op = VX_OP_FILE_RENAME, .ino = 5, .name = "b", .old_name = "c"});
    s.happens({.op = VX_OP_FILE_RENAME, .ino = 5, .name = "c", .old_name = "b"});
    s.end();
    CHECK(s.told.empty());
    CHECK(s.settler().take_vanished() == 2);
    // A new file has the name that it has in the end.
    s.happens({.op = VX_OP_FILE_CREATE, .ino = 6, .name = "tmp"});
    s.happens({.op = VX_OP_FILE_RENAME, .ino = 6, .name = "d", .old_name = "tmp"});
    s.end();
    CHECK(s.told == Words{"FileCreate /w/d x2"});
}

TEST_CASE("settle: a file that is written aside and put in the place of another is two events") {
    Settling s;
    s.happens({.op = VX_OP_FILE_WRITE, .ino = 6, .name = "f"});
    s.happens(kCreate);
    s.happens(write_at(0, 70));
    s.happens(kClose);
    s.happens({.op = VX_OP_FILE_RENAME,
               .ino = 5,
               .name = "f",
               .flags = VX_F_REPLACED | VX_F_LAST_LINK,
               .old_name = "a",
               .target = 6});
    CHECK(s.told == Words{"FileWrite /w/f x1", "FileCreate /w/a x3", "FileRename /w/a -> /w/f x1"});
    CHECK(s.settler().held() == 0);
}

TEST_CASE("settle: a directory comes before what is in it, and goes behind it") {
    Settling s;
    s.happens({.op = VX_OP_DIR_CREATE, .ino = 9, .name = "d", .flags = VX_F_DIRECTORY});
    s.happens({.op = VX_OP_FILE_CREATE, .ino = 5, .name = "a", .parent = 9});
    CHECK(s.told == Words{"DirCreate /w/d x1"});
    s.happens({.op = VX_OP_FILE_CREATE, .ino = 6, .name = "b", .parent = kRoot});
    Step gone{.op = VX_OP_FILE_RENAME, .ino = 5, .name = "c", .old_name = "a", .parent = 9};
    s.happens(gone);
    s.happens(
        {.op = VX_OP_DIR_DELETE, .ino = 9, .name = "d", .flags = VX_F_DIRECTORY | VX_F_LAST_LINK});
    CHECK(s.told == Words{"DirCreate /w/d x1", "FileCreate /w/c x2"});
    s.end();
    CHECK(s.told.size() == 4);
}

TEST_CASE("settle: a name that changes hands does so in its order") {
    Settling s;
    s.happens(kDelete);
    s.happens({.op = VX_OP_FILE_CREATE, .ino = 6, .name = "a"});
    CHECK(s.told == Words{"FileDelete /w/a x1"});
    s.happens({.op = VX_OP_FILE_RENAME, .ino = 7, .name = "b", .old_name = "c"});
    s.happens({.op = VX_OP_HARDLINK_CREATE, .ino = 6, .name = "c"});
    CHECK(s.told ==
          Words{"FileDelete /w/a x1", "FileRename /w/c -> /w/b x1", "FileCreate /w/a x1"});
}

TEST_CASE("settle: what moves a tree, and what is about all, ends all windows") {
    const Step ends =
        GENERATE(Step{.op = VX_OP_FILE_RENAME,
                      .ino = 9,
                      .name = "e",
                      .flags = VX_F_DIRECTORY,
                      .old_name = "d"},
                 Step{.op = VX_OP_FILE_RENAME,
                      .ino = 9,
                      .name = "e",
                      .flags = VX_F_EXCHANGE,
                      .old_name = "d"},
                 Step{.op = VX_OP_MOUNT, .ino = 9, .name = "e"},
                 Step{.op = VX_OP_UNMOUNT, .ino = 9, .name = "e"},
                 Step{.op = VX_OP_SYNC, .ino = kRoot, .name = "e", .flags = VX_F_SYNC_FS},
                 Step{.op = VX_OP_SYNC, .ino = 0, .name = "e", .flags = VX_F_SYNC_ALL});
    Settling s;
    s.happens(kCreate);
    s.happens(write_at(0, 1, 6));
    s.happens(ends);
    REQUIRE(s.told.size() == 3);
    CHECK(s.told[0] == "FileCreate /w/a x1");
    CHECK(s.told[1] == "FileWrite /w/b x1");
    CHECK(s.told[2].ends_with("at once"));
}

TEST_CASE("settle: a file that is written for ever is told after ten windows") {
    Settling s(10);
    for (int i = 0; i < 250; i++) {
        s.happens(write_at(0, 1));
    }
    CHECK(s.told == Words{"FileWrite /w/a x100", "FileWrite /w/a x100"});
}

TEST_CASE("settle: at most so many objects are held back: the quietest is told") {
    Settling s(100, 2);
    s.happens(write_at(0, 1));
    s.happens(write_at(0, 1, 6));
    s.happens(write_at(0, 1));
    s.happens({.op = VX_OP_FILE_WRITE, .ino = 7, .name = "c"});
    CHECK(s.told == Words{"FileWrite /w/b x1"});
    CHECK(s.settler().held() == 2);
}

TEST_CASE("settle: nothing that a reader may know by name is left out") {
    Settling s;
    s.happens(kCreate, true);
    s.happens(write_at(0, 1), true);
    s.happens(kDelete, false);
    s.end();
    CHECK(s.told == Words{"FileDelete /w/a x3"});
    s.told.clear();
    s.happens({.op = VX_OP_FILE_CREATE, .ino = 6, .name = "tmp"}, true);
    s.happens({.op = VX_OP_FILE_RENAME, .ino = 6, .name = "b", .old_name = "tmp"});
    s.happens({.op = VX_OP_FILE_RENAME, .ino = 6, .name = "c", .old_name = "b"});
    s.end();
    CHECK(s.told == Words{"FileCreate /w/tmp x1", "FileRename /w/tmp -> /w/c x2"});
}

TEST_CASE("settle: an object that has other names lives on: what was done to it is told") {
    Settling s;
    s.happens(kCreate);
    s.happens({.op = VX_OP_HARDLINK_CREATE, .ino = 5, .name = "b"});
    s.happens(write_at(0, 1));
    Step one_name = kDelete;
    one_name.flags = 0;
    s.happens(one_name);
    s.end();
    CHECK(s.told == Words{"FileCreate /w/a x1", "HardlinkCreate /w/b x2", "FileDelete /w/a x1"});
}

TEST_CASE("settle: what the attributes of a file are set to is in its one event") {
    Settling s;
    s.happens({.op = VX_OP_FILE_CHMOD, .ino = 5, .name = "a", .flags = VX_F_MODE});
    s.happens(write_at(0, 1));
    s.happens({.op = VX_OP_FILE_CHOWN, .ino = 5, .name = "a", .flags = VX_F_OWNER});
    s.happens({.op = VX_OP_FILE_OPEN, .ino = 5, .name = "a"});
    s.end();
    CHECK(s.told == Words{"FileWrite /w/a x4"});
    CHECK((s.last.view().flags() & (VX_F_MODE | VX_F_OWNER)) == (VX_F_MODE | VX_F_OWNER));
    const auto ops = ops_of(s.last);
    CHECK(std::multiset<std::string>(ops.begin(), ops.end()) ==
          std::multiset<std::string>{"GraphNodeUpdate", "GraphPropertySet", "GraphPropertySet"});
}

TEST_CASE("settle: a sync of a file is a commit point of what was written before it alone") {
    Settling s;
    const Step sync{.op = VX_OP_SYNC, .ino = 5, .name = "a"};
    s.happens(write_at(0, 1));
    s.happens(sync);
    s.end();
    CHECK(ops_of(s.last) == Words{"GraphNodeUpdate", "GraphTransaction"});
    s.happens(write_at(0, 1));
    s.happens(sync);
    s.happens(write_at(0, 1));
    s.end();
    CHECK(ops_of(s.last) == Words{"GraphNodeUpdate"});
}

TEST_CASE("settle: failures and duplicates are no changes") {
    Settling s;
    s.happens(kCreate);
    Step again = kCreate;
    again.duplicate = true;
    s.happens(again);
    CHECK(s.told.empty());
    Step failed = write_at(0, 1);
    failed.error = -ENOSPC;
    s.happens(failed);
    CHECK(s.told == Words{"FileCreate /w/a x2", "FileWrite a at once"});
    s.happens(again);
    CHECK(s.told.back() == "FileCreate a at once");
}

TEST_CASE("settle: a clock that is set back ends all windows, and time goes on from there") {
    Settling s;
    s.happens(kCreate);
    s.now_ -= 3600'000 * kMs;
    s.happens(write_at(0, 1, 6));
    CHECK(s.told == Words{"FileCreate /w/a x1"});
    s.wait(100);
    CHECK(s.told == Words{"FileCreate /w/a x1", "FileWrite /w/b x1"});
}
