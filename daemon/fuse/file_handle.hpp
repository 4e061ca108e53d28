// SPDX-License-Identifier: Apache-2.0
// FileHandle: the file system's own name of an inode (name_to_handle_at), which outlives
// descriptors, and the inode generation that most file systems put into it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "base/fd.hpp"

namespace vexfs::fuse {

class FileHandle {
  public:
    // Handles longer than this are not kept.
    static constexpr std::size_t kMaxBytes = 40;

    // Of an O_PATH descriptor; empty if the file system has none.
    static FileHandle of(int fd);

    [[nodiscard]] bool empty() const { return bytes_ == 0; }
    [[nodiscard]] bool operator==(const FileHandle& other) const {
        return bytes_ == other.bytes_ && type_ == other.type_ &&
               std::memcmp(data_.data(), other.data_.data(), bytes_) == 0;
    }
    // The inode generation; 0 where the handle's layout is not known.
    [[nodiscard]] std::uint32_t generation() const;
    // Opens O_PATH; errno is set when the result is not valid. `mount_fd`: any open file or
    // directory of that file system.
    [[nodiscard]] UniqueFd open_path(int mount_fd) const;

  private:
    std::uint8_t bytes_ = 0;
    int type_ = 0;
    std::array<unsigned char, kMaxBytes> data_{};
};

}  // namespace vexfs::fuse
