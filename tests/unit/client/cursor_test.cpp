// SPDX-License-Identifier: Apache-2.0
#include "vexfs/cursor.hpp"

#include "support/catch.hpp"

using vexfs::Cursor;
using vexfs::JournalId;

namespace {
constexpr const char* kUuid = "6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11";
}

TEST_CASE("cursor: its text is read back as what it was") {
    for (const std::uint64_t seq : {0ULL, 1ULL, 42ULL, 18446744073709551615ULL}) {
        const std::string text = std::string("vx1:") + kUuid + ":" + std::to_string(seq);
        const auto cursor = Cursor::parse(text);
        REQUIRE(cursor.ok());
        CHECK(cursor->seq == seq);
        CHECK(cursor->journal.text() == kUuid);
        CHECK(cursor->text() == text);
    }
}

TEST_CASE("cursor: capital hexadecimal digits are read, and written small") {
    const auto id = JournalId::parse("6F1C2C1E-0B54-4D0E-9A53-0D6C9B1D8F11");
    REQUIRE(id.ok());
    CHECK(id->text() == kUuid);
}

TEST_CASE("cursor: everything else is refused, with the reason") {
    const std::string good = std::string("vx1:") + kUuid + ":7";
    struct Bad {
        std::string text;
        std::string why;
    };
    const Bad all[] = {
        {"", "no \"vx1:\""},
        {"start", "no \"vx1:\""},
        {"vx2" + good.substr(3), "version"},
        {"vx1:", "too short"},
        {good.substr(0, good.size() - 1), "too short"},
        {good.substr(0, good.size() - 2), "too short"},
        {good + " ", "decimal"},
        {good + ":1", "decimal"},
        {good.substr(0, good.size() - 1) + "-1", "decimal"},
        {good.substr(0, good.size() - 1) + "+1", "decimal"},
        {good.substr(0, good.size() - 1) + "0x1", "leading zeros"},
        {good.substr(0, good.size() - 1) + "01", "leading zeros"},
        {good.substr(0, good.size() - 1) + "18446744073709551616", "too large"},
        {std::string("vx1:") + "6f1c2c1e_0b54-4d0e-9a53-0d6c9b1d8f11:7", "dashes"},
        {std::string("vx1:") + "6f1c2c1g-0b54-4d0e-9a53-0d6c9b1d8f11:7", "hexadecimal"},
        {" " + good, "no \"vx1:\""},
    };
    for (const Bad& bad : all) {
        INFO(bad.text);
        const auto cursor = Cursor::parse(bad.text);
        REQUIRE_FALSE(cursor.ok());
        CHECK(cursor.status().code() == EINVAL);
        CHECK(cursor.status().message().find(bad.why) != std::string::npos);
    }
}

TEST_CASE("cursor: a message shows only what can be shown, and not all of it") {
    const auto cursor = Cursor::parse("\x1b[31m" + std::string(10'000, 'x'));
    CHECK(cursor.status().message().size() < 300);
    CHECK(cursor.status().message().find('\x1b') == std::string::npos);
}
