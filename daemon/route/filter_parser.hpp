// SPDX-License-Identifier: Apache-2.0
// FilterParser: from the text of a filter to its nodes. Recursive descent over the grammar in
// filter.hpp; depth and length are limited. What values mean is in filter_values.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "route/filter.hpp"

namespace vexfs::route {

class FilterParser {
  public:
    explicit FilterParser(std::string_view text) : text_(text) {}
    Result<Filter> parse();

  private:
    using Node = Filter::Node;
    using Index = std::optional<std::uint32_t>;  // nothing: failed, and error_ says why

    enum class Sign : std::uint8_t { none, both, either, negation };

    Index expression(unsigned depth);
    Index term(unsigned depth);
    Index factor(unsigned depth);
    Index test();
    std::optional<Filter::Compare> comparison();
    bool values(Node& node, std::size_t field_at);
    std::optional<std::string> word(std::string_view stops);
    bool convert(const Node& node, std::size_t at, Filter::Value& value);
    bool convert_name(Filter::Field field, std::size_t at, Filter::Value& value);
    bool convert_number(Filter::Field field, std::size_t at, Filter::Value& value);
    bool convert_object(std::size_t at, Filter::Value& value);
    bool compile(std::size_t at, Filter::Value& value);

    Index join(Filter::Kind kind, std::uint32_t left, std::uint32_t right);
    Sign sign();  // looks at what comes, takes nothing
    bool take(std::string_view token);
    void skip_spaces();
    std::nullopt_t fail(std::size_t at, std::string why);
    [[nodiscard]] Status error() const;

    std::string_view text_;
    std::size_t at_ = 0;
    Filter filter_;
    unsigned regexes_ = 0;
    std::size_t error_at_ = 0;
    std::string error_;
};

}  // namespace vexfs::route
