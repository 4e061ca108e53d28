// SPDX-License-Identifier: Apache-2.0
// The judge of vx_load: a history that can be, and the same with one thing wrong.
#include "vm/vx_load/model.hpp"

#include <functional>
#include <vector>

#include "support/catch.hpp"
#include "support/records.hpp"

using namespace vexfs;
using namespace vexfs::vm;
using vexfs::test::Record;

namespace {

constexpr std::uint64_t kRoot = 1;

struct Step {
    unsigned op;
    std::uint64_t ino;
    std::uint64_t parent;
    std::string name;
    std::string path;
    std::uint32_t flags = 0;
    std::uint64_t old_parent = 0;  // FileRename
    std::string old_name = {};
    std::string old_path = {};
    std::uint64_t target = 0;
    std::uint32_t cookie = 0;  // exchange
};
using History = std::vector<Step>;

// A directory with a file that gets a second name, is moved with its directory, replaces another
// and loses both names. Then a directory and a file change places, another directory replaces the
// one, and a file without a name is opened. A link is told of behind the deletion of the name that
// it was made from.
History possible() {
    return {
        {VX_OP_DIR_CREATE, 2, kRoot, "d", "/w/d", VX_F_DIRECTORY},
        {VX_OP_FILE_CREATE, 3, 2, "f", "/w/d/f"},
        {VX_OP_FILE_OPEN, 3, 2, "f", "/w/d/f"},
        {VX_OP_HARDLINK_CREATE, 3, kRoot, "g", "/w/g"},
        {VX_OP_FILE_RENAME, 2, kRoot, "e", "/w/e", VX_F_DIRECTORY, kRoot, "d", "/w/d"},
        {VX_OP_FILE_WRITE, 3, 2, "f", "/w/e/f"},
        {VX_OP_FILE_CREATE, 4, kRoot, "h", "/w/h"},
        {VX_OP_FILE_RENAME, 3, kRoot, "h", "/w/h", VX_F_REPLACED | VX_F_LAST_LINK, 2, "f",
         "/w/e/f", 4},
        {VX_OP_FILE_DELETE, 3, kRoot, "g", "/w/g"},
        {VX_OP_FILE_DELETE, 3, kRoot, "h", "/w/h", VX_F_LAST_LINK},
        {VX_OP_DIR_DELETE, 2, kRoot, "e", "/w/e", VX_F_DIRECTORY | VX_F_LAST_LINK},
        {VX_OP_DIR_CREATE, 5, kRoot, "i", "/w/i", VX_F_DIRECTORY},
        {VX_OP_FILE_CREATE, 6, kRoot, "j", "/w/j"},
        {VX_OP_FILE_RENAME, 5, kRoot, "j", "/w/j", VX_F_DIRECTORY | VX_F_EXCHANGE, kRoot, "i",
         "/w/i", 0, 7},
        {VX_OP_FILE_RENAME, 6, kRoot, "i", "/w/i", VX_F_EXCHANGE, kRoot, "j", "/w/j", 0, 7},
        {VX_OP_FILE_CREATE, 7, 5, "k", "/w/j/k"},
        {VX_OP_FILE_DELETE, 7, 5, "k", "/w/j/k", VX_F_LAST_LINK},
        {VX_OP_DIR_CREATE, 8, kRoot, "l", "/w/l", VX_F_DIRECTORY},
        {VX_OP_FILE_RENAME, 8, kRoot, "j", "/w/j",
         VX_F_DIRECTORY | VX_F_REPLACED | VX_F_LAST_LINK, kRoot, "l", "/w/l", 5},
        {VX_OP_DIR_CREATE, 5, kRoot, "m", "/w/m", VX_F_DIRECTORY},
        {VX_OP_FILE_OPEN, 9, kRoot, "", "", VX_F_NO_NAME},
        {VX_OP_FILE_CREATE, 10, kRoot, "n", "/w/n"},
        {VX_OP_FILE_DELETE, 10, kRoot, "n", "/w/n"},
        {VX_OP_HARDLINK_CREATE, 10, kRoot, "o", "/w/o"},
        {VX_OP_FILE_DELETE, 10, kRoot, "o", "/w/o", VX_F_LAST_LINK},
    };
}

// How many of its events cannot be, or say something wrong of an object's last name.
std::size_t mistakes(const History& history) {
    Model model("/w", kRoot);
    std::size_t wrong = 0;
    for (const Step& step : history) {
        Record record(step.op, step.flags);
        record.names(step.name, step.old_name);
        record->ino = step.ino;
        record->parent_ino = step.parent;
        if (step.op == VX_OP_FILE_RENAME) {
            record.rename().old_parent_ino = step.old_parent;
            record.rename().target_ino = step.target;
            record->cookie = step.cookie;
        }
        EventView view = record.view(1, step.path);
        view.old_path = step.old_path;
        wrong += model.apply(view).empty() ? 0 : 1;
    }
    return wrong + model.last_links_wrong().size() + model.halves();
}

struct Doctored {
    const char* what;
    std::function<void(History&)> spoil;
};

const Doctored kDoctored[] = {
    {"a creation is missing", [](History& h) { h.erase(h.begin() + 1); }},
    {"a directory's creation is missing", [](History& h) { h.erase(h.begin()); }},
    {"a link is missing", [](History& h) { h.erase(h.begin() + 3); }},
    {"a rename is missing", [](History& h) { h.erase(h.begin() + 4); }},
    {"a deletion is missing", [](History& h) { h.erase(h.begin() + 8); }},
    {"a creation comes twice", [](History& h) { h.insert(h.begin() + 1, h[1]); }},
    {"a deletion comes twice", [](History& h) { h.insert(h.begin() + 8, h[8]); }},
    {"a rename comes twice", [](History& h) { h.insert(h.begin() + 4, h[4]); }},
    {"a write before the rename of its directory", [](History& h) { std::swap(h[4], h[5]); }},
    {"a rename before its target is there", [](History& h) { std::swap(h[6], h[7]); }},
    {"an open before the creation", [](History& h) { std::swap(h[1], h[2]); }},
    {"another object", [](History& h) { h[5].ino = 9; }},
    {"another object deleted", [](History& h) { h[8].ino = 9; }},
    {"another parent", [](History& h) { h[5].parent = kRoot; }},
    {"another name", [](History& h) { h[5].name = "x"; }},
    {"another path", [](History& h) { h[5].path = "/w/d/f"; }},
    {"another old path", [](History& h) { h[7].old_path = "/w/d/f"; }},
    {"another object replaced", [](History& h) { h[7].target = 9; }},
    {"a replaced object that is not said", [](History& h) { h[7].flags = 0; }},
    {"a replaced object that is not there", [](History& h) { h[4].flags |= VX_F_REPLACED; }},
    {"a last name that is not said to be", [](History& h) { h[9].flags = 0; }},
    {"a name that is not the last, said to be", [](History& h) { h[8].flags = VX_F_LAST_LINK; }},
    {"a link to what is said to be gone", [](History& h) { h[22].flags = VX_F_LAST_LINK; }},
    {"an object that is made anew, of which the end was not said",
     [](History& h) { h[23].op = VX_OP_FILE_CREATE; }},
    {"a link that never comes", [](History& h) { h.resize(23); }},
    {"a replaced object's last name not said", [](History& h) { h[7].flags = VX_F_REPLACED; }},
    {"an exchange of which the first half is missing", [](History& h) { h.erase(h.begin() + 13); }},
    {"an exchange with nothing", [](History& h) { h.erase(h.begin() + 12); }},
    {"an exchange that is not said to be one", [](History& h) { h[13].flags = VX_F_DIRECTORY; }},
    {"the halves of an exchange are the same", [](History& h) { h[14] = h[13]; }},
    {"a path that an exchange has ended", [](History& h) { h[15].path = "/w/i/k"; }},
    {"a name that the object is said not to have", [](History& h) { h[5].flags = VX_F_UNLINKED; }},
};

}  // namespace

TEST_CASE("vx_load's judge accepts a history that can be") {
    CHECK(mistakes(possible()) == 0);
    CHECK(mistakes({}) == 0);
}

TEST_CASE("vx_load's judge rejects a history in which one thing is wrong") {
    for (const Doctored& it : kDoctored) {
        History history = possible();
        it.spoil(history);
        INFO(it.what);
        CHECK(mistakes(history) > 0);
    }
}
