// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_oracle/said.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <utility>

namespace vexfs::vm {

namespace {

std::string bit_names(std::uint32_t bits) {
    static constexpr std::pair<std::uint32_t, const char*> kNames[] = {
        {FAN_ACCESS, "ACCESS"},           {FAN_MODIFY, "MODIFY"},
        {FAN_ATTRIB, "ATTRIB"},           {FAN_CLOSE_WRITE, "CLOSE_WRITE"},
        {FAN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {FAN_OPEN, "OPEN"},
        {FAN_MOVED_FROM, "MOVED_FROM"},   {FAN_MOVED_TO, "MOVED_TO"},
        {FAN_CREATE, "CREATE"},           {FAN_DELETE, "DELETE"},
        {FAN_DELETE_SELF, "DELETE_SELF"}, {FAN_MOVE_SELF, "MOVE_SELF"},
        {FAN_OPEN_EXEC, "OPEN_EXEC"},     {IN_IGNORED, "IGNORED"},
        {FAN_RENAME, "RENAME"},           {FAN_ONDIR, "ONDIR"},
    };
    std::string text;
    for (const auto& [bit, name] : kNames) {
        if ((bits & bit) != 0) {
            text += (text.empty() ? "" : "|") + std::string(name);
            bits &= ~bit;
        }
    }
    return bits == 0 ? text : text + fmt::format("|{:#x}", bits);
}

}  // namespace

std::string describe(const Said& said) {
    std::string text =
        fmt::format("thread {} {} object {}", said.tid, bit_names(said.bits), said.object);
    if (said.dir != 0) {
        text += fmt::format(" as '{}' in {}", said.name, said.dir);
    }
    if (said.dir2 != 0) {
        text += fmt::format(", now '{}' in {}", said.name2, said.dir2);
    }
    return text;
}

std::string describe(const Heard& heard) {
    return fmt::format("directory {} {} '{}'", heard.dir, bit_names(heard.bits), heard.name);
}

}  // namespace vexfs::vm
