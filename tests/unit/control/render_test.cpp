// SPDX-License-Identifier: Apache-2.0
#include "control/render.hpp"

#include "support/catch.hpp"

using namespace vexfs;

TEST_CASE("render: scalars are aligned, units are shown, sections follow") {
    const Json json = Json::parse(R"({"ok":true,"state":"running","uptime_s":3725,"pid":12345,
        "kmod":{"loaded":true,"version":"0.1.0"},
        "ring":{"size_bytes":4194304,"emit_p99_ns":1250,"lost":0,"flags":["a","b"],"empty":{}},
        "watches":[{"id":1,"path":"/srv","events":1234567},
                   {"id":12,"path":"/home/x","ops":"all"}]})");
    CHECK(render(json) ==
          "state   running\n"
          "uptime  1 h 02 min\n"
          "pid     12345\n"
          "\n"
          "kmod\n"
          "  loaded   yes\n"
          "  version  0.1.0\n"
          "\n"
          "ring\n"
          "  size      4.0 MiB\n"
          "  emit p99  1.2 µs\n"
          "  lost      0\n"
          "  flags     a, b\n"
          "  empty     -\n"
          "\n"
          "watches\n"
          "  id  path        events  ops\n"
          "   1  /srv     1,234,567  -\n"
          "  12  /home/x          -  all\n");
}

TEST_CASE("render: names of files cannot drive the terminal") {
    CHECK(render({{"path", "a\x1b[2J\nb"}}) == "path  a\\x1b[2J\\x0ab\n");
}

TEST_CASE("render: colour only where it is asked for") {
    const Json json{{"degraded", {"slow"}}, {"kmod", {{"loaded", true}}}};
    CHECK(render(json).find('\033') == std::string::npos);
    CHECK(render(json, {.color = true}).find("\033[33mslow\033[0m") != std::string::npos);
}

TEST_CASE("render: numbers for people") {
    CHECK(human_count(0) == "0");
    CHECK(human_count(999) == "999");
    CHECK(human_count(1000) == "1,000");
    CHECK(human_count(UINT64_MAX) == "18,446,744,073,709,551,615");
    CHECK(human_bytes(1023) == "1023 B");
    CHECK(human_bytes(1024) == "1.0 KiB");
    CHECK(human_bytes((1U << 20U) - 1) == "1.0 MiB");
    CHECK(human_bytes(UINT64_MAX) == "16.0 EiB");
    CHECK(human_ns(999) == "999 ns");
    CHECK(human_ns(1'500'000) == "1.5 ms");
    CHECK(human_ns(2'500'000'000) == "2.5 s");
    CHECK(human_ns(90'000'000'000) == "1 min 30 s");
    CHECK(human_seconds(86'400 * 2 + 3'600) == "2 d 01 h");
}

TEST_CASE("render: odd shapes do no harm") {
    CHECK(render(Json()).empty());
    CHECK(render(Json::array()).empty());
    CHECK(render(Json::array({1, 2})).empty());
    CHECK(render({{"x", Json::array({Json::object({{"a", 1}}), 2})}}) == "x  {\"a\":1}, 2\n");
    CHECK(render({{"x", -5}, {"y", 1.5}, {"z", nullptr}}) == "x  -5\ny  1.5\nz  -\n");
}
