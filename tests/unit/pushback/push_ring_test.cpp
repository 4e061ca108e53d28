// SPDX-License-Identifier: Apache-2.0
// The push ring against a kernel that is played: it reads the entries out of the mapping and
// answers.
#include "pushback/push_ring.hpp"

#include <cstring>
#include <vector>

#include "abi/command.h"
#include "base/fd.hpp"
#include "support/catch.hpp"
#include "support/records.hpp"

using namespace vexfs;
using vexfs::test::Record;

namespace {

constexpr std::uint64_t kSize = VX_PUSH_MIN;

// The kernel's side of the mapping.
class Kernel {
  public:
    Kernel() {
        UniqueFd fd(::memfd_create("push", MFD_CLOEXEC));
        REQUIRE(::ftruncate(fd.get(), VX_PUSH_ENTRIES_OFF + kSize) == 0);
        auto all = Mapping::map(-1, vx_push_bytes(kSize), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
        REQUIRE(all.ok());
        area = std::move(all).value();
        auto* at = static_cast<std::byte*>(area.data());
        place(at, VX_PUSH_ENTRIES_OFF + kSize, fd.get(), 0);
        place(at + VX_PUSH_ENTRIES_OFF + kSize, kSize, fd.get(), VX_PUSH_ENTRIES_OFF);
        header()->size = kSize;
    }

    Status handle(std::uint32_t entries, vx_push_call& call) {
        calls++;
        for (std::uint32_t i = 0; i < entries && call.handled < limit; i++) {
            const auto* entry = reinterpret_cast<const vx_push*>(
                static_cast<std::byte*>(area.data()) + VX_PUSH_ENTRIES_OFF + (head_ & (kSize - 1)));
            const auto* event = reinterpret_cast<const vx_event*>(entry + 1);
            CHECK(head_ + entry->len <= header()->tail);
            CHECK(vx_event_check(event, entry->len - sizeof(vx_push)) == 0);
            seen.push_back(entry->user_data);
            const int result = entry->user_data == bad ? -ENOENT : 0;
            results()[seen.size() - 1 & (VX_PUSH_RESULTS - 1)] = {entry->user_data, result, 1};
            call.failed += result != 0;
            call.handled++;
            head_ += entry->len;
        }
        header()->head = head_;
        return error == 0 ? Status() : Status::from_errno(error, "push");
    }

    vx_push_header* header() { return static_cast<vx_push_header*>(area.data()); }

    Mapping area;
    std::vector<std::uint64_t> seen;
    std::uint64_t bad = ~0ull;
    std::uint32_t limit = ~0u;
    int error = 0;
    unsigned calls = 0;

  private:
    static void place(std::byte* at, std::size_t bytes, int fd, off_t offset) {
        REQUIRE(::mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset) ==
                at);
    }
    vx_push_result* results() {
        return reinterpret_cast<vx_push_result*>(static_cast<std::byte*>(area.data()) +
                                                 VX_PUSH_RESULTS_OFF);
    }

    std::uint64_t head_ = 0;
};

}  // namespace

TEST_CASE("every entry reaches the kernel once, in order, also around the end of the ring") {
    Kernel kernel;
    PushRing ring(kernel.area,
                  [&](std::uint32_t n, vx_push_call& c) { return kernel.handle(n, c); });
    Record record(VX_OP_FILE_RENAME);
    for (std::uint64_t i = 0; i < 5000; i++) {
        record.names(std::string(i % 200 + 1, 'n'), "old");
        REQUIRE(ring.add(record.event(), {.uop_mask = 1, .user_data = i}).ok());
    }
    REQUIRE(ring.flush().ok());
    REQUIRE(kernel.seen.size() == 5000);
    for (std::uint64_t i = 0; i < 5000; i++) {
        REQUIRE(kernel.seen[i] == i);
    }
    CHECK(ring.counters().pushed == 5000);
    CHECK(ring.counters().by_op[VX_OP_FILE_RENAME] == 5000);
    CHECK(kernel.calls < 500);  // in batches
}

TEST_CASE("a bad entry is counted as failed and the rest proceed") {
    Kernel kernel;
    kernel.bad = 3;
    PushRing ring(kernel.area,
                  [&](std::uint32_t n, vx_push_call& c) { return kernel.handle(n, c); });
    const Record record(VX_OP_FILE_CREATE);
    for (std::uint64_t i = 0; i < 10; i++) {
        REQUIRE(ring.add(record.event(), {.uop_mask = 1, .user_data = i}).ok());
    }
    REQUIRE(ring.flush().ok());
    CHECK(ring.counters().pushed == 9);
    CHECK(ring.counters().failed == 1);
    CHECK(ring.counters().last_error == ENOENT);
}

TEST_CASE("what a failing call did not handle is failed, and the ring goes on") {
    Kernel kernel;
    kernel.limit = 4;
    kernel.error = EBADMSG;
    PushRing ring(kernel.area,
                  [&](std::uint32_t n, vx_push_call& c) { return kernel.handle(n, c); });
    const Record record(VX_OP_FILE_CREATE);
    for (std::uint64_t i = 0; i < 10; i++) {
        REQUIRE(ring.add(record.event(), {.uop_mask = 1, .user_data = i}).ok());
    }
    CHECK(ring.flush().code() == EBADMSG);
    CHECK(ring.counters().pushed == 4);
    CHECK(ring.counters().failed == 6);
    kernel.limit = ~0u;
    kernel.error = 0;
    REQUIRE(ring.add(record.event(), {.uop_mask = 1, .user_data = 77}).ok());
    REQUIRE(ring.flush().ok());
    CHECK(kernel.seen.back() == 77);
    CHECK(ring.counters().pushed == 5);
}

TEST_CASE("every userspace operation of a unit is counted once, and none of a bad entry") {
    Kernel kernel;
    kernel.bad = 1;
    PushRing ring(kernel.area,
                  [&](std::uint32_t n, vx_push_call& c) { return kernel.handle(n, c); });
    const Record record(VX_OP_FILE_CREATE);
    const std::uint32_t unit =
        1U << VX_UOP_GRAPH_NODE_CREATE | 1U << VX_UOP_VECTOR_INDEX_REBUILD;
    REQUIRE(ring.add(record.event(), {.uop_mask = unit, .user_data = 0}).ok());
    REQUIRE(ring.add(record.event(), {.uop_mask = unit, .user_data = 1}).ok());
    REQUIRE(ring.add(record.event(), {.uop_mask = 1, .user_data = 2}).ok());
    REQUIRE(ring.flush().ok());
    CHECK(ring.counters().by_uop[VX_UOP_GRAPH_NODE_CREATE] == 2);
    CHECK(ring.counters().by_uop[VX_UOP_VECTOR_INDEX_REBUILD] == 1);
    CHECK(ring.counters().by_uop[VX_UOP_GRAPH_EDGE_CREATE] == 0);
}

TEST_CASE("an entry without a userspace operation is refused") {
    Kernel kernel;
    PushRing ring(kernel.area,
                  [&](std::uint32_t n, vx_push_call& c) { return kernel.handle(n, c); });
    const Record record(VX_OP_FILE_CREATE);
    CHECK(ring.add(record.event(), {.uop_mask = 0}).code() == EINVAL);
    CHECK(ring.waiting() == 0);
}
