// SPDX-License-Identifier: Apache-2.0
// What the values of a filter mean: names, numbers, objects, regular expressions.
#include <fmt/format.h>
#include <re2/re2.h>
#include <strings.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "route/filter_parser.hpp"
#include "route/glob.hpp"
#include "vexfs/flags.hpp"

namespace vexfs::route {

namespace {

using Field = Filter::Field;
using Compare = Filter::Compare;

constexpr std::uint64_t kUserOpBit = 1U << 16U;  // `op` of an operation that a program pushed

bool is_named(Field field) {
    return field <= Field::flag;
}
bool is_text(Field field) {
    return field == Field::path || field == Field::name || field == Field::comm;
}

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// The number of `name` in a table of `count` names, or nothing.
template <typename NameOf>
std::optional<std::uint64_t> find_name(std::string_view name, unsigned count, NameOf name_of) {
    for (unsigned i = 0; i < count; ++i) {
        if (same_name(name, name_of(i))) {
            return i;
        }
    }
    return std::nullopt;
}

std::optional<std::uint64_t> find_errno(std::string_view name) {
    for (int err = 1; err < 134; ++err) {
        const char* known = ::strerrorname_np(err);
        if (known != nullptr && same_name(name, known)) {
            return err;
        }
    }
    return std::nullopt;
}

// Takes a whole number off the front of `text`, and the colon behind it, if there is one.
template <typename T>
bool take_number(std::string_view& text, int base, T& number) {
    const char* end = text.data() + text.size();
    const auto [rest, err] = std::from_chars(text.data(), end, number, base);
    const bool colon = rest != end && *rest == ':';
    text = {rest + (colon ? 1 : 0), end};
    return err == std::errc() && (colon || text.empty());
}

}  // namespace

bool FilterParser::convert(const Node& node, std::size_t at, Filter::Value& value) {
    if (node.compare == Compare::regex || node.compare == Compare::not_regex) {
        return compile(at, value);
    }
    if (is_text(node.field)) {
        const bool glob = node.compare == Compare::glob || node.compare == Compare::not_glob;
        if (glob && !glob_valid(value.text)) {
            fail(at, "this glob has a [ without ], or ends with \\");
            return false;
        }
        return true;
    }
    if (node.field == Field::object) {
        return convert_object(at, value);
    }
    return is_named(node.field) ? convert_name(node.field, at, value)
                                : convert_number(node.field, at, value);
}

bool FilterParser::convert_name(Field field, std::size_t at, Filter::Value& value) {
    std::optional<std::uint64_t> number;
    std::string_view what;
    const std::string_view name = value.text;
    if (field == Field::boundary) {
        what = "boundary";
        number = find_name(name, kBoundaries,
                           [](unsigned i) { return boundary_name(static_cast<Boundary>(i)); });
    } else if (field == Field::flag) {
        what = "flag";
        number = find_name(name, 32, flag_name);
    } else {
        what = field == Field::op ? "operation" : "userspace operation";
        number = find_name(name, VX_UOP_COUNT, vx_uop_name);
        if (field == Field::op) {
            number = number ? std::optional(*number | kUserOpBit)
                            : find_name(name, VX_OP_COUNT, vx_op_name);
        }
    }
    if (!number) {
        fail(at, fmt::format("there is no {} \"{}\"", what, name));
        return false;
    }
    value.number = *number;
    return true;
}

bool FilterParser::convert_number(Field field, std::size_t at, Filter::Value& value) {
    std::string_view digits = value.text;
    if (field == Field::error && digits.starts_with('-')) {
        digits.remove_prefix(1);
    }
    if (const auto err = field == Field::error ? find_errno(digits) : std::nullopt) {
        value.number = *err;
        return true;
    }
    int base = field == Field::mode ? 8 : field == Field::fsid ? 16 : 10;
    if (digits.starts_with("0x")) {
        digits.remove_prefix(2);
        base = 16;
    }
    const char* end = digits.data() + digits.size();
    const auto [rest, err] = std::from_chars(digits.data(), end, value.number, base);
    const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
    const unsigned shift = unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : 0;
    const bool unit_ok = unit.empty() || (shift != 0 && base == 10);
    if (err != std::errc() || !unit_ok || value.number > (~std::uint64_t{0} >> shift)) {
        fail(at, fmt::format("\"{}\" is not {}", value.text,
                             base == 8    ? "an octal number"
                             : base == 16 ? "a hexadecimal number"
                                          : "a number (K, M and G may follow)"));
        return false;
    }
    value.number <<= shift;
    return true;
}

bool FilterParser::convert_object(std::size_t at, Filter::Value& value) {
    std::string_view rest = value.text;
    if (std::count(rest.begin(), rest.end(), ':') == 2 && !rest.ends_with(':') &&
        take_number(rest, 16, value.fsid) && take_number(rest, 10, value.number) &&
        take_number(rest, 10, value.gen)) {
        return true;
    }
    fail(at, fmt::format("\"{}\" is not an object: FSID:INO:GEN, fsid hexadecimal, as in "
                         "1122334455667788:12:1",
                         value.text));
    return false;
}

bool FilterParser::compile(std::size_t at, Filter::Value& value) {
    if (value.text.size() > Filter::kRegexTextMax) {
        fail(at, fmt::format("this expression is longer than {} bytes", Filter::kRegexTextMax));
        return false;
    }
    if (++regexes_ > Filter::kRegexMax) {
        fail(at, fmt::format("more than {} regular expressions", Filter::kRegexMax));
        return false;
    }
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true);  // a newline in a name must not hide it
    options.set_max_mem(static_cast<std::int64_t>(Filter::kRegexMemory));
    auto regex = std::make_shared<const re2::RE2>(value.text, options);
    if (!regex->ok()) {
        // A word ends at a space, a comma or a ).
        const bool quoted = text_[at] == '"';
        fail(at, fmt::format("this regular expression is wrong: {}{}", regex->error(),
                             quoted ? "" : " (one with a space, a comma or a ) stands in double "
                                           "quotes)"));
        return false;
    }
    value.regex = std::move(regex);
    return true;
}

}  // namespace vexfs::route
