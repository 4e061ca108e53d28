// SPDX-License-Identifier: Apache-2.0
// vx_event_check: every well-formed record is accepted, and each field that is wrong gets the error
// that record.h documents.
#include <cerrno>
#include <climits>
#include <string>

#include "abi/record_builder.hpp"
#include "support/catch.hpp"

using vexfs::test::Record;

namespace {

std::string name_of(std::size_t length) {
    return std::string(length, 'n');
}

// Record with room behind it, so that its own length can claim more than it has.
constexpr std::size_t kLongest = VX_EVENT_MAX + 64;

}  // namespace

TEST_CASE("Well-formed records of every operation are accepted") {
    for (unsigned op = 0; op < VX_OP_COUNT; op++) {
        CAPTURE(op);
        CHECK(Record(op).check() == 0);
        for (std::size_t length = 1; length <= VX_NAME_MAX; length++) {
            CAPTURE(length);
            REQUIRE(Record(op, name_of(length)).check() == 0);
            REQUIRE(Record(op, name_of(length), name_of(length % 19)).check() == 0);
        }
        CHECK(Record(op, {}, name_of(VX_NAME2_MAX)).check() == 0);
        CHECK(Record(op, name_of(VX_NAME_MAX), name_of(VX_NAME2_MAX)).check() == 0);
    }
}

TEST_CASE("Every byte but '/' and zero can stand in a name") {
    for (unsigned op = 0; op < VX_OP_COUNT; op++) {
        for (int byte = 0; byte < 256; byte++) {
            CAPTURE(op, byte);
            const std::string name = {'a', static_cast<char>(byte), 'b'};
            const int expected = byte == 0 || byte == '/' ? -EINVAL : 0;
            REQUIRE(Record(op, name).check() == expected);
            if (op == VX_OP_FILE_RENAME) {
                REQUIRE(Record(op, "new", name).check() == expected);
            }
        }
    }
}

TEST_CASE("A forbidden byte is found wherever it stands in the name") {
    for (std::size_t at = 0; at < VX_NAME_MAX; at++) {
        std::string name = name_of(VX_NAME_MAX);
        name[at] = '/';
        REQUIRE(Record(VX_OP_FILE_CREATE, name).check() == -EINVAL);
        REQUIRE(Record(VX_OP_FILE_RENAME, "new", name).check() == -EINVAL);
    }
}

TEST_CASE("The target of a symlink and the source of a mount may hold slashes") {
    CHECK(Record(VX_OP_SYMLINK_CREATE, "link", "../a/b").check() == 0);
    CHECK(Record(VX_OP_MOUNT, "mnt", "ext4:/dev/vda").check() == 0);
}

TEST_CASE("A length that cannot be believed is -EBADMSG") {
    for (unsigned op = 0; op < VX_OP_COUNT; op++) {
        CAPTURE(op);
        Record record(op, "name", "name2");
        for (std::uint32_t len = 0; len < record.len(); len++) {
            record.event().rec.len = len;
            REQUIRE(record.check() == -EBADMSG);
        }
        record.event().rec.len = record.len() + 8;
        CHECK(record.check() == -EBADMSG);
        record.event().rec.len = UINT32_MAX & ~7u;
        CHECK(record.check() == -EBADMSG);
    }
}

TEST_CASE("A record of which only a part can be read is -EBADMSG") {
    Record record(VX_OP_FILE_RENAME, "new", "old");
    for (std::uint64_t avail = 0; avail < record.len(); avail++) {
        REQUIRE(record.check(avail) == -EBADMSG);
    }
    CHECK(record.check() == 0);
}

TEST_CASE("A length that is not that of its parts is -EBADMSG although the room is there") {
    alignas(8) static char room[kLongest];
    std::memset(room, 0, sizeof(room));
    Record record(VX_OP_FILE_CREATE, "name");
    std::memcpy(room, record.bytes(), record.len());
    auto& e = *reinterpret_cast<vx_event*>(room);
    for (std::uint32_t len = 0; len <= kLongest; len++) {
        e.rec.len = len;
        REQUIRE(vx_event_check(room, sizeof(room)) == (len == record.len() ? 0 : -EBADMSG));
    }
}

TEST_CASE("Anything but an event is -EPROTO") {
    Record record(VX_OP_FILE_CREATE, "name");
    for (unsigned type = 0; type <= UINT16_MAX; type++) {
        record.event().rec.type = static_cast<__u16>(type);
        REQUIRE(record.check() == (type == VX_REC_EVENT ? 0 : -EPROTO));
    }
}

TEST_CASE("An operation that is none of the 18 is -EPROTO") {
    Record record(VX_OP_FILE_CREATE, "name");
    for (unsigned op = VX_OP_COUNT; op <= UINT16_MAX; op++) {
        record.event().rec.op = static_cast<__u16>(op);
        REQUIRE(record.check() == -EPROTO);
    }
}

TEST_CASE("A name above its limit is -ENAMETOOLONG") {
    for (unsigned length = VX_NAME_MAX + 1; length <= UINT16_MAX; length++) {
        Record record(VX_OP_FILE_CREATE, "name", "name2");
        record.event().name_len = static_cast<__u16>(length);
        REQUIRE(record.check() == -ENAMETOOLONG);
    }
    for (unsigned length = VX_NAME2_MAX + 1; length <= UINT16_MAX; length++) {
        Record record(VX_OP_FILE_CREATE, "name", "name2");
        record.event().name2_len = static_cast<__u16>(length);
        REQUIRE(record.check() == -ENAMETOOLONG);
    }
}

TEST_CASE("Name lengths that do not add up to the record's are -EBADMSG") {
    for (unsigned length = 0; length <= VX_NAME_MAX; length++) {
        Record record(VX_OP_FILE_CREATE, "12345678");
        record.event().name_len = static_cast<__u16>(length);
        // 1 to 7 bytes are as long a record, whose padding is then not zero.
        const int expected = length == 8 ? 0 : (length >= 1 && length <= 7) ? -EINVAL : -EBADMSG;
        CAPTURE(length);
        REQUIRE(record.check() == expected);
    }
}

TEST_CASE("Each known flag is accepted, each unknown one is -EINVAL") {
    for (unsigned bit = 0; bit < 32; bit++) {
        Record record(VX_OP_FILE_WRITE, "name");
        record.event().flags = 1u << bit;
        CAPTURE(bit);
        CHECK(record.check() == ((VX_F_ALL >> bit & 1) != 0 ? 0 : -EINVAL));
        record.event().flags |= VX_F_ALL;
        CHECK(record.check() == ((VX_F_ALL >> bit & 1) != 0 ? 0 : -EINVAL));
    }
}

TEST_CASE("An error is 0 or a negative errno, otherwise -EINVAL") {
    Record record(VX_OP_FILE_WRITE, "name");
    for (int error = -4095; error <= 0; error++) {
        record.event().error = error;
        REQUIRE(record.check() == 0);
    }
    for (const int error : {1, 2, 4095, INT_MAX, -4096, INT_MIN}) {
        record.event().error = error;
        CAPTURE(error);
        CHECK(record.check() == -EINVAL);
    }
}

TEST_CASE("Padding that is not zero is -EINVAL, byte by byte") {
    for (const unsigned op : {VX_OP_FILE_CREATE, VX_OP_FILE_RENAME}) {
        for (std::size_t length = 0; length <= 16; length++) {
            Record record(op, name_of(length / 2), name_of(length - length / 2));
            const auto used = vx_event_fixed(op) + static_cast<std::uint32_t>(length);
            for (std::uint32_t at = used; at < record.len(); at++) {
                record.bytes()[at] = 1;
                CAPTURE(op, length, at);
                REQUIRE(record.check() == -EINVAL);
                record.bytes()[at] = 0;
            }
            REQUIRE(record.check() == 0);
        }
    }
}

TEST_CASE("A record of the longest kind is accepted, and nothing longer") {
    alignas(8) static char room[kLongest];
    std::memset(room, 0, sizeof(room));
    Record record(VX_OP_FILE_RENAME, name_of(VX_NAME_MAX), name_of(VX_NAME2_MAX));
    CHECK(record.len() <= VX_EVENT_MAX);
    CHECK(record.check() == 0);
    std::memcpy(room, record.bytes(), record.len());
    auto& e = *reinterpret_cast<vx_event*>(room);
    e.rec.len = VX_EVENT_MAX + 8;
    CHECK(vx_event_check(room, sizeof(room)) == -EBADMSG);
}
