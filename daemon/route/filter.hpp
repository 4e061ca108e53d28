// SPDX-License-Identifier: Apache-2.0
// Filter: which events a reader wants, as an expression that people type.
//
//   op=FileCreate,FileRename and path~/home/**/*.txt
//   uid=1000 and not comm=git
//   (size>=10M or flag=exec) and pid!=4711
//   path=~"\.(c|h)$" and object!=1122334455667788:12:1
//
//   expression := term { "or" term }           term  := factor { "and" factor }
//   factor     := "not" factor | "(" expression ")" | test
//   test       := field operator value { "," value }          any of the values will do
//   operator   := = != ~ !~ =~ !=~ < <= > >=     on text fields: ~ is a glob, =~ an expression
//
// "&&", "||" and "!" mean and, or, not. A value is a word without spaces, commas and parentheses,
// or a string in double quotes with \" and \\. Numbers may end in K, M, G (1024); mode is octal.
// Glob: * and ? stay within one name, ** crosses '/', [a-z] and [!a-z], \ takes the next literally.
// Regular expression: RE2's syntax, found anywhere in the text (^ and $ bind it to its ends), in
// UTF-8; . is any character, also a newline, but no byte that is not UTF-8 (that is \C).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vexfs/event.hpp"
#include "vexfs/status.hpp"

namespace re2 {
class RE2;
}

namespace vexfs::route {

class Filter {
  public:
    // Lets everything pass.
    Filter() = default;

    // EINVAL: the message has the text and a line with ^ below the place that is wrong.
    static Result<Filter> parse(std::string_view text);

    // Limits of one filter.
    static constexpr std::size_t kTextMax = 4096;                       // bytes
    static constexpr unsigned kDepthMax = 64;                           // of parentheses and `not`
    static constexpr std::size_t kRegexTextMax = 1024;                  // bytes of one expression
    static constexpr unsigned kRegexMax = 32;                           // expressions
    static constexpr std::size_t kRegexMemory = std::size_t{1} << 20U;  // bytes of each, compiled

    // Does not allocate, but for the states of a regular expression, within kRegexMemory.
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
        object,
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
        regex,
        not_regex,
        less,
        at_most,
        more,
        at_least
    };

  private:
    friend class FilterParser;

    struct Value {
        std::uint64_t number = 0;  // object: the ino
        std::string text;
        std::shared_ptr<const re2::RE2> regex{};
        std::uint64_t fsid = 0;  // object
        std::uint32_t gen = 0;   // object
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
    static bool fits(const Node& node, const Value& value, const EventView& event);

    std::vector<Node> nodes_;
    std::uint32_t root_ = 0;
};

}  // namespace vexfs::route
