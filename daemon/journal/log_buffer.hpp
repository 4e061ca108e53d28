// SPDX-License-Identifier: Apache-2.0
// LogBuffer: the last bytes of an endless log, in memory. A position counts all bytes since the
// beginning; the buffer holds those between begin() and end(), each range of them in one piece,
// because its pages are mapped twice in a row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mapping.hpp"
#include "base/status.hpp"

namespace vexfs::journal {

class LogBuffer {
  public:
    // `capacity` in bytes: a power of two, at least a page. ENOMEM and the like.
    static Result<LogBuffer> create(std::size_t capacity);

    [[nodiscard]] std::size_t capacity() const { return capacity_; }
    [[nodiscard]] std::uint64_t begin() const { return begin_; }
    [[nodiscard]] std::uint64_t end() const { return end_; }
    [[nodiscard]] std::size_t room() const { return capacity_ - (end_ - begin_); }

    // Where the next bytes go: room() bytes can be written there, then add() makes them part of
    // the log.
    [[nodiscard]] std::byte* tail() { return data() + (end_ & (capacity_ - 1)); }
    void add(std::size_t bytes) { end_ += bytes; }

    // Those between two positions within begin() and end().
    [[nodiscard]] std::span<const std::byte> bytes(std::uint64_t from, std::uint64_t to) const {
        return {data() + (from & (capacity_ - 1)), to - from};
    }

    // What lies before `position` is not needed any more.
    void drop(std::uint64_t position) { begin_ = position; }

  private:
    LogBuffer(Mapping mapping, std::size_t capacity)
        : mapping_(std::move(mapping)), capacity_(capacity) {}
    [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(mapping_.data()); }

    Mapping mapping_;
    std::size_t capacity_;
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
};

}  // namespace vexfs::journal
