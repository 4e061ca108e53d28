// SPDX-License-Identifier: Apache-2.0
#include "config/shell.hpp"

#include <filesystem>

namespace vexfs {

std::string shell_quote(const std::string& text) {
    const bool plain =
        !text.empty() &&
        text.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:=@%,") ==
            std::string::npos;
    if (plain) {
        return text;
    }
    std::string result = "'";
    for (const char c : text) {
        result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return result + "'";
}

std::string restart_command(std::span<const char* const> argv, bool relative) {
    std::error_code error;
    const std::string directory = std::filesystem::current_path(error).string();
    std::string command;
    if (relative && !error) {
        command = "cd " + shell_quote(directory) + " && ";
    }
    for (std::size_t i = 0; i < argv.size(); ++i) {
        std::string word = argv[i];
        if (i == 0 && word.find('/') != std::string::npos) {
            word = std::filesystem::absolute(word, error).lexically_normal().string();
        }
        command += (i == 0 ? "" : " ") + shell_quote(word);
    }
    return command;
}

}  // namespace vexfs
