// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_oracle/fanotify.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace vexfs::vm {

namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr unsigned kFlags = FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME_TARGET | FAN_REPORT_TID |
                            FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS | FAN_CLOEXEC | FAN_NONBLOCK;
constexpr std::uint64_t kMask = FAN_ACCESS | FAN_MODIFY | FAN_ATTRIB | FAN_CLOSE_WRITE |
                                FAN_CLOSE_NOWRITE | FAN_OPEN | FAN_OPEN_EXEC | FAN_MOVED_FROM |
                                FAN_MOVED_TO | FAN_CREATE | FAN_DELETE | FAN_DELETE_SELF |
                                FAN_MOVE_SELF | FAN_RENAME | FAN_ONDIR;

}  // namespace

Result<std::unique_ptr<Fanotify>> Fanotify::open(const std::string& directory) {
    std::unique_ptr<Fanotify> self(new Fanotify);
    self->fd_ = UniqueFd(::fanotify_init(kFlags, O_RDONLY));
    if (!self->fd_.valid()) {
        return Status::error(errno, "fanotify_init");
    }
    if (::fanotify_mark(self->fd_.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, kMask, AT_FDCWD,
                        directory.c_str()) != 0) {
        return Status::error(errno, "fanotify_mark " + directory);
    }
    self->buffer_.resize(kBufferBytes);
    return self;
}

Number Fanotify::number_of_handle(const void* handle) {
    file_handle head{};
    std::memcpy(&head, handle, sizeof head);
    const std::string bytes(static_cast<const char*>(handle), sizeof head + head.handle_bytes);
    return numbers_.emplace(bytes, static_cast<Number>(numbers_.size() + 1)).first->second;
}

Number Fanotify::number_of(const std::string& path) {
    alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> space{};
    auto* handle = reinterpret_cast<file_handle*>(space.data());
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount = 0;
    if (::name_to_handle_at(AT_FDCWD, path.c_str(), handle, &mount, 0) != 0) {
        return 0;
    }
    return number_of_handle(handle);
}

Said Fanotify::parse(const fanotify_event_metadata& event) {
    Said said{.tid = static_cast<std::uint32_t>(event.pid),
              .bits = static_cast<std::uint32_t>(event.mask)};
    const char* at = reinterpret_cast<const char*>(&event) + event.metadata_len;
    const char* end = reinterpret_cast<const char*>(&event) + event.event_len;
    while (at < end) {
        fanotify_event_info_header head{};
        std::memcpy(&head, at, sizeof head);
        const char* bytes = at + sizeof(fanotify_event_info_fid);
        at += head.len;
        file_handle handle{};
        std::memcpy(&handle, bytes, sizeof handle);
        const Number number = number_of_handle(bytes);
        const char* name = bytes + sizeof handle + handle.handle_bytes;
        switch (head.info_type) {
            case FAN_EVENT_INFO_TYPE_FID:
                said.object = number;
                break;
            case FAN_EVENT_INFO_TYPE_DFID:
                said.dir = number;
                break;
            case FAN_EVENT_INFO_TYPE_DFID_NAME:
            case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
                said.dir = number;
                said.name = name;
                break;
            case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
                said.dir2 = number;
                said.name2 = name;
                break;
            default:
                break;
        }
    }
    // A directory itself is told as "." in itself.
    if (said.name == "." && said.dir2 == 0) {
        said.object = said.dir;
        said.dir = 0;
        said.name.clear();
    }
    return said;
}

Status Fanotify::read(std::vector<Said>& said) {
    for (;;) {
        const ssize_t got = ::read(fd_.get(), buffer_.data(), buffer_.size());
        if (got < 0) {
            return errno == EAGAIN ? Status() : Status::error(errno, "read of fanotify");
        }
        auto left = static_cast<std::size_t>(got);
        for (const auto* event = reinterpret_cast<const fanotify_event_metadata*>(buffer_.data());
             FAN_EVENT_OK(event, left); event = FAN_EVENT_NEXT(event, left)) {
            if ((event->mask & FAN_Q_OVERFLOW) != 0) {
                overflows_++;
            } else {
                said.push_back(parse(*event));
            }
        }
    }
}

}  // namespace vexfs::vm
