// SPDX-License-Identifier: Apache-2.0
#include "config/name_list.hpp"

#include "abi/ioctl.h"
#include "op_table.h"
#include "support/catch.hpp"

using namespace vexfs;

TEST_CASE("names: every operation is read back from what is printed") {
    for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
        const auto mask = parse_kernel_ops(vx_op_name(op));
        REQUIRE(mask.ok());
        CHECK(*mask == VX_OP_BIT(op));
        CHECK(format_kernel_ops(*mask) == vx_op_name(op));
    }
    for (unsigned op = 0; op < VX_UOP_COUNT; ++op) {
        const auto mask = parse_user_ops(vx_uop_name(op));
        REQUIRE(mask.ok());
        CHECK(*mask == 1U << op);
        CHECK(format_user_ops(*mask) == vx_uop_name(op));
    }
    CHECK(format_kernel_ops(VX_OPS_ALL) == "all");
    CHECK(format_kernel_ops(VX_OPS_DEFAULT) == "default");
    CHECK(format_user_ops(0) == "none");
}

TEST_CASE("names: lists are read from left to right") {
    CHECK(*parse_kernel_ops("default, FileRead ,-filewrite") ==
          ((VX_OPS_DEFAULT | VX_OP_BIT(VX_OP_FILE_READ)) & ~VX_OP_BIT(VX_OP_FILE_WRITE)));
    CHECK(*parse_kernel_ops("all,none,FileOpen") == VX_OPS_ALL);
    CHECK(*parse_kernel_ops("all,-all,FileOpen") == VX_OP_BIT(VX_OP_FILE_OPEN));
    CHECK_FALSE(parse_kernel_ops("").ok());
    CHECK_FALSE(parse_kernel_ops("-").ok());
    CHECK_FALSE(parse_kernel_ops("none").ok());
    CHECK(*parse_user_ops("none") == 0);
}

TEST_CASE("names: details of a watch") {
    CHECK(*parse_detail("none") == 0);
    CHECK(*parse_detail("failed") == VX_DETAIL_FAILED);
    CHECK(*parse_detail("range,duration") == (VX_DETAIL_RANGE | VX_DETAIL_DURATION));
    CHECK(*parse_detail("all,-failed") == (VX_DETAIL_ALL & ~VX_DETAIL_FAILED));
    CHECK(parse_detail("ranges").status().message() ==
          "there is no detail \"ranges\"; did you mean range?");
    CHECK(format_detail(0) == "none");
    CHECK(format_detail(VX_DETAIL_ALL) == "all");
    CHECK(format_detail(VX_DETAIL_FAILED | VX_DETAIL_DURATION) == "failed,duration");
}

TEST_CASE("sizes: numbers with binary units") {
    CHECK(*parse_bytes("0") == 0);
    CHECK(*parse_bytes("65536") == 65536);
    CHECK(*parse_bytes("64K") == 65536);
    CHECK(*parse_bytes("64 KiB") == 65536);
    CHECK(*parse_bytes("2mb") == 2U << 20U);
    CHECK(*parse_bytes("1G") == 1U << 30U);
    for (const char* bad :
         {"", "K", "-1", "1.5M", "1KK", "1kM", "1T", "x", "18446744073709551616"}) {
        CHECK_FALSE(parse_bytes(bad).ok());
    }
    CHECK(parse_bytes("18446744073709551615K").status().code() == ERANGE);
}

TEST_CASE("times: numbers with units, in seconds") {
    CHECK(*parse_duration("0") == 0);
    CHECK(*parse_duration("90") == 90);
    CHECK(*parse_duration("90s") == 90);
    CHECK(*parse_duration("15m") == 900);
    CHECK(*parse_duration("36h") == 129'600);
    CHECK(*parse_duration("36500d") == kDurationMaxS);
    for (const char* bad : {"", "d", "-1", "1.5h", "1w", "1D", "1 d", "x", "1dd"}) {
        CHECK(parse_duration(bad).status().code() == EINVAL);
    }
    CHECK(parse_duration("36501d").status().code() == ERANGE);
    CHECK_FALSE(parse_duration("18446744073709551616").ok());
}

TEST_CASE("names: the closest one is offered, a far one is not") {
    const std::vector<std::string> names{"watch", "watch-fs", "socket"};
    CHECK(closest_name("wach", names) == "watch");
    CHECK(closest_name("Sockt", names) == "socket");
    CHECK(closest_name("banana", names).empty());
}
