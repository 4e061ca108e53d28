// SPDX-License-Identifier: Apache-2.0
#include "config/time_word.hpp"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <optional>

#include "config/name_list.hpp"

namespace vexfs {

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// Reads `format` at `at` and moves behind it; false: it is not there.
bool take(const char*& at, const char* format, std::tm& tm) {
    std::tm read = tm;  // strptime() leaves half of what it takes
    const char* rest = std::isdigit(static_cast<unsigned char>(*at)) != 0
                           ? ::strptime(at, format, &read)
                           : nullptr;
    if (rest != nullptr) {
        at = rest;
        tm = read;
    }
    return rest != nullptr;
}

// ".5" and the like: nanoseconds. What is below them is left out.
std::uint64_t take_fraction(const char*& at) {
    std::uint64_t ns = 0;
    std::uint64_t digit_ns = kSecond / 10;
    if (*at == '.' && std::isdigit(static_cast<unsigned char>(at[1])) != 0) {
        for (++at; std::isdigit(static_cast<unsigned char>(*at)) != 0; ++at, digit_ns /= 10) {
            ns += static_cast<std::uint64_t>(*at - '0') * digit_ns;
        }
    }
    return ns;
}

// "Z", "+01:00": seconds east of UTC. Nothing: it is neither.
std::optional<long> take_zone(const char*& at) {
    if (*at == 'Z') {
        ++at;
        return 0;
    }
    if (*at != '+' && *at != '-') {
        return std::nullopt;
    }
    const long sign = *at == '+' ? 1 : -1;
    std::tm offset{};
    const char* rest = at + 1;
    if (!take(rest, "%H:%M", offset)) {
        return std::nullopt;
    }
    at = rest;
    return sign * (offset.tm_hour * 3600L + offset.tm_min * 60L);
}

// "17:05", "17:05:30.5".
bool take_clock(const char*& at, std::tm& tm, std::uint64_t& ns) {
    if (!take(at, "%H:%M", tm)) {
        return false;
    }
    if (*at != ':') {
        return true;
    }
    const bool seconds = take(++at, "%S", tm);
    ns = take_fraction(at);
    return seconds;
}

// A day and a clock, either of which can be left out; `now` says which day is today.
std::optional<std::uint64_t> calendar_time(const char* at, std::time_t now) {
    std::tm tm{};
    ::localtime_r(&now, &tm);
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    std::uint64_t ns = 0;
    const bool dated = take(at, "%Y-%m-%d", tm);
    const bool timed = !dated || *at == 'T' || *at == ' ';
    at += dated && timed ? 1 : 0;
    if (timed && !take_clock(at, tm, ns)) {
        return std::nullopt;
    }
    const std::optional<long> zone = take_zone(at);
    const int day = tm.tm_mday;
    tm.tm_isdst = -1;
    const std::time_t seconds = zone ? ::timegm(&tm) - *zone : ::mktime(&tm);
    // The 31st of February has become a day in March.
    if (*at != '\0' || tm.tm_mday != day || seconds < 0) {
        return std::nullopt;
    }
    return static_cast<std::uint64_t>(seconds) * kSecond + ns;
}

}  // namespace

Result<std::uint64_t> parse_time(const std::string& word, std::uint64_t now_ns) {
    const auto ago = parse_duration(word);
    if (ago && std::isalpha(static_cast<unsigned char>(word.back())) != 0) {
        return now_ns - std::min(now_ns, *ago * kSecond);
    }
    if (const auto time =
            calendar_time(word.c_str(), static_cast<std::time_t>(now_ns / kSecond))) {
        return *time;
    }
    return Status::error(EINVAL, "\"" + word +
                                     "\" is not a time: give 90s, 15m, 2h or 3d (ago), 17:05, or "
                                     "2026-11-28T17:05:30 (with Z for UTC)");
}

}  // namespace vexfs
