// SPDX-License-Identifier: Apache-2.0
#include "config/name_list.hpp"

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <iterator>
#include <optional>
#include <vector>

#include "abi/ioctl.h"
#include "op_table.h"

namespace vexfs {
namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

struct NamedSet {
    const char* name;
    std::uint64_t bits;
};

// What a list may contain: `count` operations with the names that name_of gives, and some sets.
struct Vocabulary {
    const char* kind;  // "operation"
    unsigned count;
    const char* (*name_of)(unsigned);
    std::vector<NamedSet> sets;

    [[nodiscard]] std::optional<std::uint64_t> find(std::string_view word) const {
        const std::string wanted = lower(word);
        for (const NamedSet& set : sets) {
            if (wanted == set.name) {
                return set.bits;
            }
        }
        for (unsigned i = 0; i < count; ++i) {
            if (wanted == lower(name_of(i))) {
                return std::uint64_t{1} << i;
            }
        }
        return std::nullopt;
    }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (unsigned i = 0; i < count; ++i) {
            result.emplace_back(name_of(i));
        }
        for (const NamedSet& set : sets) {
            result.emplace_back(set.name);
        }
        return result;
    }
};

const Vocabulary& kernel_words() {
    static const Vocabulary words{
        "operation",
        VX_OP_COUNT,
        vx_op_name,
        {{"all", VX_OPS_ALL}, {"default", VX_OPS_DEFAULT}, {"none", 0}}};
    return words;
}

const char* detail_name(unsigned detail) {
    static constexpr const char* kNames[] = {"failed", "range", "duration"};
    static_assert((1U << std::size(kNames)) - 1 == VX_DETAIL_ALL, "a detail has no name here");
    return kNames[detail];
}

const Vocabulary& detail_words() {
    static const Vocabulary words{"detail", std::bit_width(VX_DETAIL_ALL), detail_name,
                                  {{"all", VX_DETAIL_ALL}, {"none", 0}}};
    return words;
}

const Vocabulary& user_words() {
    static const Vocabulary words{
        "operation", VX_UOP_COUNT, vx_uop_name, {{"all", (1ULL << VX_UOP_COUNT) - 1}, {"none", 0}}};
    return words;
}

Status unknown_word(std::string_view word, const Vocabulary& words) {
    const auto names = words.names();
    const std::string close = closest_name(word, names);
    std::string message =
        "there is no " + std::string(words.kind) + " \"" + std::string(word) + "\"";
    if (!close.empty()) {
        return Status::error(EINVAL, message + "; did you mean " + close + "?");
    }
    message += "; known are ";
    for (const std::string& name : names) {
        message += name + (&name == &names.back() ? "" : ", ");
    }
    return Status::error(EINVAL, message);
}

Result<std::uint64_t> parse_list(std::string_view list, const Vocabulary& words) {
    std::uint64_t bits = 0;
    for (std::size_t begin = 0; begin <= list.size();) {
        const std::size_t end = std::min(list.find(',', begin), list.size());
        std::string_view word = trim(list.substr(begin, end - begin));
        const bool remove = word.starts_with('-');
        if (remove) {
            word.remove_prefix(1);
        }
        if (word.empty()) {
            return Status::error(EINVAL, "a name is missing in the list \"" + std::string(list) +
                                             "\"");
        }
        const auto found = words.find(word);
        if (!found) {
            return unknown_word(word, words);
        }
        bits = remove ? bits & ~*found : bits | *found;
        begin = end + 1;
    }
    return bits;
}

std::string format_list(std::uint64_t bits, const Vocabulary& words) {
    for (const NamedSet& set : words.sets) {
        if (bits == set.bits) {
            return set.name;
        }
    }
    std::string result;
    for (unsigned i = 0; i < words.count; ++i) {
        if ((bits >> i & 1U) != 0) {
            result += (result.empty() ? "" : ",") + std::string(words.name_of(i));
        }
    }
    return result;
}

}  // namespace

Result<std::uint64_t> parse_kernel_ops(std::string_view list) {
    auto ops = parse_list(list, kernel_words());
    if (ops && *ops == 0) {
        return Status::error(EINVAL, "the list of operations is empty: nothing would be observed");
    }
    return ops;
}

Result<std::uint32_t> parse_user_ops(std::string_view list) {
    auto ops = parse_list(list, user_words());
    if (!ops) {
        return ops.status();
    }
    return static_cast<std::uint32_t>(*ops);
}

Result<std::uint32_t> parse_detail(std::string_view list) {
    auto detail = parse_list(list, detail_words());
    if (!detail) {
        return detail.status();
    }
    return static_cast<std::uint32_t>(*detail);
}

std::string format_detail(std::uint32_t detail) {
    return format_list(detail, detail_words());
}

std::string format_kernel_ops(std::uint64_t ops) {
    return format_list(ops, kernel_words());
}
std::string format_user_ops(std::uint32_t ops) {
    return format_list(ops, user_words());
}

Result<std::uint64_t> parse_duration(std::string_view text) {
    const std::string_view all = trim(text);
    std::uint64_t number = 0;
    const auto [rest, error] = std::from_chars(all.data(), all.data() + all.size(), number);
    const std::string_view unit(rest, static_cast<std::size_t>(all.data() + all.size() - rest));
    const std::uint64_t seconds = unit.empty() || unit == "s" ? 1
                                  : unit == "m"               ? 60
                                  : unit == "h"               ? 3'600
                                  : unit == "d"               ? 86'400
                                                              : 0;
    if (error != std::errc() || seconds == 0) {
        return Status::error(EINVAL, "\"" + std::string(text) +
                                         "\" is not a time: give seconds, or a number with m, h or "
                                         "d");
    }
    if (number > kDurationMaxS / seconds) {
        return Status::error(ERANGE, "\"" + std::string(text) + "\" is too long: at most 36500d");
    }
    return number * seconds;
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
    const std::string_view all = trim(text);
    std::uint64_t number = 0;
    const auto [rest, error] = std::from_chars(all.data(), all.data() + all.size(), number);
    std::string unit =
        lower(trim({rest, static_cast<std::size_t>(all.data() + all.size() - rest)}));
    if (unit.ends_with("ib")) {
        unit.resize(unit.size() - 2);
    } else if (unit.ends_with("b")) {
        unit.resize(unit.size() - 1);
    }
    const std::string_view units = "kmg";
    const std::size_t power = unit.empty() ? 0 : units.find(unit) + 1;  // npos + 1 is 0: no unit
    const bool known = unit.empty() || (unit.size() == 1 && power > 0);
    if (error != std::errc() || !known) {
        return Status::error(
            EINVAL,
            "\"" + std::string(text) + "\" is not a size: give bytes, or a number with K, M or G");
    }
    const unsigned shift = static_cast<unsigned>(power) * 10;
    if (number > UINT64_MAX >> shift) {
        return Status::error(ERANGE, "\"" + std::string(text) + "\" is too large");
    }
    return number << shift;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    const std::string x = lower(a);
    const std::string y = lower(b);
    std::vector<std::size_t> row(y.size() + 1);
    for (std::size_t j = 0; j <= y.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= x.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= y.size(); ++j) {
            const std::size_t above = row[j];
            row[j] =
                std::min({above + 1, row[j - 1] + 1, diagonal + (x[i - 1] == y[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[y.size()];
}

}  // namespace vexfs
