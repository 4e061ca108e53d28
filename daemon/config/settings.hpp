// SPDX-License-Identifier: Apache-2.0
// Settings: every option once, with its kind, its help and what it does to Options. The command
// line and the TOML file are both read by this table, so neither can know an option that the other
// lacks.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.hpp"
#include "config/options.hpp"

namespace vexfs {

// A value as the user wrote it, and where.
struct RawValue {
    std::vector<std::string> words;
    std::string origin;    // for messages: "--ops", "vexfsd.toml:3: ops"
    std::string base_dir;  // what relative paths count from
};

enum class SettingKind { flag, text, list };

struct Setting {
    const char* name;  // the flag without "--", and the key in the file
    SettingKind kind;
    const char* type;  // what the help shows for the value
    const char* help;
    const char* unset;  // the value when not given, "" for none
    // The error's message is put behind the origin.
    Status (*apply)(Options& options, const RawValue& value);
    bool is_path = false;
};

std::span<const Setting> settings();

const Setting* find_setting(std::string_view name);

// `word` as an absolute, normal path; relative ones count from `base_dir`, or from the working
// directory if that is empty.
Result<std::string> absolute_path(const std::string& word, const std::string& base_dir = {});

using RawValues = std::map<std::string, RawValue, std::less<>>;

// Reads the TOML file at `path`. Errors name file, line and key.
Result<RawValues> read_config(const std::string& path);

}  // namespace vexfs
