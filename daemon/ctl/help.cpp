// SPDX-License-Identifier: Apache-2.0
#include "ctl/help.hpp"

#include <fmt/format.h>

#include <charconv>
#include <sstream>

#include "control/protocol.hpp"
#include "route/filter.hpp"

namespace vexfs::ctl {
namespace {

constexpr std::size_t kNames = 28;
constexpr std::size_t kText = 70;
constexpr std::size_t kColumns = 96;

constexpr const char* kExitCodes = "Exit codes: 0 done, 1 failed, 2 usage, 3 degraded.\n";

constexpr const char* kExamples =
    "\nExamples:\n"
    "  vexctl tail --follow --json             events as they happen, one JSON object a line\n"
    "  vexctl sync && vexctl tail --count 10   all that happened until now is in the store\n"
    "  vexctl watch add /srv/data --ops default,FileOpen\n"
    "  vexctl doctor                           what is wrong, and the command that repairs it";

constexpr const char* kFilter =
    "\nEXPR is made of tests, `and`, `or`, `not` and parentheses. A test is FIELD OPERATOR VALUE\n"
    "without spaces; VALUE may be several with commas, any of which will do.\n"
    "  --filter 'op=FileCreate,FileRename and path~/home/**/*.txt'\n"
    "  --filter 'uid=1000 and not comm=git'\n"
    "  --filter '(size>=10M or flag=exec) and pid!=4711'\n"
    "  --filter 'path=~\"\\.(c|h)$\" or object=1122334455667788:12:1'\n"
    "Operators: = != on all fields; < <= > >= on numbers; on path, name and comm also ~ !~ (a\n"
    "glob) and =~ !=~ (a regular expression, RE2's syntax, found anywhere: ^ and $ bind it).\n"
    "Numbers: decimal, sizes in bytes, or with K, M, G (1024); mode is octal, fsid hexadecimal.\n"
    "An object is FSID:INO:GEN, also as the one that a rename replaced.\n"
    "Globs: * and ? stay within one name, ** crosses /, [a-z], [!a-z]; \\ quotes the next.\n"
    "Limits: the filter 4096 bytes; 32 regular expressions, each 1024 bytes and 1 MiB compiled.\n"
    "Fields:";

std::string wrapped(const std::string& text, std::size_t columns, const std::string& indent) {
    std::string result;
    std::size_t column = 0;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        const bool fits = column == 0 || column + 1 + word.size() <= columns;
        result += column == 0 ? "" : fits ? " " : "\n" + indent;
        result += word;
        column = fits && column > 0 ? column + 1 + word.size() : word.size();
    }
    return result;
}

class Format final : public CLI::Formatter {
  public:
    std::string make_option_desc(const CLI::Option* option) const override {
        return wrapped(option->get_description(), kText, "");
    }
    // Without the default, which the description names with its unit.
    std::string make_option_opts(const CLI::Option* option) const override {
        const std::string type = option->get_type_name();
        return (type.empty() ? "" : " " + type) + (option->get_required() ? " (required)" : "");
    }
};

}  // namespace

std::shared_ptr<CLI::Formatter> help_format() {
    auto format = std::make_shared<Format>();
    format->column_width(kNames);
    return format;
}

std::string main_footer() {
    return std::string(kExitCodes) + kExamples;
}

std::string command_footer() {
    return fmt::format(
        "For every command:\n"
        "  --json                    JSON, one object a line, also for errors\n"
        "  --socket PATH             Control socket of vexfsd [default: {}]\n\n{}",
        kDefaultSocketPath, kExitCodes);
}

std::string tail_footer() {
    return command_footer() + kFilter + "\n  " +
           wrapped(route::Filter::field_names(), kColumns, "  ");
}

CLI::Validator whole_number(std::uint64_t low, std::uint64_t high) {
    const auto check = [low, high](const std::string& text) -> std::string {
        std::uint64_t number = 0;
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, number);
        if (error != std::errc() || stop != end || number < low || number > high) {
            return fmt::format("\"{}\" is not a whole number from {} to {}", text, low, high);
        }
        return {};
    };
    return CLI::Validator(check, "");
}

}  // namespace vexfs::ctl
