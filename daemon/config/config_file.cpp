// SPDX-License-Identifier: Apache-2.0
// The TOML side of the settings table.
#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "config/name_list.hpp"
#include "config/settings.hpp"

namespace vexfs {
namespace {

std::optional<std::string> scalar_text(const toml::node& node) {
    if (const auto* text = node.as_string()) {
        return text->get();
    }
    if (const auto* flag = node.as_boolean()) {
        return flag->get() ? "true" : "false";
    }
    if (const auto* integer = node.as_integer()) {
        return std::to_string(integer->get());
    }
    if (const auto* number = node.as_floating_point()) {
        std::ostringstream text;
        text << number->get();
        return text.str();
    }
    return std::nullopt;
}

Status unknown_key(const std::string& key, const std::string& place) {
    std::vector<std::string> names;
    for (const Setting& setting : settings()) {
        names.emplace_back(setting.name);
    }
    const std::string close = closest_name(key, names);
    return Status::error(
        EINVAL, place + ": unknown key \"" + key + "\"" +
                    (close.empty() ? "; the keys are the flags of `vexfsd --help` without --"
                                   : "; did you mean \"" + close + "\"?"));
}

const char* expected(SettingKind kind) {
    switch (kind) {
        case SettingKind::flag:
            return "true or false";
        case SettingKind::text:
            return "a string or a number";
        case SettingKind::list:
            return "a string or an array of strings";
    }
    return "";
}

std::optional<std::vector<std::string>> words_of(const toml::node& node, SettingKind kind) {
    if (const toml::array* array = node.as_array(); array != nullptr && kind == SettingKind::list) {
        std::vector<std::string> words;
        for (const toml::node& element : *array) {
            const auto* text = element.as_string();
            if (text == nullptr) {
                return std::nullopt;
            }
            words.push_back(text->get());
        }
        return words;
    }
    const auto text = scalar_text(node);
    const bool fits = text && (node.is_boolean() == (kind == SettingKind::flag)) &&
                      (kind != SettingKind::list || node.is_string());
    return fits ? std::optional(std::vector{*text}) : std::nullopt;
}

}  // namespace

Result<RawValues> read_config(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream content;
    if (!file || !(content << file.rdbuf())) {
        const int err = errno;
        std::error_code ignored;
        if (std::filesystem::exists(path, ignored) &&
            std::filesystem::file_size(path, ignored) == 0) {
            return RawValues{};
        }
        return Status::from_errno(err != 0 ? err : EIO, path);
    }
    toml::table table;
    try {
        table = toml::parse(content.str(), path);
    } catch (const toml::parse_error& error) {
        return Status::error(EINVAL, path + ":" + std::to_string(error.source().begin.line) + ": " +
                                         std::string(error.description()));
    }
    const Result<std::string> whole_path = absolute_path(path);
    if (!whole_path) {
        return whole_path.status();
    }
    const std::string folder = std::filesystem::path(*whole_path).parent_path().string();
    RawValues values;
    for (const auto& [toml_key, node] : table) {
        const std::string key(toml_key.str());
        const std::string place = path + ":" + std::to_string(node.source().begin.line);
        const Setting* setting = find_setting(key);
        if (setting == nullptr) {
            return unknown_key(key, place);
        }
        auto words = words_of(node, setting->kind);
        if (!words) {
            return Status::error(EINVAL,
                                 place + ": " + key + ": must be " + expected(setting->kind));
        }
        if (!words->empty()) {
            values[key] = {*std::move(words), place + ": " + key, folder};
        }
    }
    return values;
}

}  // namespace vexfs
