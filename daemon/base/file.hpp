// SPDX-License-Identifier: Apache-2.0
// Whether a file is there; reading and writing it at an offset, to the end of what was asked for.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/status.hpp"

namespace vexfs {

// `what` was being done, for the message: "write journal". After an error any part may be written.
inline Status write_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                       const char* what) {
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno != EINTR) {
            return Status::from_errno(errno, what);
        }
        const auto written = static_cast<std::size_t>(n < 0 ? 0 : n);
        bytes = bytes.subspan(written);
        offset += written;
    }
    return {};
}

// How many bytes were read: fewer than there is place for only at the end of the file.
inline Result<std::size_t> read_at(int fd, std::span<std::byte> place, std::uint64_t offset,
                                   const char* what) {
    std::size_t done = 0;
    while (done < place.size()) {
        const ssize_t n = ::pread(fd, place.data() + done, place.size() - done,
                                  static_cast<off_t>(offset + done));
        if (n < 0 && errno != EINTR) {
            return Status::from_errno(errno, what);
        }
        if (n == 0) {
            break;
        }
        done += static_cast<std::size_t>(n < 0 ? 0 : n);
    }
    return done;
}

// Whether the directory has something of this name; links are not followed.
inline bool is_there(int directory, const std::string& name) {
    return ::faccessat(directory, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace vexfs
