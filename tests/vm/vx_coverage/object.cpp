// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_coverage/object.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>

namespace vexfs::vm {

namespace {

struct Handle {
    file_handle head;
    unsigned char bytes[MAX_HANDLE_SZ];
};

// exportfs: 1 = FILEID_INO32_GEN (inode, generation); tmpfs uses 1 for (generation, inode, high).
std::uint32_t generation(int dirfd, const char* path, std::uint64_t ino) {
    Handle handle{};
    handle.head.handle_bytes = MAX_HANDLE_SZ;
    int mount = 0;
    if (::name_to_handle_at(dirfd, path, &handle.head, &mount, AT_EMPTY_PATH) != 0) {
        return 0;
    }
    std::uint32_t words[3] = {};
    std::memcpy(words, handle.head.f_handle, sizeof(words));
    return words[0] == static_cast<std::uint32_t>(ino) && handle.head.handle_bytes == 8 ? words[1]
                                                                                        : words[0];
}

Object from(int dirfd, const char* path) {
    struct stat st {};
    if (::fstatat(dirfd, path, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) {
        return {};
    }
    return {.ino = st.st_ino,
            .gen = generation(dirfd, path, st.st_ino),
            .mode = st.st_mode,
            .nlink = static_cast<std::uint32_t>(st.st_nlink),
            .size = static_cast<std::uint64_t>(st.st_size),
            .uid = st.st_uid,
            .gid = st.st_gid};
}

}  // namespace

Object look(const std::string& path) {
    return from(AT_FDCWD, path.c_str());
}

Object look(int fd) {
    return from(fd, "");
}

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace vexfs::vm
