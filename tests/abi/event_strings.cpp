// SPDX-License-Identifier: Apache-2.0
// vx_event_strings: names of every length stand where the reader looks for them, the padding is
// zero whatever was in the ring before, and nothing behind the record is touched.
#include <string>
#include <vector>

#include "abi/record_builder.hpp"
#include "support/catch.hpp"

namespace {

constexpr unsigned char kBefore = 0xa5;  // what the memory holds from an earlier turn of the ring
constexpr std::size_t kGuard = 64;

void build_and_look(unsigned op, const std::string& name, const std::string& name2) {
    static std::vector<std::uint64_t> room((VX_EVENT_MAX + kGuard) / 8);
    auto* bytes = reinterpret_cast<unsigned char*>(room.data());
    std::memset(bytes, kBefore, VX_EVENT_MAX + kGuard);
    const std::uint32_t fixed = vx_event_fixed(op);
    std::memset(bytes, 0, fixed);
    auto& e = *reinterpret_cast<vx_event*>(bytes);
    e.rec.type = VX_REC_EVENT;
    e.rec.op = static_cast<__u16>(op);

    const std::uint32_t len = vx_event_strings(&e, name.data(), static_cast<__u32>(name.size()),
                                               name2.data(), static_cast<__u32>(name2.size()));

    REQUIRE(len == e.rec.len);
    REQUIRE(len % 8 == 0);
    REQUIRE(len - fixed - name.size() - name2.size() < 8);
    REQUIRE(std::string(vx_event_name(&e), e.name_len) == name);
    REQUIRE(std::string(vx_event_name2(&e), e.name2_len) == name2);
    for (std::size_t at = fixed + name.size() + name2.size(); at < len; at++) {
        REQUIRE(bytes[at] == 0);
    }
    for (std::size_t at = len; at < len + kGuard; at++) {
        REQUIRE(bytes[at] == kBefore);
    }
    REQUIRE(vx_event_check(bytes, len) == 0);
}

}  // namespace

TEST_CASE("Every length of a name, alone and with every remainder of a second one") {
    for (const unsigned op : {VX_OP_FILE_CREATE, VX_OP_FILE_RENAME}) {
        for (std::size_t length = 0; length <= VX_NAME_MAX; length++) {
            for (std::size_t length2 = 0; length2 <= 8; length2++) {
                CAPTURE(op, length, length2);
                build_and_look(op, std::string(length, 'n'), std::string(length2, 'o'));
            }
        }
    }
}

TEST_CASE("Every length of a second name") {
    for (const unsigned op : {VX_OP_SYMLINK_CREATE, VX_OP_FILE_RENAME}) {
        for (std::size_t length2 = 0; length2 <= VX_NAME2_MAX; length2++) {
            CAPTURE(op, length2);
            build_and_look(op, "name", std::string(length2, 'o'));
        }
    }
}

TEST_CASE("The part behind a rename is where the names do not reach") {
    vexfs::test::Record record(VX_OP_FILE_RENAME, "new", "old");
    vx_rename* rename = vx_event_rename(&record.event());
    REQUIRE(rename != nullptr);
    rename->old_parent_ino = ~0ull;
    rename->target_mode = ~0u;
    CHECK(std::string(vx_event_name(&record.event()), 3) == "new");
    CHECK(std::string(vx_event_name2(&record.event()), 3) == "old");
    CHECK(record.check() == 0);
    vexfs::test::Record other(VX_OP_FILE_CREATE, "new", "old");
    CHECK(vx_event_rename(&other.event()) == nullptr);
    CHECK(vx_event_rename_const(&other.event()) == nullptr);
}
