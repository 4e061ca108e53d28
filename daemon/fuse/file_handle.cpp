// SPDX-License-Identifier: Apache-2.0
#include "fuse/file_handle.hpp"

#include <fcntl.h>

namespace vexfs::fuse {

namespace {

struct RawHandle {
    struct file_handle head;
    unsigned char data[FileHandle::kMaxBytes];
};

// Layouts: include/linux/exportfs.h (enum fid_type) and the encoders of the file systems.
constexpr int kIno32Gen = 0x01;     // ext4, f2fs, ...: {u32 ino, u32 gen}; tmpfs: {gen, ino lo, hi}
constexpr int kXfsIno64Gen = 0x81;  // {u64 ino, u32 gen}
constexpr int kBtrfsNoParent = 0x4d;  // {u64 object, u64 root, u32 gen}

}  // namespace

FileHandle FileHandle::of(int fd) {
    RawHandle raw{};
    raw.head.handle_bytes = kMaxBytes;
    int mount_id = 0;
    FileHandle handle;
    if (::name_to_handle_at(fd, "", &raw.head, &mount_id, AT_EMPTY_PATH) != 0 ||
        raw.head.handle_bytes > kMaxBytes) {
        return handle;
    }
    handle.bytes_ = static_cast<std::uint8_t>(raw.head.handle_bytes);
    handle.type_ = raw.head.handle_type;
    std::memcpy(handle.data_.data(), raw.head.f_handle, handle.bytes_);
    return handle;
}

std::uint32_t FileHandle::generation() const {
    std::size_t at = 0;
    if (type_ == kIno32Gen && bytes_ == 8) {
        at = 4;
    } else if (type_ == kIno32Gen && bytes_ == 12) {
        at = 0;
    } else if (type_ == kXfsIno64Gen && bytes_ >= 12) {
        at = 8;
    } else if (type_ == kBtrfsNoParent && bytes_ >= 20) {
        at = 16;
    } else {
        return 0;
    }
    std::uint32_t gen = 0;
    std::memcpy(&gen, data_.data() + at, sizeof gen);
    return gen;
}

UniqueFd FileHandle::open_path(int mount_fd) const {
    RawHandle raw{};
    raw.head.handle_bytes = bytes_;
    raw.head.handle_type = type_;
    std::memcpy(raw.head.f_handle, data_.data(), bytes_);
    return UniqueFd(::open_by_handle_at(mount_fd, &raw.head, O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace vexfs::fuse
