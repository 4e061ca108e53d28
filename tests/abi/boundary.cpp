// SPDX-License-Identifier: Apache-2.0
// The boundary's numbers: the same in C and C++, and those that were published. The headers pin
// sizes and offsets themselves; here stands what a header could change without noticing.
#include <string_view>

#include "abi/boundary_in_c.h"
#include "abi/command.h"
#include "abi/event.h"
#include "abi/ioctl.h"
#include "abi/layout.h"
#include "record.h"
#include "support/catch.hpp"

TEST_CASE("C and C++ agree about the boundary") {
#define ROW(expression) {#expression, static_cast<unsigned long long>(expression)},
    const boundary_number in_cpp[] = {BOUNDARY_NUMBERS(ROW)};
#undef ROW
    std::size_t count = 0;
    const boundary_number* in_c = boundary_in_c(&count);
    REQUIRE(count == std::size(in_cpp));
    for (std::size_t i = 0; i < count; i++) {
        CAPTURE(in_c[i].what);
        CHECK(std::string_view(in_c[i].what) == in_cpp[i].what);
        CHECK(in_c[i].value == in_cpp[i].value);
    }
}

TEST_CASE("The calls have the numbers that were published") {
    CHECK(VX_ABI_VERSION == 1);
    CHECK(VX_IOC_QUERY == 0xC03056F0u);
    CHECK(VX_IOC_CREATE == 0xC08856F1u);
    CHECK(VX_IOC_WATCH_ADD == 0xC05056F2u);
    CHECK(VX_IOC_WATCH_REMOVE == 0x401056F3u);
    CHECK(VX_IOC_PUSH == 0xC01856F4u);
    CHECK(VX_IOC_BARRIER == 0xC01056F5u);
    CHECK(VX_IOC_STATS == 0xC40856F6u);
    CHECK(VX_IOC_WATCH_STATE == 0xC01856F7u);
}

TEST_CASE("Record types, flags and features keep their bits") {
    CHECK(VX_REC_EVENT == 1);
    CHECK(VX_REC_LOST == 2);
    CHECK(VX_REC_DIR == 3);
    CHECK(VX_REC_USER == 4);
    constexpr unsigned flags[] = {
        VX_F_DIRECTORY, VX_F_EXEC,     VX_F_WROTE,     VX_F_REPLACED,   VX_F_EXCHANGE,
        VX_F_TMPFILE,   VX_F_UNLINKED, VX_F_LAST_LINK, VX_F_FORCED,     VX_F_MODE,
        VX_F_OWNER,     VX_F_GROUP,    VX_F_DATASYNC,  VX_F_SYNC_FS,    VX_F_SYNC_ALL,
        VX_F_LAZY,      VX_F_BIND,     VX_F_REMOUNT,   VX_F_MOVE,       VX_F_SPECIAL,
        VX_F_RESYNC,    VX_F_NO_NAME,   VX_F_OPEN_TRUNC,
    };
    unsigned all = 0;
    for (std::size_t bit = 0; bit < std::size(flags); bit++) {
        CAPTURE(bit);
        CHECK(flags[bit] == 1u << bit);
        all |= flags[bit];
    }
    CHECK(VX_F_ALL == all);
    CHECK(VX_FEATURE_PUSH == 1);
    CHECK(VX_FEATURE_ATTR_PROBE == 2);
    CHECK(VX_FEATURE_MOUNT_PROBE == 4);
    CHECK(VX_FEATURE_SYNC_PROBE == 8);
    CHECK(VX_FEATURE_RENAME_PROBE == 16);
    CHECK(VX_FEATURE_INJECT == 32);
    CHECK(VX_DETAIL_FAILED == 1);
    CHECK(VX_DETAIL_RANGE == 2);
    CHECK(VX_DETAIL_DURATION == 4);
    CHECK(VX_DETAIL_ALL == 7);
}

TEST_CASE("A ring begins with its magic, readable in a dump") {
    const unsigned long long magic = VX_RING_MAGIC;
    CHECK(std::string_view(reinterpret_cast<const char*>(&magic), 8) == "VXRING01");
}

TEST_CASE("Sub-rings follow each other, twice each, behind the producers' pages") {
    constexpr __u64 m = 16384, d = 65536;
    const __u64 first = vx_data_off(3);
    CHECK(first == 4 * VX_PAGE);  // the header's page, and one for each producer
    CHECK(vx_data_off(1) == 2 * VX_PAGE);
    CHECK(vx_data_off(1024) == 1025 * VX_PAGE);
    __u64 at = first;
    for (__u32 producer = 0; producer < 3; producer++) {
        CHECK(vx_subring_off(3, m, d, producer, VX_CLASS_M) == at);
        at += 2 * m;
        CHECK(vx_subring_off(3, m, d, producer, VX_CLASS_D) == at);
        at += 2 * d;
    }
    CHECK(vx_ring_bytes(3, m, d) == at);
}
