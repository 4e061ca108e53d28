// SPDX-License-Identifier: Apache-2.0
// What a file is at this moment, asked of the kernel by means that raise no event.
#pragma once

#include <cstdint>
#include <string>

namespace vexfs::vm {

struct Object {
    std::uint64_t ino = 0;  // 0: there is none
    std::uint32_t gen = 0;
    std::uint32_t mode = 0;
    std::uint32_t nlink = 0;
    std::uint64_t size = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};

// Of a path, symbolic links not followed; of an open file. The generation comes from the file
// handle (name_to_handle_at), as NFS would use it.
Object look(const std::string& path);
Object look(int fd);

// The directory that `path` is in.
std::string parent_of(const std::string& path);

}  // namespace vexfs::vm
