// SPDX-License-Identifier: Apache-2.0
#include "config/shell.hpp"

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

}  // namespace vexfs
