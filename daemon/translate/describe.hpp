// SPDX-License-Identifier: Apache-2.0
// What the translation does, as data: for `vexctl ops`, the documents and the demo.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "translate/rules.hpp"

namespace vexfs::translate {

// One of the 27, and the directions in which it can occur today.
struct Direction {
    std::uint16_t uop = 0;
    std::uint32_t from_kernel = 0;  // bit n: kernel operation n becomes it (and others)
    // The kernel operation that it stands for when it is pushed to the kernel, or VX_OP_NONE: then
    // it travels as itself (VX_REC_USER).
    std::uint16_t to_kernel = VX_OP_NONE;

    // vexfsd makes it out of kernel events, and pushes it back with them. Otherwise only programs
    // that push it themselves do, until the stage that makes it is there.
    [[nodiscard]] bool occurs() const { return from_kernel != 0; }
};

std::array<Direction, VX_UOP_COUNT> describe();

// "FileCreate, DirCreate"; empty for none.
std::string op_list(std::uint32_t kernel_ops);

// The directions in words: "from the kernel: FileCreate, ...; to the kernel: as FileCreate".
std::string direction_text(const Direction& direction);

// "parent, name", "range" ...: what Detail says an operation carries; empty for none.
std::string_view detail_text(Detail detail);

// What people read of the rules: those that give the same in the same words are one.
std::vector<Rule> readable_rules();

// Both tables in Markdown, as they stand in docs/events.md.
std::string rules_markdown();
std::string directions_markdown();

}  // namespace vexfs::translate
