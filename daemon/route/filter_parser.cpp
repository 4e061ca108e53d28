// SPDX-License-Identifier: Apache-2.0
#include "route/filter_parser.hpp"

#include <fmt/format.h>

#include <array>

#include "route/text.hpp"

namespace vexfs::route {

namespace {

using Field = Filter::Field;
using Compare = Filter::Compare;

constexpr auto kFields = std::to_array<std::pair<std::string_view, Field>>({
    {"op", Field::op},
    {"uop", Field::uop},
    {"boundary", Field::boundary},
    {"flag", Field::flag},
    {"path", Field::path},
    {"name", Field::name},
    {"comm", Field::comm},
    {"object", Field::object},
    {"seq", Field::seq},
    {"pid", Field::pid},
    {"tid", Field::tid},
    {"uid", Field::uid},
    {"gid", Field::gid},
    {"owner_uid", Field::owner_uid},
    {"owner_gid", Field::owner_gid},
    {"fsid", Field::fsid},
    {"ino", Field::ino},
    {"parent_ino", Field::parent_ino},
    {"size", Field::size},
    {"offset", Field::offset},
    {"length", Field::length},
    {"duration_ns", Field::duration_ns},
    {"nlink", Field::nlink},
    {"mode", Field::mode},
    {"error", Field::error},
});

bool is_text(Field field) {
    return field == Field::path || field == Field::name || field == Field::comm;
}

bool word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::string Filter::field_names() {
    std::string names;
    for (const auto& [name, field] : kFields) {
        names += names.empty() ? "" : " ";
        names += name;
    }
    return names;
}

Result<Filter> FilterParser::parse() {
    if (text_.size() > Filter::kTextMax) {
        return Status::error(EINVAL, fmt::format("filter: longer than {} bytes", Filter::kTextMax));
    }
    skip_spaces();
    if (at_ == text_.size()) {
        return Filter();
    }
    const Index root = expression(0);
    if (root && at_ < text_.size()) {
        fail(at_, "expected \"and\", \"or\" or the end");
    }
    if (!error_.empty() || !root) {
        return error();
    }
    filter_.root_ = *root;
    return std::move(filter_);
}

FilterParser::Index FilterParser::expression(unsigned depth) {
    Index left = term(depth);
    while (left && sign() == Sign::either) {
        take(text_[at_] == '|' ? "||" : "or");
        const Index right = term(depth);
        left = right ? join(Filter::Kind::either, *left, *right) : std::nullopt;
    }
    return left;
}

FilterParser::Index FilterParser::term(unsigned depth) {
    Index left = factor(depth);
    while (left && sign() == Sign::both) {
        take(text_[at_] == '&' ? "&&" : "and");
        const Index right = factor(depth);
        left = right ? join(Filter::Kind::both, *left, *right) : std::nullopt;
    }
    return left;
}

FilterParser::Index FilterParser::factor(unsigned depth) {
    if (depth == Filter::kDepthMax) {
        return fail(at_, fmt::format("nested deeper than {}", Filter::kDepthMax));
    }
    if (sign() == Sign::negation) {
        take(text_[at_] == '!' ? "!" : "not");
        const Index inner = factor(depth + 1);
        return inner ? join(Filter::Kind::negation, *inner, 0) : std::nullopt;
    }
    const std::size_t open = at_;
    if (!take("(")) {
        return test();
    }
    const Index inner = expression(depth + 1);
    if (inner && !take(")")) {
        return fail(at_, fmt::format("expected \")\" for the \"(\" in column {}", open + 1));
    }
    return inner;
}

FilterParser::Index FilterParser::test() {
    const std::size_t field_at = at_;
    std::size_t end = at_;
    while (end < text_.size() && word_char(text_[end])) {
        ++end;
    }
    const std::string_view name = text_.substr(at_, end - at_);
    if (name.empty()) {
        return fail(at_,
                    at_ == text_.size() ? "it ends here, expected a field" : "expected a field");
    }
    Node node;
    bool known = false;
    for (const auto& [field_name, field] : kFields) {
        if (name == field_name) {
            node.field = field;
            known = true;
        }
    }
    if (!known) {
        return fail(field_at,
                    fmt::format("no field \"{}\"; there are: {}", name, Filter::field_names()));
    }
    at_ = end;
    skip_spaces();
    const std::size_t operator_at = at_;
    const std::optional<Compare> compare = comparison();
    if (!compare) {
        return std::nullopt;
    }
    node.compare = *compare;
    if (*compare >= Compare::glob && *compare < Compare::less && !is_text(node.field)) {
        const bool glob = *compare == Compare::glob || *compare == Compare::not_glob;
        return fail(operator_at, fmt::format("{} is for path, name and comm, not for {}",
                                             glob ? "~" : "=~", name));
    }
    if (*compare >= Compare::less && node.field <= Field::object) {
        return fail(operator_at, fmt::format("{} has no order", name));
    }
    if (!values(node, field_at)) {
        return std::nullopt;
    }
    filter_.nodes_.push_back(std::move(node));
    return static_cast<std::uint32_t>(filter_.nodes_.size() - 1);
}

std::optional<Filter::Compare> FilterParser::comparison() {
    constexpr auto kOperators = std::to_array<std::pair<std::string_view, Compare>>({
        {"!=~", Compare::not_regex},
        {"=~", Compare::regex},
        {"!=", Compare::not_equal},
        {"!~", Compare::not_glob},
        {"<=", Compare::at_most},
        {">=", Compare::at_least},
        {"==", Compare::equal},
        {"=", Compare::equal},
        {"~", Compare::glob},
        {"<", Compare::less},
        {">", Compare::more},
    });
    for (const auto& [token, compare] : kOperators) {
        if (text_.substr(at_).starts_with(token)) {
            at_ += token.size();
            skip_spaces();
            return compare;
        }
    }
    return fail(at_, "expected = != ~ !~ =~ !=~ < <= > or >=");
}

bool FilterParser::values(Node& node, std::size_t field_at) {
    do {
        const std::size_t at = at_;
        std::optional<std::string> text = word(" \t\n,)");
        if (!text) {
            return false;
        }
        Filter::Value value;
        value.text = std::move(*text);
        if (!convert(node, at, value)) {
            return false;
        }
        node.values.push_back(std::move(value));
        skip_spaces();
    } while (take(","));
    if (node.values.size() > 1 && node.compare >= Compare::less) {
        fail(field_at, "an order needs one value");
        return false;
    }
    return true;
}

// A word up to one of `stops`, or a quoted string.
std::optional<std::string> FilterParser::word(std::string_view stops) {
    const std::size_t start = at_;
    std::string out;
    if (at_ < text_.size() && text_[at_] == '"') {
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size() &&
                (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\')) {
                ++at_;
            }
            out += text_[at_];
        }
        if (at_ == text_.size()) {
            return fail(start, "this string is not closed");
        }
        ++at_;
        return out;
    }
    while (at_ < text_.size() && stops.find(text_[at_]) == std::string_view::npos) {
        out += text_[at_++];
    }
    if (out.empty()) {
        return fail(start, "expected a value");
    }
    return out;
}

FilterParser::Index FilterParser::join(Filter::Kind kind, std::uint32_t left, std::uint32_t right) {
    Node node;
    node.kind = kind;
    node.left = left;
    node.right = right;
    filter_.nodes_.push_back(std::move(node));
    return static_cast<std::uint32_t>(filter_.nodes_.size() - 1);
}

FilterParser::Sign FilterParser::sign() {
    const std::string_view rest = text_.substr(at_);
    const auto is = [&](std::string_view keyword) {
        return rest.starts_with(keyword) &&
               (rest.size() == keyword.size() || !word_char(rest[keyword.size()]));
    };
    if (rest.starts_with("&&") || is("and")) {
        return Sign::both;
    }
    if (rest.starts_with("||") || is("or")) {
        return Sign::either;
    }
    return rest.starts_with("!") || is("not") ? Sign::negation : Sign::none;
}

bool FilterParser::take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) {
        return false;
    }
    at_ += token.size();
    skip_spaces();
    return true;
}

void FilterParser::skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) {
        ++at_;
    }
}

std::nullopt_t FilterParser::fail(std::size_t at, std::string why) {
    if (error_.empty()) {
        error_at_ = at;
        error_ = std::move(why);
    }
    return std::nullopt;
}

Status FilterParser::error() const {
    std::string shown;
    append_printable(text_, shown);
    // The column of the text as it is shown: what was escaped in front takes more room.
    std::string before;
    append_printable(text_.substr(0, error_at_), before);
    return Status::error(EINVAL, fmt::format("filter, column {}: {}\n  {}\n  {:>{}}", error_at_ + 1,
                                             error_, shown, "^", before.size() + 1));
}

}  // namespace vexfs::route
