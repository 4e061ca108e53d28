// SPDX-License-Identifier: Apache-2.0
// PushKernel: the kernel's side of a push ring, played. Reads the entries out of the mapping,
// checks them, and answers.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "abi/command.h"
#include "base/fd.hpp"
#include "base/mapping.hpp"
#include "pushback/push_ring.hpp"
#include "support/catch.hpp"

namespace vexfs::test {

class PushKernel {
  public:
    static constexpr std::uint64_t kSize = VX_PUSH_MIN;

    PushKernel() {
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
            last = *entry;
            last_event.assign(reinterpret_cast<const std::byte*>(event),
                              reinterpret_cast<const std::byte*>(event) + event->rec.len);
            const int result = entry->user_data == bad ? -ENOENT : 0;
            results()[seen.size() - 1 & (VX_PUSH_RESULTS - 1)] = {entry->user_data, result, 1};
            call.failed += result != 0;
            call.handled++;
            head_ += entry->len;
        }
        header()->head = head_;
        return error == 0 ? Status() : Status::from_errno(error, "push");
    }

    PushCall call() {
        return [this](std::uint32_t entries, vx_push_call& call) { return handle(entries, call); };
    }

    vx_push_header* header() { return static_cast<vx_push_header*>(area.data()); }

    Mapping area;
    std::vector<std::uint64_t> seen;  // user_data of each entry
    vx_push last{};
    std::vector<std::byte> last_event;
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

}  // namespace vexfs::test
