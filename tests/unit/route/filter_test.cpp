// SPDX-License-Identifier: Apache-2.0
#include "route/filter.hpp"

#include "route/glob.hpp"
#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test
using route::Filter;
using test::Record;

namespace {

bool matches(std::string_view text, const EventView& event) {
    const auto filter = Filter::parse(text);
    INFO(text << (filter ? "" : "\n" + filter.status().message()));
    REQUIRE(filter.ok());
    return filter->matches(event);
}

std::string error_of(std::string_view text) {
    const auto filter = Filter::parse(text);
    INFO(text);
    REQUIRE_FALSE(filter.ok());
    CHECK(filter.status().code() == EINVAL);
    return filter.status().message();
}

}  // namespace

TEST_CASE("filter: fields are compared with what the event has") {
    Record record(VX_OP_FILE_RENAME, VX_F_EXCHANGE);
    record.names("b.txt", "a.txt");
    record->pid = 100;
    record->uid = 1000;
    record->size = 10 << 20;
    record->error = -EACCES;
    record->duration_ns = 5000;
    record->fsid = 0xabc;
    record->ino = 12;
    record->gen = 3;
    std::memcpy(record->comm, "git", 3);
    EventView event = record.view(5, "/w/dir/b.txt");
    event.old_path = "/w/a.txt";
    event.ops = translate::operations(record.event());
    for (const char* yes : {"",
                            "  ",
                            "op=FileRename",
                            "op=filerename",
                            "op=FileCreate,FileRename",
                            "pid=100",
                            "pid!=99,98",
                            "uid>=1000",
                            "uid<1001",
                            "size>9M",
                            "size<=10M",
                            "size=10240K",
                            "duration_ns>=5000",
                            "comm=git",
                            "comm~g*",
                            "comm!=vim",
                            "name=b.txt",
                            "path=/w/dir/b.txt",
                            "path=/w/a.txt",
                            "path~/w/**",
                            "path~/w/*.txt",
                            "path~**/b.*",
                            "path!~/x/**",
                            "flag=exchange",
                            "flag!=replaced",
                            "not flag=duplicate",
                            "boundary=kernel",
                            "error=EACCES",
                            "error=13",
                            "error=-13",
                            "error!=0",
                            "mode=644",
                            "mode=0644",
                            "fsid=abc",
                            "fsid=0xABC",
                            "uop=GraphNodeQuery",
                            "seq>4",
                            "pid=100 and uid=1000",
                            "pid=1 or uid=1000",
                            "not pid=1",
                            "!pid=1",
                            "!(pid=1 || pid=2) && comm=git",
                            "((pid = 100))",
                            "pid=1 or pid=100 and uid=1000",
                            "comm=\"git\"",
                            "path=~b.txt",
                            "path=~^/w/a",
                            "path=~\\.txt$",
                            "path!=~\\.c$",
                            "path=~\"/(dir|other)/b\"",
                            "name=~^B,^b",
                            "comm=~\"(?i)GIT\"",
                            "comm =~ g.t",
                            "object=abc:12:3",
                            "object=abc:12:3,abc:1:1",
                            "object!=abc:12:4",
                            "object!=abd:12:3"}) {
        INFO(yes);
        CHECK(matches(yes, event));
    }
    for (const char* no : {"op=FileCreate",     "op!=FileRename",
                           "pid!=100,1",        "uid>1000",
                           "size>10M",          "comm=gi",
                           "path~/v/*",         "path!~/w/**",
                           "path=~^w",          "path!=~txt",
                           "comm=~^it",         "object=abc:12:4",
                           "object!=abc:12:3",  "object=0:12:3",
                           "name=~a.txt",       "flag=exec",
                           "boundary=fuse",     "error=0",
                           "pid=100 and uid=1", "not pid=100",
                           "not not pid=1",     "(pid=1 or pid=2) and uid=1000",
                           "uop=VectorEmbed",   "name~*.c"}) {
        INFO(no);
        CHECK_FALSE(matches(no, event));
    }
    EventView duplicate = event;
    duplicate.duplicate = true;
    CHECK(matches("flag=duplicate and flag=exchange", duplicate));
}

TEST_CASE("filter: an operation that a program pushed is found by its own name only") {
    const test::PushedRecord pushed(VX_UOP_VECTOR_SEARCH, Record(VX_OP_FILE_READ));
    EventView event;
    event.record = &pushed.record();
    event.ops.push({VX_UOP_VECTOR_SEARCH, Subject::object, Detail::none});
    CHECK(matches("op=VectorSearch", event));
    CHECK_FALSE(matches("op=FileRead", event));
    CHECK(matches("uop=VectorSearch", event));
}

TEST_CASE("filter: an object is found as what is moved, and as what a rename took the name of") {
    Record record(VX_OP_FILE_RENAME, VX_F_REPLACED);
    record->fsid = 7;
    record->ino = 12;
    record->gen = 3;
    record.rename().target_ino = 99;
    record.rename().target_gen = 4;
    CHECK(matches("object=7:12:3", record.view()));
    CHECK(matches("object=7:99:4", record.view()));
    CHECK_FALSE(matches("object=7:99:3", record.view()));
    record->flags = 0;
    CHECK_FALSE(matches("object=7:99:4", record.view()));
}

TEST_CASE("filter: a regular expression sees every byte of a name") {
    const Record record(VX_OP_FILE_CREATE);
    CHECK(matches("path=~a.b$", record.view(1, "/w/a\nb")));
    CHECK(matches("path=~caf\u00e9", record.view(1, "/w/caf\u00e9")));
    CHECK(matches("path=~caf.$", record.view(1, "/w/caf\u00e9")));
    CHECK(matches("path=~caf\\C$", record.view(1, "/w/caf\xe9")));
    CHECK(matches("path=~caf", record.view(1, "/w/caf\xe9")));
    CHECK_FALSE(matches("path=~x", record.view(1, "")));
}

TEST_CASE("filter: a regular expression takes bounded time and memory, whatever it is") {
    const Record record(VX_OP_FILE_CREATE);
    const std::string path = "/" + std::string(60'000, 'a');
    CHECK_FALSE(matches("path=~\"(a*)*(a|aa)+b\"", record.view(1, path)));
    // More states than the memory that it has.
    CHECK_FALSE(matches("path=~\"(a|b)*a(a|b){9}c\"", record.view(1, path)));
    CHECK(error_of("path=~\"((a{100}){100}){100}\"").find("wrong") != std::string::npos);
    CHECK(error_of("path=~\"(x{900}y{900}){90}\"").find("wrong") != std::string::npos);
    CHECK(error_of("path=~" + std::string(1025, 'x')).find("longer than 1024") !=
          std::string::npos);
    CHECK(matches("path!=~" + std::string(1024, 'x'), record.view()));
    std::string many = "path=~a";
    for (int i = 0; i < 31; ++i) {
        many += ",a";
    }
    CHECK_FALSE(matches(many, record.view(1, "/x")));
    CHECK(error_of(many + ",a").find("more than 32") != std::string::npos);
}

TEST_CASE("filter: values in quotes may hold anything") {
    Record record(VX_OP_FILE_CREATE);
    CHECK(matches("path=\"/w/a b, (c) \\\"d\\\" \\\\e\"", record.view(1, "/w/a b, (c) \"d\" \\e")));
}

TEST_CASE("filter: errors name what is wrong and point at the column") {
    const auto points_at = [](std::string_view text, std::size_t column, std::string_view why) {
        const std::string message = error_of(text);
        INFO(message);
        CHECK(message.find("column " + std::to_string(column) + ":") != std::string::npos);
        CHECK(message.find(why) != std::string::npos);
        // The ^ stands two columns of indentation further.
        const std::size_t last = message.rfind('\n');
        CHECK(message.size() - last - 1 == column + 2);
        CHECK(message.back() == '^');
    };
    points_at("op=FileCreat", 4, "no operation \"FileCreat\"");
    points_at("op=FileCreate,FileX", 15, "FileX");
    points_at("foo=1", 1, "no field \"foo\"");
    points_at("pid", 4, "expected =");
    points_at("pid=", 5, "expected a value");
    points_at("pid=12x", 5, "not a number");
    points_at("pid=100and uid=1000", 5, "not a number");
    points_at("pid=99999999999999999999", 5, "not a number");
    points_at("size=17179869184G", 6, "not a number");
    points_at("pid=1 uid=2", 7, "expected \"and\"");
    points_at("pid=1 and", 10, "expected a field");
    points_at("(pid=1", 7, "expected \")\"");
    points_at("pid=1)", 6, "expected \"and\"");
    points_at("op~File*", 3, "~ is for path");
    points_at("op=~File", 3, "=~ is for path");
    points_at("path=~[a", 7, "missing ]");
    points_at("path=~a,*b", 9, "no argument for repetition");
    points_at("path=~(a|b)", 7, "in double quotes");
    points_at("path!=~\"(x)\\1\"", 8, "wrong");
    points_at("path=~\xff", 7, "UTF-8");
    points_at("object=12", 8, "FSID:INO:GEN");
    points_at("object=1:2:3:4", 8, "FSID:INO:GEN");
    points_at("object=1:2:", 8, "FSID:INO:GEN");
    points_at("object=1:2:4294967296", 8, "FSID:INO:GEN");
    points_at("object=1:x2:4", 8, "FSID:INO:GEN");
    points_at("object<1:2:3", 7, "no order");
    points_at("object~1", 7, "~ is for path");
    points_at("comm<x", 5, "no order");
    points_at("pid<1,2", 1, "one value");
    points_at("comm=\"x", 6, "not closed");
    points_at("path~/a/[b", 6, "glob");
    points_at("flag=executable", 6, "no flag");
    points_at("mode=9", 6, "octal");
    points_at("error=EFOO", 7, "not a number");
}

TEST_CASE("filter: depth and length are limited") {
    const std::string deep = std::string(100, '(') + "pid=1" + std::string(100, ')');
    CHECK(error_of(deep).find("nested deeper") != std::string::npos);
    std::string nots;
    for (int i = 0; i < 100; ++i) {
        nots += "not ";
    }
    CHECK(error_of(nots + "pid=1").find("nested deeper") != std::string::npos);
    CHECK(error_of("path=" + std::string(5000, 'x')).find("longer than") != std::string::npos);
    std::string chain = "pid=0";
    while (chain.size() < 4000) {
        chain += " or pid=1";
    }
    Record record(VX_OP_FILE_CREATE);
    record->pid = 1;
    CHECK(matches(chain, record.view()));
}

TEST_CASE("filter: whatever is typed, the parser ends and does not fail otherwise") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    test::RandomRecords random(seed);
    const std::string_view words[] = {"op", "pid", "path", "=",      "!=", "~",        "<",    "(",
                                      ")",  "and", "or",   "not",    "1",  ",",        "\"",   "!",
                                      " ",  "[a",  "**",   "K",      "\\", "FileOpen", "\xff", "&&",
                                      "||", "=~",  "!=~",  "object", ":",  "(?i)",     "{9}",  "$"};
    for (int i = 0; i < 20'000; ++i) {
        std::string text;
        for (unsigned n = random.below(12); n > 0; --n) {
            text += words[random.below(std::size(words))];
        }
        const auto filter = Filter::parse(text);
        if (filter) {
            (void)filter->matches(Record(VX_OP_FILE_OPEN).view());
        } else {
            REQUIRE(filter.status().message().find("column") != std::string::npos);
        }
    }
}

TEST_CASE("glob: stars stay within a name, double stars do not") {
    using route::glob_match;
    const auto yes = [](std::string_view pattern, std::string_view text) {
        INFO(pattern << " on " << text);
        CHECK(glob_match(pattern, text));
    };
    const auto no = [](std::string_view pattern, std::string_view text) {
        INFO(pattern << " on " << text);
        CHECK_FALSE(glob_match(pattern, text));
    };
    yes("", "");
    no("", "a");
    yes("*", "");
    yes("*", "abc");
    no("*", "a/b");
    yes("**", "a/b/c");
    yes("/a/*/c", "/a/b/c");
    no("/a/*/c", "/a/b/b/c");
    yes("/a/**/c", "/a/b/b/c");
    yes("/a/**/c", "/a/c");
    no("/a/**/c", "/a/xc");
    yes("/a/**", "/a/b");
    no("/a/**", "/a");
    yes("**/*.txt", "a/b/c.txt");
    yes("**/*.txt", "c.txt");
    no("**/*.txt", "a/b/c.txt/d");
    yes("**a*b/c", "axx/ab/c");
    yes("a?c", "abc");
    no("a?c", "a/c");
    yes("[a-c]x", "bx");
    no("[a-c]x", "dx");
    yes("[!a-c]x", "dx");
    no("[!a-c]x", "/x");
    yes("[]a]", "]");
    yes("[a-]", "-");
    yes("\\*", "*");
    no("\\*", "x");
    yes("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaab");
    no("*a*a*a*a*a*a*a*a*b", std::string(2000, 'a'));
    no("**a**a**a**a**a**b", std::string(2000, 'a'));
    CHECK_FALSE(route::glob_valid("[a"));
    CHECK_FALSE(route::glob_valid("a\\"));
    CHECK(route::glob_valid("[]a]*\\["));
}
