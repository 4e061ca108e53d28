// SPDX-License-Identifier: Apache-2.0
// The judge of vx_oracle: three accounts of the same calls that agree, and the same with one thing
// wrong.
#include "vm/vx_oracle/judge.hpp"

#include <sys/inotify.h>

#include <functional>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/records.hpp"

using namespace vexfs;
using namespace vexfs::vm;
using vexfs::test::Record;

namespace {

constexpr std::uint64_t kRoot = 1;
constexpr Number kRootSaid = 100;  // objects at fanotify are 100 and up: the inode number + 99
constexpr std::uint32_t kPid = 50;

Event event(unsigned op, std::uint32_t tid, std::uint64_t ino, std::uint64_t parent,
            const char* name, std::uint32_t flags = 0,
            const std::function<void(Record&)>& more = {}) {
    Record record(op, flags);
    record.names(name, op == VX_OP_FILE_RENAME ? "f" : "");
    record->ino = ino;
    record->parent_ino = parent;
    record->pid = kPid;
    record->tid = tid;
    if (more) {
        more(record);
    }
    return Event(record.view());
}

Said said(std::uint32_t tid, std::uint32_t bits, Number object, Number dir = 0,
          const char* name = "") {
    return {.tid = tid, .bits = bits, .object = object, .dir = dir, .name = name};
}

// mkdir d; open d/f with O_CREAT; write twice; close; rename d/f to g, in place of what is there;
// unlink.
Round right() {
    Round round;
    round.watches = {kRoot, 2};
    round.events = {
        event(VX_OP_DIR_CREATE, 61, 2, kRoot, "d", VX_F_DIRECTORY),
        event(VX_OP_FILE_CREATE, 62, 4, kRoot, "g"),
        event(VX_OP_FILE_CREATE, 63, 3, 2, "f"),
        event(VX_OP_FILE_OPEN, 63, 3, 2, "f"),
        event(VX_OP_FILE_WRITE, 64, 3, 2, "f"),
        event(VX_OP_FILE_WRITE, 65, 3, 2, "f"),
        event(VX_OP_FILE_CLOSE, 66, 3, 2, "f", VX_F_WROTE),
        event(VX_OP_FILE_RENAME, 67, 3, kRoot, "g", VX_F_REPLACED | VX_F_LAST_LINK,
              [](Record& r) {
                  r.rename().old_parent_ino = 2;
                  r.rename().target_ino = 4;
              }),
        event(VX_OP_SYNC, 68, 3, kRoot, "g"),
        event(VX_OP_FILE_DELETE, 69, 3, kRoot, "g", VX_F_LAST_LINK),
    };
    Said rename = said(67, FAN_RENAME, 102, 101, "f");
    rename.dir2 = kRootSaid;
    rename.name2 = "g";
    round.said = {
        said(61, FAN_CREATE | FAN_ONDIR, 101, kRootSaid, "d"),
        said(62, FAN_CREATE, 103, kRootSaid, "g"),
        said(63, FAN_CREATE | FAN_OPEN, 102, 101, "f"),
        said(64, FAN_MODIFY, 102, 101, "f"),
        said(65, FAN_MODIFY, 102, 101, "f"),
        said(66, FAN_CLOSE_WRITE, 102, 101, "f"),
        rename,
        said(67, FAN_MOVED_FROM, 102, 101, "f"),
        said(67, FAN_MOVED_TO, 102, kRootSaid, "g"),
        said(67, FAN_ATTRIB | FAN_DELETE_SELF, 103),
        said(67, FAN_MOVE_SELF, 102),
        said(69, FAN_DELETE, 102, kRootSaid, "g"),
        said(69, FAN_ATTRIB, 102),
        said(69, FAN_DELETE_SELF, 102),
    };
    round.heard = {
        {1, IN_CREATE, "d"},     {1, IN_CREATE, "g"},      {2, IN_CREATE, "f"},
        {2, IN_OPEN, "f"},       {2, IN_MODIFY, "f"},      {2, IN_CLOSE_WRITE, "f"},
        {2, IN_MOVED_FROM, "f"}, {1, IN_MOVED_TO, "g"},    {1, IN_DELETE, "g"},
    };
    return round;
}

std::uint64_t differences(const Round& round) {
    Judge judge(kRoot, kRootSaid, {});
    Differences found;
    judge.round(round, found);
    return found.count();
}

struct Doctored {
    const char* what;
    std::function<void(Round&)> spoil;
};

const Doctored kDoctored[] = {
    {"an open that VexFS does not tell", [](Round& r) { r.events.erase(r.events.begin() + 3); }},
    {"a write that VexFS tells twice",
     [](Round& r) { r.events.insert(r.events.begin() + 4, Event(r.events[4])); }},
    {"two writes in the wrong order", [](Round& r) { std::swap(r.events[4], r.events[5]); }},
    {"two names in the wrong order", [](Round& r) { std::swap(r.said[0], r.said[1]); }},
    {"another inode",
     [](Round& r) { r.events[4] = event(VX_OP_FILE_WRITE, 64, 4, 2, "f"); }},
    {"another directory",
     [](Round& r) { r.events[4] = event(VX_OP_FILE_WRITE, 64, 3, kRoot, "f"); }},
    {"another name", [](Round& r) { r.events[4] = event(VX_OP_FILE_WRITE, 64, 3, 2, "x"); }},
    {"another thread", [](Round& r) { r.events[4] = event(VX_OP_FILE_WRITE, 70, 3, 2, "f"); }},
    {"a close without its write",
     [](Round& r) { r.events[6] = event(VX_OP_FILE_CLOSE, 66, 3, 2, "f"); }},
    {"a last name that is not said to be",
     [](Round& r) { r.events[9] = event(VX_OP_FILE_DELETE, 69, 3, kRoot, "g"); }},
    {"a write that fanotify does not tell", [](Round& r) { r.said.erase(r.said.begin() + 4); }},
    {"a write that fanotify tells twice", [](Round& r) { r.said.push_back(r.said[4]); }},
    {"another file handle", [](Round& r) { r.said[3].object = 103; }},
    {"a file handle that nobody knows", [](Round& r) { r.said[3].object = 200; }},
    {"one bit more", [](Round& r) { r.said[3].bits |= FAN_ATTRIB; }},
    {"one bit less", [](Round& r) { r.said[2].bits = FAN_CREATE; }},
    {"another new name", [](Round& r) { r.said[6].name2 = "h"; }},
    {"the end of an object that lives", [](Round& r) { r.said[13].object = 101; }},
    {"no end of one that is gone", [](Round& r) { r.said.pop_back(); }},
    {"a close that inotify does not tell", [](Round& r) { r.heard.erase(r.heard.begin() + 5); }},
    {"a close that inotify tells twice",
     [](Round& r) { r.heard.insert(r.heard.begin() + 5, Heard(r.heard[5])); }},
    {"two events of inotify in the wrong order",
     [](Round& r) { std::swap(r.heard[3], r.heard[4]); }},
    {"another name at inotify", [](Round& r) { r.heard[7].name = "h"; }},
};

}  // namespace

TEST_CASE("vx_oracle's judge accepts accounts that agree") {
    CHECK(differences(right()) == 0);
    CHECK(differences({}) == 0);
}

TEST_CASE("vx_oracle's judge knows that successive equal events are joined") {
    Round round = right();
    round.heard.insert(round.heard.begin() + 4, Heard(round.heard[4]));
    CHECK(differences(round) == 0);  // both writes
    round.heard.insert(round.heard.begin() + 4, Heard(round.heard[4]));
    CHECK(differences(round) > 0);  // one more than there were
}

TEST_CASE("vx_oracle's judge rejects accounts in which one thing is wrong") {
    for (const Doctored& it : kDoctored) {
        Round round = right();
        it.spoil(round);
        INFO(it.what);
        CHECK(differences(round) > 0);
    }
}
