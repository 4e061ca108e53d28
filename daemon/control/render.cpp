// SPDX-License-Identifier: Apache-2.0
#include "control/render.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace vexfs {
namespace {

constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kYellow = "\033[33m";
constexpr std::string_view kPlain = "\033[0m";

// Columns on a terminal: characters, not bytes; control characters do not occur (see printable()).
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

std::string pad(std::string_view text, std::size_t columns, bool right) {
    const std::size_t missing = columns - std::min(columns, width(text));
    const std::string space(missing, ' ');
    return right ? space + std::string(text) : std::string(text) + space;
}

// A file's name may hold newlines and escape sequences; a terminal must not obey them.
std::string printable(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) {
            result += fmt::format("\\x{:02x}", byte);
        } else {
            result += c;
        }
    }
    return result;
}

struct Unit {
    std::string_view suffix;
    std::string (*show)(std::uint64_t);
};

constexpr std::array<Unit, 3> kUnits{{
    {"_bytes", human_bytes},
    {"_ns", human_ns},
    {"_s", human_seconds},
}};

const Unit* unit_of(std::string_view name) {
    for (const Unit& unit : kUnits) {
        if (name.size() > unit.suffix.size() && name.ends_with(unit.suffix)) {
            return &unit;
        }
    }
    return nullptr;
}

std::string label(std::string_view name) {
    if (const Unit* unit = unit_of(name)) {
        name.remove_suffix(unit->suffix.size());
    }
    std::string text = printable(name);
    std::replace(text.begin(), text.end(), '_', ' ');
    return text;
}

// The bytes of a text that is not UTF-8; people see the text.
bool for_programs(std::string_view name) {
    return name.ends_with("_b64");
}

bool is_table(const Json& value) {
    return value.is_array() && !value.empty() &&
           std::all_of(value.begin(), value.end(), [](const Json& e) { return e.is_object(); });
}

bool is_section(const Json& value) {
    return (value.is_object() && !value.empty()) || is_table(value);
}

class Renderer {
  public:
    explicit Renderer(const RenderStyle& style) : style_(style) {}

    void object(const Json& json, std::size_t indent, bool top) {
        std::vector<std::pair<std::string, std::string>> scalars;
        std::size_t columns = 0;
        for (const auto& [name, value] : json.items()) {
            const bool frame = top && (name == "ok" || name == "error" || name == "hint");
            if (!frame && !for_programs(name) && !is_section(value)) {
                scalars.emplace_back(label(name), render_scalar(name, value));
                columns = std::max(columns, width(scalars.back().first));
            }
        }
        for (const auto& [name, value] : scalars) {
            const bool alarm = style_.color && name == "degraded" && value != "-";
            text_ += std::string(indent, ' ') + pad(name, columns, false) + "  ";
            text_ += alarm ? std::string(kYellow) + value + std::string(kPlain) : value;
            text_ += '\n';
        }
        for (const auto& [name, value] : json.items()) {
            if (is_section(value)) {
                section(name, value, indent);
            }
        }
    }

    void table(const Json& rows, std::size_t indent) {
        std::vector<std::string> names;
        for (const Json& row : rows) {
            for (const auto& [name, value] : row.items()) {
                if (!for_programs(name) &&
                    std::find(names.begin(), names.end(), name) == names.end()) {
                    names.push_back(name);
                }
            }
        }
        std::vector<std::vector<std::string>> cells(rows.size() + 1);
        std::vector<bool> numeric;
        for (const std::string& name : names) {
            cells[0].push_back(label(name));
            numeric.push_back(true);
            for (std::size_t i = 0; i < rows.size(); ++i) {
                const auto value = rows[i].find(name);
                const bool missing = value == rows[i].end();
                cells[i + 1].push_back(missing ? "-" : render_scalar(name, *value));
                numeric.back() = numeric.back() && (missing || value->is_number());
            }
        }
        for (std::size_t i = 0; i < cells.size(); ++i) {
            std::string line(indent, ' ');
            for (std::size_t j = 0; j < names.size(); ++j) {
                std::size_t columns = 0;
                for (const auto& row : cells) {
                    columns = std::max(columns, width(row[j]));
                }
                line += (j == 0 ? "" : "  ") + pad(cells[i][j], columns, numeric[j]);
            }
            line.erase(line.find_last_not_of(' ') + 1);
            text_ += i == 0 ? bold(line) : line;
            text_ += '\n';
        }
    }

    std::string take() { return std::move(text_); }

  private:
    [[nodiscard]] std::string bold(const std::string& text) const {
        return style_.color ? std::string(kBold) + text + std::string(kPlain) : text;
    }

    void section(const std::string& name, const Json& value, std::size_t indent) {
        if (indent == 0 && !text_.empty()) {
            text_ += '\n';
        }
        text_ += std::string(indent, ' ') + bold(label(name)) + '\n';
        if (value.is_object()) {
            object(value, indent + 2, false);
        } else {
            table(value, indent + 2);
        }
    }

    const RenderStyle style_;
    std::string text_;
};

}  // namespace

std::string human_count(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t i = text.size(); i > 3; i -= 3) {
        text.insert(i - 3, ",");
    }
    return text;
}

std::string human_bytes(std::uint64_t bytes) {
    constexpr std::array<const char*, 6> names{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        return fmt::format("{} B", bytes);
    }
    double value = static_cast<double>(bytes) / 1024;
    std::size_t i = 0;
    while (value >= 1023.95 && i + 1 < names.size()) {
        value /= 1024;
        ++i;
    }
    return fmt::format("{:.1f} {}", value, names[i]);
}

std::string human_ns(std::uint64_t ns) {
    if (ns < 1'000) {
        return fmt::format("{} ns", ns);
    }
    const auto value = static_cast<double>(ns);
    if (ns < 999'950) {
        return fmt::format("{:.1f} µs", value / 1e3);
    }
    if (ns < 999'950'000) {
        return fmt::format("{:.1f} ms", value / 1e6);
    }
    return ns < 60'000'000'000 ? fmt::format("{:.1f} s", value / 1e9)
                               : human_seconds(ns / 1'000'000'000);
}

std::string human_seconds(std::uint64_t s) {
    if (s < 60) {
        return fmt::format("{} s", s);
    }
    if (s < 3'600) {
        return fmt::format("{} min {:02} s", s / 60, s % 60);
    }
    if (s < 86'400) {
        return fmt::format("{} h {:02} min", s / 3'600, s / 60 % 60);
    }
    return fmt::format("{} d {:02} h", s / 86'400, s / 3'600 % 24);
}

std::string render_scalar(std::string_view name, const Json& value) {
    if (value.is_boolean()) {
        return value.get<bool>() ? "yes" : "no";
    }
    if (value.is_number_unsigned() ||
        (value.is_number_integer() && value.get<std::int64_t>() >= 0)) {
        const auto number = value.get<std::uint64_t>();
        if (const Unit* unit = unit_of(name)) {
            return unit->show(number);
        }
        // Names, not amounts.
        const bool identity = name == "id" || name == "pid" || name == "uid" || name == "gid" ||
                              name == "ino" || name == "fsid" || name == "dev" || name == "mode" ||
                              name == "channel" || name == "watch";
        return identity ? std::to_string(number) : human_count(number);
    }
    if (value.is_number_float()) {
        return fmt::format("{:.6g}", value.get<double>());
    }
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        return text.empty() ? "-" : printable(text);
    }
    if (value.is_null() || value.empty()) {
        return "-";
    }
    if (value.is_array()) {
        std::string text;
        for (const Json& element : value) {
            text += (text.empty() ? "" : ", ") + render_scalar(name, element);
        }
        return text;
    }
    return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string render(const Json& json, const RenderStyle& style) {
    Renderer renderer(style);
    if (json.is_object()) {
        renderer.object(json, 0, true);
    } else if (is_table(json)) {
        renderer.table(json, 0);
    }
    return renderer.take();
}

}  // namespace vexfs
