// SPDX-License-Identifier: Apache-2.0
#include "config/time_word.hpp"

#include <cstdlib>
#include <ctime>

#include "support/catch.hpp"

using namespace vexfs;  // NOLINT: a test

namespace {

constexpr std::uint64_t kNs = 1'000'000'000;
constexpr std::uint64_t kNow = 1'795'885'530 * kNs;  // 2026-11-28T17:05:30Z

// The machine's time zone, for the length of a test.
class TimeZone {
  public:
    explicit TimeZone(const char* zone) {
        ::setenv("TZ", zone, 1);
        ::tzset();
    }
    ~TimeZone() {
        ::unsetenv("TZ");
        ::tzset();
    }
};

std::uint64_t ns(const std::string& word) {
    const auto time = parse_time(word, kNow);
    INFO(word << ": " << (time ? "" : time.status().message()));
    REQUIRE(time.ok());
    return *time;
}

}  // namespace

TEST_CASE("times: how long ago") {
    CHECK(ns("90s") == kNow - 90 * kNs);
    CHECK(ns("15m") == kNow - 900 * kNs);
    CHECK(ns("2h") == kNow - 7'200 * kNs);
    CHECK(ns("3d") == kNow - 259'200 * kNs);
    CHECK(ns("36500d") == 0);
}

TEST_CASE("times: of a zone, and of the machine's") {
    const TimeZone zone("EST5EDT");  // 5 hours behind, or 4 in summer
    CHECK(ns("2026-11-28T17:05:30Z") == kNow);
    CHECK(ns("2026-11-28T18:05:30+01:00") == kNow);
    CHECK(ns("2026-11-28T12:35:30.250-04:30") == kNow + kNs / 4);
    CHECK(ns("2026-11-28T12:05:30") == kNow);
    CHECK(ns("2026-11-28 12:05:30.000000001") == kNow + 1);
    CHECK(ns("2026-11-28 12:05") == kNow - 30 * kNs);
    CHECK(ns("2026-11-28") == kNow - (12 * 3600 + 5 * 60 + 30) * kNs);
    CHECK(ns("2026-07-01T00:00") == ns("2026-07-01T04:00Z"));
    CHECK(ns("12:05") == kNow - 30 * kNs);
    CHECK(ns("0:00:00.5") == ns("2026-11-28") + kNs / 2);
}

TEST_CASE("times: what is none is refused, with what is one") {
    for (const char* word :
         {"", "x", "5", "90", "s", "-5m", "1.5h", "5 m", "17", "17:", "25:00", "17:60", "17:05:",
          "17:05:30.", "17:05x", "2026-02-31", "2026-13-01", "2026-11-28T", "2026-11-28x17:05",
          "2026-11-28T17:05:30+1", "2026-11-28T17:05:30ZZ", "1969-12-31T00:00Z", "tomorrow"}) {
        INFO(word);
        const auto time = parse_time(word, kNow);
        REQUIRE(!time.ok());
        CHECK(time.status().code() == EINVAL);
        CHECK(time.status().message().find("2026-11-28T17:05:30") != std::string::npos);
    }
}
