// SPDX-License-Identifier: Apache-2.0
#include "route/glob.hpp"

#include <cstddef>

namespace vexfs::route {

namespace {

constexpr std::size_t kNone = std::string_view::npos;

// Where the set that begins at `at` ('[') ends: behind its ']'. kNone: it does not.
std::size_t set_end(std::string_view pattern, std::size_t at) {
    std::size_t i = at + 1;
    if (i < pattern.size() && pattern[i] == '!') {
        ++i;
    }
    const std::size_t first = i;  // a ']' here is a member
    for (; i < pattern.size(); ++i) {
        if (pattern[i] == ']' && i != first) {
            return i + 1;
        }
    }
    return kNone;
}

// `set` is "[...]" as set_end() found it.
bool in_set(std::string_view set, char c) {
    const bool inverted = set[1] == '!';
    const auto byte = static_cast<unsigned char>(c);
    bool found = false;
    for (std::size_t i = inverted ? 2 : 1; i + 1 < set.size(); ++i) {
        const auto low = static_cast<unsigned char>(set[i]);
        unsigned char high = low;
        if (i + 3 < set.size() && set[i + 1] == '-') {
            high = static_cast<unsigned char>(set[i + 2]);
            i += 2;
        }
        found = found || (byte >= low && byte <= high);
    }
    return found != inverted && c != '/';
}

// Bytes of the pattern that match the byte `c` at `at`; 0: it does not match.
std::size_t match_one(std::string_view pattern, std::size_t at, char c) {
    if (pattern[at] == '?') {
        return c != '/' ? 1 : 0;
    }
    if (pattern[at] == '[') {
        const std::size_t end = set_end(pattern, at);
        if (end != kNone) {
            return in_set(pattern.substr(at, end - at), c) ? end - at : 0;
        }
    }
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
        return pattern[at + 1] == c ? 2 : 0;
    }
    return pattern[at] == c ? 1 : 0;
}

// A star that was met: where to go on in the pattern, and how much of the text it has taken.
struct Star {
    std::size_t pattern = kNone;
    std::size_t text = 0;
    bool whole_names = false;  // "**/": takes names together with their '/'
};

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
    Star star;    // the last *; within the last **
    Star global;  // the last **: what an earlier one could take more, this one can take too
    std::size_t p = 0;
    std::size_t t = 0;
    for (;;) {
        if (p < pattern.size() && pattern[p] == '*') {
            const bool crosses = pattern.substr(p, 2) == "**";
            p += crosses ? 2 : 1;
            const bool names = crosses && p < pattern.size() && pattern[p] == '/' &&
                               (p == 2 || pattern[p - 3] == '/') && (t == 0 || text[t - 1] == '/');
            p += names ? 1 : 0;
            (crosses ? global : star) = {p, t, names};
            star = crosses ? Star{} : star;
            continue;
        }
        const bool at_end = t == text.size();
        if (at_end && p == pattern.size()) {
            return true;
        }
        const std::size_t step = !at_end && p < pattern.size() ? match_one(pattern, p, text[t]) : 0;
        if (step != 0) {
            p += step;
            ++t;
        } else if (star.pattern != kNone && star.text < text.size() && text[star.text] != '/') {
            p = star.pattern;
            t = ++star.text;
        } else if (global.pattern != kNone && global.text < text.size()) {
            const std::size_t slash =
                global.whole_names ? text.find('/', global.text) : global.text;
            if (slash == kNone) {
                return false;
            }
            p = global.pattern;
            t = global.text = slash + 1;
            star = Star{};
        } else {
            return false;
        }
    }
}

bool glob_valid(std::string_view pattern) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '\\') {
            if (++i == pattern.size()) {
                return false;
            }
            continue;
        }
        if (pattern[i] == '[') {
            const std::size_t end = set_end(pattern, i);
            if (end == kNone) {
                return false;
            }
            i = end - 1;
        }
    }
    return true;
}

}  // namespace vexfs::route
