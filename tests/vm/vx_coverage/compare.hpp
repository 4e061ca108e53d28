// SPDX-License-Identifier: Apache-2.0
// What came against what had to come.
#pragma once

#include <string>
#include <vector>

#include "vexfs/event.hpp"
#include "vm/vx_coverage/scene.hpp"

namespace vexfs::vm {

// One line for each difference; empty: as wanted.
std::vector<std::string> compare(const std::vector<Want>& wants, const std::vector<Event>& events);

// For people: one line.
std::string describe(const Want& want);
std::string describe(const EventView& event);

// For a program that compares with `vexctl tail --json`: one JSON object, without a newline.
std::string to_json(const Want& want);

}  // namespace vexfs::vm
