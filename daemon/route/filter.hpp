// SPDX-License-Identifier: Apache-2.0
// Filter: which events a reader wants, as an expression that people type.
//
//   op=FileCreate,FileRename and path~/home/**/*.txt
//   uid=1000 and not comm=git
//   (size>=10M or flag=exec) and pid!=4711
//
//   expression := term { "or" term }           term  := factor { "and" factor }
//   factor     := "not" factor | "(" expression ")" | test
//   test       := field operator value { "," value }          any of the values will do
//   operator   := = != ~ !~ < <= > >=                         ~ is a glob, on text fields
//
// "&&", "||" and "!" mean and, or, not. A value is a word without spaces, commas and parentheses,
// or a string in double quotes with \" and \\. Numbers may end in K, M, G (1024); mode is octal.
// Glob: * and ? stay within one name, ** crosses '/', [a-z] and [!a-z], \ takes the next literally.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vexfs/event.hpp"
#include "vexfs/status.hpp"

namespace vexfs::route {

class Filter {
  public:
    // Lets everything pass.
    Filter() = default;

    // EINVAL: the message has the text and a line with ^ below the place that is wrong.
    static Result<Filter> parse(std::string_view text);

    // Does not allocate.
    [[nodiscard]] bool matches(const EventView& event) const;
    [[nodiscard]] bool empty() const { return nodes_.empty(); }

    // The names of the fields, for --help.
    static std::string field_names();

    enum class Field : std::uint8_t {
        op,
        uop,
        boundary,
        flag,
        path,
        name,
        comm,
        seq,
        pid,
        tid,
        uid,
        gid,
        owner_uid,
        owner_gid,
        fsid,
        ino,
        parent_ino,
        size,
        offset,
        length,
        duration_ns,
        nlink,
        mode,
        error,
    };
    enum class Compare : std::uint8_t {
        equal,
        not_equal,
        glob,
        not_glob,
        less,
        at_most,
        more,
        at_least
    };

  private:
    friend class FilterParser;

    struct Value {
        std::uint64_t number = 0;
        std::string text;
    };
    enum class Kind : std::uint8_t { test, both, either, negation };
    struct Node {
        Kind kind = Kind::test;
        Field field = Field::op;
        Compare compare = Compare::equal;
        std::uint32_t left = 0;  // children: both, either; negation has only the left one
        std::uint32_t right = 0;
        std::vector<Value> values;
    };

    [[nodiscard]] bool eval(std::uint32_t node, const EventView& event) const;
    static bool test(const Node& node, const EventView& event);

    std::vector<Node> nodes_;
    std::uint32_t root_ = 0;
};

}  // namespace vexfs::route
