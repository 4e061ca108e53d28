// SPDX-License-Identifier: Apache-2.0
// Render: JSON answers as text for people. Knows no particular answer: an object becomes an aligned
// list, an object in it a section, an array of objects a table. Units stand last in the names of
// members and decide how a number is shown: `_bytes`, `_ns`, `_s`.
#pragma once

#include <string>
#include <string_view>

#include "control/protocol.hpp"

namespace vexfs {

struct RenderStyle {
    bool color = false;
};

// Ends with a newline unless empty. The members "ok", "error" and "hint" of the top are left out.
std::string render(const Json& json, const RenderStyle& style = {});

// One value as it is shown: `name` is the member's name, for its unit.
std::string render_scalar(std::string_view name, const Json& value);

std::string human_bytes(std::uint64_t bytes);   // "4.0 MiB"
std::string human_ns(std::uint64_t ns);         // "1.3 ms"
std::string human_seconds(std::uint64_t s);     // "2 h 05 min"
std::string human_count(std::uint64_t number);  // "1,234,567"

}  // namespace vexfs
