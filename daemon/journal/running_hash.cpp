// SPDX-License-Identifier: Apache-2.0
#include "journal/running_hash.hpp"

#include <unistd.h>

#include <algorithm>
#include <vector>

namespace vexfs::journal {

Status RunningHash::add(int fd, std::uint64_t from, std::uint64_t to) {
    std::vector<std::byte> chunk(std::size_t{1} << 20U);
    while (from < to) {
        const std::size_t want = std::min<std::uint64_t>(chunk.size(), to - from);
        const ssize_t n = ::pread(fd, chunk.data(), want, static_cast<off_t>(from));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return Status::from_errno(n < 0 ? errno : EIO, "read journal");
        }
        add({chunk.data(), static_cast<std::size_t>(n)});
        from += static_cast<std::uint64_t>(n);
    }
    return {};
}

}  // namespace vexfs::journal
