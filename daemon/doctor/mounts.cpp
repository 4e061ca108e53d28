// SPDX-License-Identifier: Apache-2.0
#include "doctor/mounts.hpp"

#include <algorithm>
#include <sstream>

namespace vexfs {
namespace {

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

// Space, tab, newline and backslash stand as \ooo.
std::string unescape(std::string_view word) {
    std::string result;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] == '\\' && i + 3 < word.size() && is_octal(word[i + 1]) &&
            is_octal(word[i + 2]) && is_octal(word[i + 3])) {
            result += static_cast<char>((word[i + 1] - '0') * 64 + (word[i + 2] - '0') * 8 +
                                        (word[i + 3] - '0'));
            i += 3;
        } else {
            result += word[i];
        }
    }
    return result;
}

}  // namespace

// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
// the fifth word is the mount point; behind a lone "-" stand type and source.
std::vector<MountEntry> parse_mountinfo(std::string_view text) {
    std::vector<MountEntry> entries;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::vector<std::string> words;
        std::istringstream split(line);
        for (std::string word; split >> word;) {
            words.push_back(word);
        }
        const auto dash = std::find(words.begin(), words.end(), "-");
        if (dash - words.begin() < 6 || words.end() - dash < 3) {
            continue;
        }
        entries.push_back({unescape(words[4]), *(dash + 1), unescape(*(dash + 2))});
    }
    return entries;
}

}  // namespace vexfs
