// SPDX-License-Identifier: Apache-2.0
#include "route/text.hpp"

#include "support/catch.hpp"
#include "support/records.hpp"

using namespace vexfs;  // NOLINT: a test
using test::Record;

namespace {

std::string text_of(const EventView& event, std::size_t width = 0) {
    std::string out;
    route::append_text(event, {.width = width, .utc = true}, out);
    return out;
}

Record by_touch(unsigned op, std::uint32_t flags = 0) {
    Record record(op, flags);
    std::memcpy(record->comm, "touch", 5);
    record->pid = 1234;
    return record;
}

}  // namespace

TEST_CASE("text: columns stand where they should") {
    CHECK(text_of(by_touch(VX_OP_FILE_CREATE).view(1, "/w/notes.txt")) ==
          "22:13:20.123  FileCreate      touch[1234]        /w/notes.txt  0644\n");
    Record rename = by_touch(VX_OP_FILE_RENAME, VX_F_REPLACED);
    EventView event = rename.view(1, "/w/b");
    event.old_path = "/w/a";
    CHECK(text_of(event) ==
          "22:13:20.123  FileRename      touch[1234]        /w/a -> /w/b  replaced\n");
    Record write = by_touch(VX_OP_FILE_WRITE);
    write->length = 4096;
    write->offset = 8192;
    CHECK(text_of(write.view(1, "/w/x")) ==
          "22:13:20.123  FileWrite       touch[1234]        /w/x  4096 B at 8192\n");
    Record chmod = by_touch(VX_OP_FILE_CHMOD, VX_F_MODE);
    chmod->error = -EPERM;
    CHECK(text_of(chmod.view(1, "/w/x")) ==
          "22:13:20.123  FileChmod       touch[1234]        /w/x  EPERM\n");
    for (const auto& [ns, shown] :
         {std::pair{870U, "870 ns"}, {12'500U, "12.5 us"}, {3'021'000'000U, "3.021 s"}}) {
        Record open = by_touch(VX_OP_FILE_OPEN);
        open->duration_ns = ns;
        CHECK(text_of(open.view(1, "/w/x")) ==
              "22:13:20.123  FileOpen        touch[1234]        /w/x  " + std::string(shown) +
                  "\n");
    }
}

TEST_CASE("text: an object without a path is shown by what is known of it") {
    Record record = by_touch(VX_OP_FILE_OPEN);
    CHECK(text_of(record.view(1, "")).find("?/name") != std::string::npos);
    record.names("");
    record->ino = 77;
    CHECK(text_of(record.view(1, "")).find("<inode 77>") != std::string::npos);
}

TEST_CASE("text: nothing that a name holds reaches the terminal as a command") {
    std::string out;
    route::append_printable("a\n\t\x1b[31m\x7f\xff\xc2\x9b\\\u00e9", out);
    CHECK(out == "a\\n\\t\\x1b[31m\\x7f\\xff\\xc2\\x9b\\\\\u00e9");
    const std::string line = text_of(by_touch(VX_OP_FILE_CREATE).view(1, "/w/a\nb"));
    CHECK(line.find('\n') == line.size() - 1);
}

TEST_CASE("text: long paths are cut in the middle to the width of the terminal") {
    const std::string path = "/w/" + std::string(200, 'x') + "/name.txt";
    const std::string line = text_of(by_touch(VX_OP_FILE_CREATE).view(1, path), 100);
    CHECK(line.size() == 100 + 1 + 2);  // a newline, and "…" is three bytes
    CHECK(line.find("/name.txt  0644\n") != std::string::npos);
    CHECK(line.find("/w/xxx") != std::string::npos);
    CHECK(text_of(by_touch(VX_OP_FILE_CREATE).view(1, path), 0).find(path) != std::string::npos);
    // Never to nothing, however narrow it is.
    CHECK(text_of(by_touch(VX_OP_FILE_CREATE).view(1, path), 10).size() > 60);
}

TEST_CASE("text: a loss is seen") {
    std::string out;
    route::append_text(Gap{5, 9, 1'700'000'000'123'000'000ULL, 0, GapReason::ring_full, "class D"},
                       {.utc = true}, out);
    CHECK(out == "22:13:20.123  ---- 5 lost (5 to 9): ring_full, class D ----\n");
    out.clear();
    route::append_text(Gap{5, 4, 0, 0, GapReason::stopped, {}}, {}, out);
    CHECK(out == "              ---- not watched for a while: stopped ----\n");
    out.clear();
    route::append_text(Gap{5, 4, 0, 0, GapReason::rebooted, {}}, {}, out);
    CHECK(out == "              ---- not watched for a while: rebooted ----\n");
    out.clear();
    route::append_text(Gap{5, 4, 0, 0, GapReason::probe_missed, "at most 3 calls"}, {}, out);
    CHECK(out == "              ---- some may be missing: probe_missed, at most 3 calls ----\n");
}

TEST_CASE("text: the account of a loss says what and in how many directories") {
    Gap gap{10, 9, 0, 0, GapReason::ring_full, "class M, producer 1"};
    gap.account = true;
    gap.ops = {{VX_OP_DIR_CREATE, 0, 3}, {VX_OP_FILE_RENAME, 0, 2}};
    gap.dirty = {{1, 2, 0, {}}, {1, 3, 0, {}}};
    std::string out;
    route::append_text(gap, {}, out);
    CHECK(out ==
          "              ---- lost: ring_full, class M, producer 1: DirCreate 3, FileRename 2; "
          "in 2 directories ----\n");
    gap.dirty.clear();
    gap.dirty_overflow = true;
    out.clear();
    route::append_text(gap, {}, out);
    CHECK(out.find("FileRename 2; anywhere ----") != std::string::npos);
}
