// SPDX-License-Identifier: Apache-2.0
// Help: what `vexctl COMMAND --help` says below the command's own options.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

namespace vexfs::ctl {

// Help that fits into 100 columns.
std::shared_ptr<CLI::Formatter> help_format();

// Below the help of vexctl itself.
std::string main_footer();
// Below the help of a command: the options that every command takes.
std::string command_footer();
// Below that of tail: the filter language too.
std::string tail_footer();

// Whole decimal numbers from `low` to `high`, said in those words.
CLI::Validator whole_number(std::uint64_t low, std::uint64_t high);

}  // namespace vexfs::ctl
