// SPDX-License-Identifier: Apache-2.0
#include "ring/channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include <chrono>
#include <thread>

#include "abi/version.h"

namespace vexfs {

namespace {

Status explain_open(int err) {
    switch (err) {
        case ENOENT:
        case ENODEV:
        case ENXIO:
            return Status::error(
                err,
                "/dev/vexfs: the kernel module is not loaded: `insmod vexfs.ko`, or run "
                "with --no-kmod to see only what goes through the mount");
        case EPERM:
        case EACCES:
            return Status::error(
                err,
                "/dev/vexfs: permission denied: needs root (CAP_SYS_ADMIN), or run with "
                "--no-kmod to see only what goes through the mount");
        default:
            return Status::from_errno(err, "open /dev/vexfs");
    }
}

template <typename T>
Status call(int fd, unsigned long request, T& argument, const char* what) {
    while (::ioctl(fd, request, &argument) != 0) {
        if (errno != EINTR) {
            return Status::from_errno(errno, what);
        }
    }
    return {};
}

// The files that an io_uring had open are closed a moment after its process has ended.
constexpr auto kOwnerEnds = std::chrono::seconds(10);
constexpr auto kLookAgain = std::chrono::milliseconds(20);

Status create_channel(int fd, vx_create& create) {
    const auto until = std::chrono::steady_clock::now() + kOwnerEnds;
    for (;;) {
        Status status = call(fd, VX_IOC_CREATE, create, "make a channel");
        if (status.code() != EBUSY) {
            return status;
        }
        if (std::chrono::steady_clock::now() > until) {
            return Status::error(
                EBUSY, fmt::format("another process has the channel {} of this journal: "
                                   "/sys/kernel/debug/vexfs/channels has its pid",
                                   create.name));
        }
        std::this_thread::sleep_for(kLookAgain);
    }
}

}  // namespace

Result<std::unique_ptr<Channel>> Channel::open(const ChannelConfig& config) {
    std::unique_ptr<Channel> self(new Channel);
    self->fd_.reset(::open(VX_DEVICE, O_RDWR | O_CLOEXEC));
    if (!self->fd_) {
        return explain_open(errno);
    }
    self->query_.size = sizeof(vx_query);
    if (Status s =
            call(self->fd_.get(), VX_IOC_QUERY, self->query_, "ask vexfs.ko for its version");
        !s) {
        return s;
    }
    if (self->query_.abi_version != VX_ABI_VERSION) {
        return Status::error(
            EPROTO,
            fmt::format("vexfs.ko speaks ABI version {}, vexfsd version {}: install both from "
                        "one release",
                        self->query_.abi_version, VX_ABI_VERSION));
    }
    vx_create& create = self->create_;
    create.size = sizeof(vx_create);
    create.size_m = config.size_m;
    create.size_d = config.size_d;
    create.push_size = config.push_size;
    create.user_ops = config.user_ops;
    create.linger_s = config.linger_s;
    config.name.copy(create.name, VX_CHANNEL_NAME_MAX);
    if (Status s = create_channel(self->fd_.get(), create); !s) {
        return s.with_context(
            fmt::format("ring of {} + {} bytes a CPU", config.size_m, config.size_d));
    }
    if (Status s = self->map(); !s) {
        return s.with_context("map the channel");
    }
    return self;
}

Status Channel::map() {
    const auto offset = [](std::uint64_t at) { return static_cast<off_t>(at); };
    Result<Mapping> ring =
        Mapping::map(fd_.get(), create_.ring_bytes, PROT_READ, MAP_SHARED, offset(VX_MMAP_RING));
    if (!ring) {
        return ring.status();
    }
    Result<Mapping> consumer =
        Mapping::map(fd_.get(), create_.consumer_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                     offset(VX_MMAP_CONSUMER));
    if (!consumer) {
        return consumer.status();
    }
    Result<Mapping> push = Mapping::map(fd_.get(), create_.push_bytes, PROT_READ | PROT_WRITE,
                                        MAP_SHARED, offset(VX_MMAP_PUSH));
    if (!push) {
        return push.status();
    }
    ring_ = std::move(*ring);
    consumer_ = std::move(*consumer);
    push_ = std::move(*push);
    return {};
}

Result<WatchInfo> Channel::add_watch(const WatchRequest& request) {
    UniqueFd path(::open(request.path.c_str(), O_PATH | O_CLOEXEC));
    if (!path) {
        return Status::from_errno(errno, request.path);
    }
    vx_watch_add add{};
    add.size = sizeof(add);
    add.flags = (request.subtree ? VX_WATCH_SUBTREE : 0) | (request.not_me ? VX_WATCH_NOT_ME : 0) |
                (request.uid >= 0 ? VX_WATCH_UID : 0) | (request.pid >= 0 ? VX_WATCH_PID : 0);
    add.path_fd = path.get();
    add.ops = request.ops;
    add.detail = request.detail;
    add.uid = request.uid >= 0 ? static_cast<__u32>(request.uid) : 0;
    add.pid = request.pid >= 0 ? static_cast<__u32>(request.pid) : 0;
    if (Status s = call(fd_.get(), VX_IOC_WATCH_ADD, add, "watch"); !s) {
        return s.with_context(request.path);
    }
    return WatchInfo{.id = add.watch,
                     .fsid = add.fsid,
                     .ino = add.ino,
                     .root_ino = add.root_ino,
                     .dev = add.dev,
                     .gen = add.gen,
                     .root_gen = add.root_gen};
}

Status Channel::remove_watch(std::uint64_t id) {
    vx_watch_remove remove{.size = sizeof(vx_watch_remove), .flags = 0, .watch = id};
    return call(fd_.get(), VX_IOC_WATCH_REMOVE, remove, "remove a watch");
}

Status Channel::remove_inherited_watches() {
    vx_watch_remove remove{.size = sizeof(vx_watch_remove),
                           .flags = VX_WATCH_REMOVE_UP_TO,
                           .watch = create_.last_watch};
    Status status = call(fd_.get(), VX_IOC_WATCH_REMOVE, remove, "remove old watches");
    return status.code() == ENOENT ? Status() : status;
}

Result<bool> Channel::watch_gone(std::uint64_t id) {
    vx_watch_state state{};
    state.size = sizeof(state);
    state.watch = id;
    if (Status s = call(fd_.get(), VX_IOC_WATCH_STATE, state, "ask for a watch's state"); !s) {
        return s;
    }
    return state.state == VX_WATCH_GONE;
}

Status Channel::push(std::uint32_t entries, vx_push_call& argument) {
    argument = vx_push_call{};
    argument.size = sizeof(argument);
    argument.entries = entries;
    return call(fd_.get(), VX_IOC_PUSH, argument, "push events to the kernel");
}

Result<std::uint64_t> Channel::barrier() {
    vx_barrier argument{.size = sizeof(vx_barrier), .flags = 0, .tickets = 0};
    if (Status s = call(fd_.get(), VX_IOC_BARRIER, argument, "barrier"); !s) {
        return s;
    }
    return std::uint64_t{argument.tickets};
}

Result<vx_stats> Channel::stats() {
    vx_stats stats{};
    stats.size = sizeof(stats);
    if (Status s = call(fd_.get(), VX_IOC_STATS, stats, "read the channel's counters"); !s) {
        return s;
    }
    return stats;
}

}  // namespace vexfs
