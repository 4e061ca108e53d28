// SPDX-License-Identifier: Apache-2.0
// Mapping: the one owner of an mmap'd region. Move-only; unmaps when it goes.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <utility>

#include "base/status.hpp"

namespace vexfs {

class [[nodiscard]] Mapping {
  public:
    Mapping() = default;
    // Takes ownership of a region that mmap() returned.
    Mapping(void* data, std::size_t bytes) : data_(data), bytes_(bytes) {}
    Mapping(Mapping&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Mapping& operator=(Mapping&& other) noexcept {
        if (this != &other) {
            reset();
            data_ = std::exchange(other.data_, nullptr);
            bytes_ = std::exchange(other.bytes_, 0);
        }
        return *this;
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { reset(); }

    // mmap(): `prot` PROT_*, `flags` MAP_*, `offset` in bytes and page-aligned; `fd` -1 with
    // MAP_ANONYMOUS.
    static Result<Mapping> map(int fd, std::size_t bytes, int prot, int flags, off_t offset = 0) {
        void* data = ::mmap(nullptr, bytes, prot, flags, fd, offset);
        if (data == MAP_FAILED) {
            const int err = errno;
            return Status::from_errno(err, "mmap of " + std::to_string(bytes) +
                                               " bytes at offset " + std::to_string(offset));
        }
        return Mapping(data, bytes);
    }

    [[nodiscard]] bool valid() const { return data_ != nullptr; }
    explicit operator bool() const { return valid(); }
    [[nodiscard]] void* data() const { return data_; }
    [[nodiscard]] std::size_t size() const { return bytes_; }
    [[nodiscard]] std::span<std::byte> bytes() const {
        return {static_cast<std::byte*>(data_), bytes_};
    }

    void reset() {
        if (data_ != nullptr) {
            ::munmap(std::exchange(data_, nullptr), std::exchange(bytes_, 0));
        }
    }

  private:
    void* data_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace vexfs
