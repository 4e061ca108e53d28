// SPDX-License-Identifier: Apache-2.0
// Records for the tests of the boundary, in memory of exactly their length.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "abi/event.h"
#include "record.h"

namespace vexfs::test {

// A well-formed event record. Its memory ends where the record ends, so that a sanitizer sees every
// look behind it.
class Record {
  public:
    explicit Record(unsigned op, std::string_view name = {}, std::string_view name2 = {})
        : len_(vx_event_len(op, static_cast<__u32>(name.size()), static_cast<__u32>(name2.size()))),
          words_(new std::uint64_t[len_ / 8]()) {
        vx_event& e = event();
        e.rec.type = VX_REC_EVENT;
        e.rec.op = static_cast<__u16>(op);
        e.ino = 12;
        vx_event_strings(&e, name.data(), static_cast<__u32>(name.size()), name2.data(),
                         static_cast<__u32>(name2.size()));
    }

    vx_event& event() { return *reinterpret_cast<vx_event*>(words_.get()); }
    char* bytes() { return reinterpret_cast<char*>(words_.get()); }
    [[nodiscard]] std::uint32_t len() const { return len_; }
    // What vx_event_check says, all of the record being readable.
    [[nodiscard]] int check() const { return vx_event_check(words_.get(), len_); }
    [[nodiscard]] int check(std::uint64_t avail) const {
        return vx_event_check(words_.get(), avail);
    }

  private:
    std::uint32_t len_;
    std::unique_ptr<std::uint64_t[]> words_;
};

}  // namespace vexfs::test
