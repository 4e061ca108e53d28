// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_oracle/inotify.hpp"

#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>

namespace vexfs::vm {

namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

}  // namespace

Result<std::unique_ptr<Inotify>> Inotify::open(std::size_t watches) {
    std::unique_ptr<Inotify> self(new Inotify);
    self->fd_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    void* memory = ::mmap(nullptr, (watches + 1) * sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!self->fd_.valid() || memory == MAP_FAILED) {
        return Status::error(errno, "inotify_init1");
    }
    self->inodes_ = static_cast<std::uint64_t*>(memory);
    self->watches_ = watches;
    self->buffer_.resize(kBufferBytes);
    return self;
}

Inotify::~Inotify() {
    if (inodes_ != nullptr) {
        ::munmap(inodes_, (watches_ + 1) * sizeof(std::uint64_t));
    }
}

void Inotify::watch(const std::string& directory) {
    const int number = ::inotify_add_watch(fd_.get(), directory.c_str(), IN_ALL_EVENTS);
    struct stat it {};
    if (number > 0 && static_cast<std::size_t>(number) <= watches_ &&
        ::stat(directory.c_str(), &it) == 0) {
        inodes_[number] = it.st_ino;
    }
}

std::vector<std::uint64_t> Inotify::new_watches() {
    std::vector<std::uint64_t> found;
    while (known_ < watches_ && inodes_[known_ + 1] != 0) {
        found.push_back(inodes_[++known_]);
    }
    return found;
}

Status Inotify::read(std::vector<Heard>& heard) {
    for (;;) {
        const ssize_t got = ::read(fd_.get(), buffer_.data(), buffer_.size());
        if (got < 0) {
            return errno == EAGAIN ? Status() : Status::error(errno, "read of inotify");
        }
        for (const char* at = buffer_.data(); at < buffer_.data() + got;) {
            const auto* event = reinterpret_cast<const inotify_event*>(at);
            at += sizeof *event + event->len;
            if ((event->mask & IN_Q_OVERFLOW) != 0) {
                overflows_++;
            } else {
                heard.push_back({.dir = static_cast<Number>(event->wd),
                                 .bits = event->mask & ~std::uint32_t{IN_ISDIR},
                                 .name = event->len == 0 ? "" : event->name});
            }
        }
    }
}

}  // namespace vexfs::vm
